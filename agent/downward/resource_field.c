#include "agent/downward/resource_field.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/schema/quantity.h"

#include <errno.h>

static const struct value *find_container(const struct value *pod, const char *name)
{
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        const struct value *list = value_path(pod, "spec", lists[l], NULL);
        for (size_t i = 0; i < value_len(list); i++)
            if (str_eq(value_get_str(value_at(list, i), "name"), name))
                return value_at(list, i);
    }
    return NULL;
}

/* Huge pages are never promised twice: without a limit there are none. */
static bool has_node_limit(const char *resource)
{
    static const char *const names[] = {"cpu", "memory", "ephemeral-storage"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(resource, names[i]))
            return true;
    return false;
}

/* CPU is counted in thousandths, everything else in units. */
static int64_t amount_of(const struct value *quantity, bool cpu)
{
    return cpu ? quantity_milli_of(quantity, 0) : quantity_units_of(quantity, 0);
}

int resource_field_text(const struct value *pod, const struct value *container,
                        const struct value *selector, const struct value *allocatable, char **ret,
                        struct err *err)
{
    const char *name = value_get_str(selector, "containerName");
    const char *path = value_get_str(selector, "resource");
    const char *dot = path ? strchr(path, '.') : NULL;
    if (!str_empty(name))
        container = find_container(pod, name);
    if (!container)
        return err_set(err, -ENOENT, "the pod has no container \"%s\"", name);
    if (!dot)
        return err_set(err, -EINVAL, "resourceFieldRef %s: not known", path ? path : "");
    autofree char *side = xstrndup(path, (size_t)(dot - path));
    const char *resource = dot + 1;
    bool cpu = str_eq(resource, "cpu");
    int64_t amount = amount_of(value_path(container, "resources", side, resource, NULL), cpu);
    if (amount == 0 && str_eq(side, "limits") && has_node_limit(resource))
        amount = amount_of(value_get(allocatable, resource), cpu);
    int64_t divisor = amount_of(value_get(selector, "divisor"), cpu);
    if (divisor <= 0)
        divisor = cpu ? 1000 : 1;
    int64_t whole = amount / divisor + (amount % divisor > 0);
    *ret = xasprintf("%lld", (long long)whole);
    return 0;
}
