#pragma once
/* Images that nothing needs are removed by themselves: when the disk fills, and when they have not
 * been used for long (the kubelet's imageGCHighThresholdPercent, imageGCLowThresholdPercent,
 * imageMinimumGCAge, imageMaximumGCAge). Removing takes as long as the medium does: it is done by
 * `limpetd image prune`, a process of its own. */

#include "agent/limpetd/config.h"
#include "common/loop/loop.h"

struct image_gc;
/* config_file: for that process; NULL: it takes the default. */
nodiscard int image_gc_new(struct loop *loop, const struct config *config, const char *config_file,
                           const char *images_root, struct image_gc **ret, struct err *err);
void image_gc_free(
    struct image_gc *gc); /* a removal under way is ended: each step can be the last */

/* Whether something is to be removed now; used: per cent of the disk; last_age_ns: when images were
 * last looked at for their age, 0 = never. Pure. */
enum image_gc_due { IMAGE_GC_NOTHING, IMAGE_GC_DISK, IMAGE_GC_AGE };
enum image_gc_due image_gc_due(const struct config *config, int used, int64_t now_ns,
                               int64_t last_age_ns);
