/* JSON Merge Patch: {"object": ..., "patch": ...}. The object is never touched; the same patch once
 * more changes nothing. */

#include "common/base/cleanup.h"
#include "common/data/json.h"
#include "controller/merge/patch_merge.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(value_free) struct value *input = NULL;
    struct err err = {0};
    if (json_parse((const char *)data, size, &input, &err) != 0)
        return 0;
    const struct value *object = value_get(input, "object"), *patch = value_get(input, "patch");
    if (!object || !patch)
        return 0;
    cleanup(value_free) struct value *before = value_copy(object);
    cleanup(value_free) struct value *once = patch_merge(object, patch);
    cleanup(value_free) struct value *twice = patch_merge(once, patch);
    check(value_equal(object, before));
    check(value_equal(once, twice));
    return 0;
}
