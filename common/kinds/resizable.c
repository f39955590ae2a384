#include "common/kinds/resizable.h"

#include "common/base/str.h"

const char *const resizable_parts[RESIZABLE_PARTS] = {"requests", "limits"};
const char *const resizable_names[RESIZABLE_NAMES] = {"cpu", "memory"};

void resizable_drop(struct value *container)
{
    struct value *resources = value_get(container, "resources");
    for (size_t p = 0; p < RESIZABLE_PARTS; p++) {
        struct value *part = value_get(resources, resizable_parts[p]);
        for (size_t n = 0; part && n < RESIZABLE_NAMES; n++)
            value_del(part, resizable_names[n]);
        if (part && value_len(part) == 0)
            value_del(resources, resizable_parts[p]);
    }
    if (resources && value_len(resources) == 0)
        value_del(container, "resources");
}

bool resizable_restarts(const struct value *container, const char *resource)
{
    const struct value *policies = value_get(container, "resizePolicy");
    for (size_t i = 0; i < value_len(policies); i++)
        if (str_eq(value_get_str(value_at(policies, i), "resourceName"), resource))
            return str_eq(value_get_str(value_at(policies, i), "restartPolicy"),
                          "RestartContainer");
    return false;
}
