#include "agent/pod/filters.h"

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

static int compile(struct filters *filters, const char *key, uint64_t caps, struct err *err)
{
    struct filter filter = {0};
    int rc = seccomp_profile(caps, &filter.bytes, &filter.len, err);
    if (rc == -ENOSYS) {
        log_warn("this kernel has no seccomp: containers run without a filter");
        filters->missing = true;
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
