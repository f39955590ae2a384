/* Sets of fields of two pods: {"a": ..., "b": ...}. */

#include "common/base/cleanup.h"
#include "common/data/json.h"
#include "common/kinds/kinds.h"
#include "controller/merge/fieldset.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void ignore(void *ctx, const char *path)
{
    (void)ctx;
    check(*path == '.' || *path == '[' || !*path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(value_free) struct value *input = NULL;
    struct err err = {0};
    if (json_parse((const char *)data, size, &input, &err) != 0)
        return 0;
    const struct schema_type *type = kind_pod.type;
    const struct value *a = value_get(input, "a");
    struct value *b = value_get(input, "b");
    cleanup(value_free) struct value *fields = fieldset_of(type, a);
    cleanup(value_free) struct value *others = fieldset_of(type, b);
    cleanup(value_free) struct value *both = fieldset_intersect(fields, others);
    cleanup(value_free) struct value *mine = fieldset_subtract(fields, others);
    cleanup(value_free) struct value *none = fieldset_subtract(mine, fields);
    cleanup(value_free) struct value *same = fieldset_changed(type, fields, a, a, false);
    cleanup(value_free) struct value *differ = fieldset_changed(type, both, a, b, false);
    cleanup(value_free) struct value *all = fieldset_unite(differ, others);
    check(fieldset_is_empty(none) && fieldset_is_empty(same));
    fieldset_paths(all, ignore, NULL);
    if (value_type(b) == VALUE_MAP)
        fieldset_remove(type, all, b);
    return 0;
}
