/* Strategic merge patch of a pod: {"object": ..., "patch": ...}. The object is never touched. */

#include "common/base/cleanup.h"
#include "common/data/json.h"
#include "common/kinds/kinds.h"
#include "controller/merge/patch_strategic.h"

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
    int r = patch_strategic(kind_pod.type, object, value_get(input, "patch"), &after, &err);
    check(value_equal(object, before));
    check(r == 0 ? after != NULL : !after && *err.msg && err.code == r);
    check(r == 0 || r == -EINVAL || r == -ENOENT);
    return 0;
}
