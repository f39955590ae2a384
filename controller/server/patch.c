#include "controller/server/patch.h"

/* Depth is bounded by the patch, a parsed document. */
void patch_merge(struct value *object, const struct value *patch)
{
    for (size_t i = 0; i < value_len(patch); i++) {
        const char *key = value_key_at(patch, i);
        const struct value *item = value_at(patch, i);
        if (value_type(item) == VALUE_NULL) {
            value_del(object, key);
        } else if (value_type(item) == VALUE_MAP) {
            struct value *below = value_get(object, key);
            if (value_type(below) != VALUE_MAP)
                below = value_set(object, key, value_new_map());
            patch_merge(below, item);
        } else {
            value_set(object, key, value_copy(item));
        }
    }
}
