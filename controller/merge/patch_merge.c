#include "controller/merge/patch_merge.h"

/* Depth is bounded by the patch, a parsed document. */
struct value *patch_merge(const struct value *object, const struct value *patch)
{
    if (value_type(patch) != VALUE_MAP)
        return value_copy(patch);
    struct value *out = value_new_map();
    for (size_t i = 0; value_type(object) == VALUE_MAP && i < value_len(object); i++) {
        const char *key = value_key_at(object, i);
        const struct value *item = value_get(patch, key);
        if (!item)
            value_set(out, key, value_copy(value_at(object, i)));
        else if (value_type(item) != VALUE_NULL)
            value_set(out, key, patch_merge(value_at(object, i), item));
    }
    for (size_t i = 0; i < value_len(patch); i++) {
        const char *key = value_key_at(patch, i);
        if (value_type(value_at(patch, i)) != VALUE_NULL && !value_get(object, key))
            value_set(out, key, patch_merge(NULL, value_at(patch, i)));
    }
    return out;
}
