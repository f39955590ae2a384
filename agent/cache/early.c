#include "agent/cache/early.h"

#include "common/base/cleanup.h"
#include "common/base/map.h"
#include "common/base/mem.h"

#include <string.h>

struct entry {
    size_t len;
    char payload[];
};

struct early {
    struct map *entries; /* digest -> struct entry, in order of arrival */
    size_t bytes;
};

struct early *early_new(void)
{
    struct early *early = xcalloc(1, sizeof(*early));
    early->entries = map_new();
    return early;
}

void early_free(struct early *early)
{
    if (!early)
        return;
    map_free(early->entries, free);
    free(early);
}

void early_del(struct early *early, const char *digest)
{
    struct entry *entry = map_del(early->entries, digest);
    if (!entry)
        return;
    early->bytes -= entry->len;
    free(entry);
}

static void drop_oldest(struct early *early)
{
    size_t cursor = 0;
    const char *digest;
    if (!map_next(early->entries, &cursor, &digest, NULL))
        return;
    autofree char *copy = xstrdup(digest);
    early_del(early, copy);
}

void early_put(struct early *early, const char *digest, const void *payload, size_t len)
{
    if (len > EARLY_MAX_BYTES)
        return;
    early_del(early, digest);
    while (early->bytes + len > EARLY_MAX_BYTES || map_len(early->entries) >= EARLY_MAX_COUNT)
        drop_oldest(early);
    struct entry *entry = xmalloc(sizeof(*entry) + len);
    entry->len = len;
    memcpy(entry->payload, payload, len);
    early->bytes += len;
    (void)map_put(early->entries, digest, entry);
}

const void *early_get(const struct early *early, const char *digest, size_t *ret_len)
{
    const struct entry *entry = map_get(early->entries, digest);
    if (!entry)
        return NULL;
    *ret_len = entry->len;
    return entry->payload;
}
