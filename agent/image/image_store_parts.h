#pragma once
/* What the halves of the image store share: its records as they stand, whole or not. */

#include "agent/image/image_store.h"
#include "common/data/value.h"

/* The record of a reference by the name of its file: reference, digest and time. -ENOENT. */
nodiscard int image_store_read_ref(struct image_store *store, const char *name, struct stored **ret,
                                   struct err *err);
/* Adds id and config by the digest. -ENOENT: manifest or config is missing or damaged. */
nodiscard int image_store_read_config(struct image_store *store, struct stored *stored,
                                      struct err *err);
/* What all of a layer came to when it was unpacked (layer_sum.h). */
struct image_layer_sum {
    bool known; /* false: an earlier release unpacked it */
    uint64_t value;
};
/* The bytes of a layer that is whole; negative if it is not. ret_sum may be NULL. */
int64_t image_store_layer_bytes(struct image_store *store, const char *diff_id,
                                struct image_layer_sum *ret_sum);
/* The record of an archive that was loaded: "images" is the list of its references. */
nodiscard int image_store_read_loaded(struct image_store *store, const char *name,
                                      struct value **ret);
