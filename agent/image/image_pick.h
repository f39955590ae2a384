#pragma once
/* Which of the images that nothing needs are removed, where not all are: pure. */

#include "agent/image/manifest.h"
#include "common/base/map.h"

#include <stdbool.h>
#include <stdint.h>

/* All zero: all of them. */
struct image_policy {
    int64_t unused_since_s; /* only those last used before (seconds since 1970); 0: any */
    int64_t bytes;          /* the least recently used first, until that much is free; 0: all */
    int64_t parts_before_s; /* of interrupted pulls, only what has not grown since; 0: all */
};

struct image_candidate {
    int64_t used_s;
    const struct image_config *config; /* NULL: it cannot be read */
    bool goes;
    void *ctx; /* the caller's */
};

/* Sets goes, and sorts items by their last use. kept: the digits of layers that stay anyway. */
void image_pick(struct image_candidate *items, size_t count, const struct map *kept,
                int64_t (*layer_bytes)(void *ctx, const char *diff_id), void *ctx,
                const struct image_policy *policy);
