#include "agent/fetch/origins.h"

#include "common/base/mem.h"

#include <errno.h>
#include <stdio.h>

struct origins {
    struct registry **items;
    size_t count;
    size_t current; /* had what was asked for last */
};

struct origins *origins_new(const struct registry_spec *specs, size_t count)
{
    struct origins *origins = xcalloc(1, sizeof(*origins));
    origins->items = xcalloc(count, sizeof(*origins->items));
    for (; origins->count < count; origins->count++)
        origins->items[origins->count] = registry_new(&specs[origins->count]);
    return origins;
}

void origins_free(struct origins *origins)
{
    if (!origins)
        return;
    for (size_t i = 0; i < origins->count; i++)
        registry_free(origins->items[i]);
    free(origins->items);
    free(origins);
}

/* Of this node, not of a registry: the next would fail alike. */
static bool is_ours(int rc)
{
    return rc == -ENOSPC || rc == -EDQUOT || rc == -EROFS;
}

int origins_get(void *ctx, const struct source_request *request, int fd, struct source_peer *peer,
                struct source_reply *reply, struct err *err)
{
    struct origins *origins = ctx;
    char first[100] = "";
    int rc = 0;
    for (size_t n = 0; n < origins->count; n++) {
        size_t i = (origins->current + n) % origins->count;
        *reply = (struct source_reply){0};
        rc = registry_get(origins->items[i], request, fd, peer, reply, err);
        if (rc == 0 || is_ours(rc)) {
            origins->current = i;
            return rc;
        }
        if (n == 0 && origins->count > 1)
            snprintf(first, sizeof(first), "%.99s", err->msg);
    }
    if (!first[0])
        return rc;
    char last[160];
    snprintf(last, sizeof(last), "%.140s", err->msg);
    return err_set(err, rc, "%s (before: %s)", last, first);
}
