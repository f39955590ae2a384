#include "common/base/str.h"
#include "common/schema/schema.h"

const char *const *schema_verbs(const struct schema_kind *kind)
{
    static const char *const all[] = {
        "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch", NULL};
    return kind->computed ? kind->computed : all;
}

bool schema_has_verb(const struct schema_kind *kind, const char *verb)
{
    for (const char *const *own = schema_verbs(kind); *own; own++)
        if (str_eq(*own, verb))
            return true;
    return false;
}
