/* JSON Patch: {"object": ..., "patch": [...]}. The object is never touched; what comes out has a
 * document's depth. */

#include "common/base/cleanup.h"
#include "common/data/json.h"
#include "common/data/limits.h"
#include "controller/merge/patch_json.h"

#include <errno.h>
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
    cleanup(value_free) struct value *after = NULL;
    struct err err = {0};
    if (json_parse((const char *)data, size, &input, &err) != 0)
        return 0;
    const struct value *object = value_get(input, "object");
    cleanup(value_free) struct value *before = object ? value_copy(object) : NULL;
    if (!object)
        return 0;
    int r = patch_json(object, value_get(input, "patch"), &after, &err);
    int depth = 0;
    check(value_equal(object, before));
    check(r == 0 ? after != NULL : !after && *err.msg && err.code == r);
    check(r == 0 || r == -EINVAL || r == -ENOENT || r == -E2BIG);
    (void)value_size(after, &depth);
    check(depth <= DATA_MAX_DEPTH);
    return 0;
}
