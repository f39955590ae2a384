#pragma once
/* Whether a pod holds more on the node's disk than it may: emptyDir.sizeLimit, limits of
 * ephemeral-storage (a kubelet's local storage eviction). Pure. */

#include "common/base/buf.h"
#include "common/data/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether anything of it has such a limit: else nobody needs to look. */
bool storage_is_limited(const struct value *spec);

enum storage_type {
    STORAGE_EMPTY_DIR, /* on disk */
    STORAGE_CONTAINER, /* its writable layers and its logs */
};
struct storage_use {
    enum storage_type type;
    const char *name; /* of the volume or the container */
    int64_t bytes;
};

/* True with the reason in a kubelet's words, appended to ret, if it does. */
bool storage_exceeds(const struct value *spec, const struct storage_use *uses, size_t count,
                     struct buf *ret);
