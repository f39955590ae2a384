#include "agent/pod/filters.h"

#include "agent/pod/localhost_profile.h"
#include "agent/runtime/seccomp.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct filter {
    void *bytes;
    size_t len;
};

struct filters {
    struct map *by_caps; /* mask in hex -> struct filter */
    bool missing;        /* the kernel has none */
};

static void filter_free(void *p)
{
    struct filter *filter = p;
    free(filter->bytes);
    free(filter);
}

struct filters *filters_new(void)
{
    struct filters *filters = xcalloc(1, sizeof(*filters));
    filters->by_caps = map_new();
    return filters;
}

void filters_free(struct filters *filters)
{
    if (!filters)
        return;
    map_free(filters->by_caps, filter_free);
    free(filters);
}

static void tell_missing(struct filters *filters)
{
    if (!filters->missing)
        log_warn("this kernel has no seccomp: containers run without a filter");
    filters->missing = true;
}

static int compile(struct filters *filters, const char *key, uint64_t caps, struct err *err)
{
    struct filter filter = {0};
    int rc = seccomp_profile(caps, &filter.bytes, &filter.len, err);
    if (rc == -ENOSYS) {
        tell_missing(filters);
        return 0;
    }
    if (rc == 0)
        (void)map_put(filters->by_caps, key, xmemdup(&filter, sizeof(filter)));
    return rc;
}

int filters_get(struct filters *filters, uint64_t caps, const void **ret, size_t *ret_len,
                struct err *err)
{
    char key[17];
    snprintf(key, sizeof(key), "%016llx", (unsigned long long)caps);
    if (!filters->missing && !map_get(filters->by_caps, key)) {
        int rc = compile(filters, key, caps, err);
        if (rc < 0)
            return rc;
    }
    const struct filter *filter = map_get(filters->by_caps, key);
    *ret = filter ? filter->bytes : NULL;
    *ret_len = filter ? filter->len : 0;
    return 0;
}

int filters_localhost(struct filters *filters, struct disk *disk, const char *dir, const char *name,
                      uint64_t caps, void **ret, size_t *ret_len, struct err *err)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, LOCALHOST_PROFILE_MAX + 1);
    autofree char *path = xasprintf("%s/%s", dir, name);
    int rc = disk->read(disk, path, LOCALHOST_PROFILE_MAX, &text, err);
    if (rc == 0)
        rc = localhost_profile_compile(buf_str(&text), text.len, caps, ret, ret_len, err);
    if (rc == -ENOSYS) {
        tell_missing(filters);
        return 0;
    }
    if (rc < 0)
        (void)err_wrap(err, "cannot load seccomp profile \"%s\"", path);
    return rc;
}
