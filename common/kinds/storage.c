/* What volumes and claims share. */

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

static const char *const access_modes[] = {"ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany",
                                           "ReadWriteOncePod", NULL};

const struct schema_rule rule_access_mode = {.one_of = access_modes};

void check_access_modes(const struct value *modes, struct schema_walk *walk)
{
    size_t len = value_len(modes);
    for (size_t i = 0; i < len && len > 1; i++)
        if (str_eq(value_str(value_at(modes, i)), "ReadWriteOncePod")) {
            schema_mistake(walk, modes, "accessModes", CAUSE_FORBIDDEN,
                           "may not use ReadWriteOncePod with other access modes");
            return;
        }
}

void access_modes_cell(const struct value *list, struct buf *ret)
{
    static const char *const shorts[] = {"RWO", "ROX", "RWX", "RWOP"};
    size_t start = ret->len;
    for (size_t i = 0; i < ARRAY_LEN(shorts); i++)
        if (value_has_str(list, access_modes[i]))
            buf_addf(ret, "%s%s", ret->len > start ? "," : "", shorts[i]);
}

void storage_class_cell(const struct value *object, struct buf *ret)
{
    const char *old = object_annotation(object, "volume.beta.kubernetes.io/storage-class");
    const char *name = old ? old : value_str(value_path(object, "spec", "storageClassName", NULL));
    buf_addstr(ret, name ? name : "");
}
