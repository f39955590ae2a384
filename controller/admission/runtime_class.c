#include "controller/admission/runtime_class.h"

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/schema/quantity.h"

static bool same_amounts(const struct value *a, const struct value *b)
{
    struct quantity left, right;
    if (value_len(a) != value_len(b))
        return false;
    for (size_t i = 0; i < value_len(a); i++)
        if (quantity_of(value_at(a, i), &left) < 0 ||
            quantity_of(value_get(b, value_key_at(a, i)), &right) < 0 ||
            quantity_compare(&left, &right) != 0)
            return false;
    return true;
}

static struct value *set_overhead(const struct gate_request *request, struct value *spec,
                                  const struct value *class)
{
    const struct value *fixed = value_path(class, "overhead", "podFixed", NULL);
    const struct value *given = value_get(spec, "overhead");
    if (value_len(given) > 0 && value_len(fixed) == 0)
        return rule_refusal(request, "pod rejected: Pod Overhead set without corresponding "
                                     "RuntimeClass defined Overhead");
    if (value_len(given) > 0 && !same_amounts(given, fixed))
        return rule_refusal(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's "
                                     "defined Overhead");
    if (value_len(fixed) > 0)
        value_set(spec, "overhead", value_copy(fixed));
    return NULL;
}

static struct value *set_place(const struct gate_request *request, struct value *spec,
                               const struct value *scheduling)
{
    const struct value *wanted = value_get(scheduling, "nodeSelector");
    const struct value *more = value_get(scheduling, "tolerations");
    struct value *selector = value_len(wanted) ? value_make_map(spec, "nodeSelector", NULL) : NULL;
    for (size_t i = 0; selector && i < value_len(wanted); i++) {
        const char *key = value_key_at(wanted, i), *given = value_get_str(selector, key);
        const char *value = value_str(value_at(wanted, i));
        if (given && !str_eq(given, value))
            return rule_refusal(request,
                                "conflict: runtimeClass.scheduling.nodeSelector[%s] = %s; "
                                "pod.spec.nodeSelector[%s] = %s",
                                key, value, key, given);
        value_set_str(selector, key, value);
    }
    struct value *list = value_get(spec, "tolerations");
    if (value_len(more) > 0 && value_type(list) != VALUE_LIST)
        list = value_set(spec, "tolerations", value_new_list());
    for (size_t i = 0; i < value_len(more); i++)
        value_append(list, value_copy(value_at(more, i)));
    return NULL;
}

struct value *runtime_class_complete(const struct admission_env *env,
                                     const struct gate_request *request)
{
    (void)env;
    struct value *spec = value_make_map(request->object, "spec", NULL);
    const char *name = value_get_str(spec, "runtimeClassName");
    const struct value *class =
        str_empty(name) ? NULL : rule_see(request, &kind_runtime_class, name);
    if (!spec)
        return NULL;
    if (!str_empty(name) && !class)
        return rule_refusal(request, "pod rejected: RuntimeClass \"%s\" not found", name);
    struct value *status = set_overhead(request, spec, class);
    return status ? status : set_place(request, spec, value_get(class, "scheduling"));
}
