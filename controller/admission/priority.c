#include "controller/admission/priority.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"

#include <inttypes.h>

#define USUAL_POLICY "PreemptLowerPriority"

struct class
{
    char *name; /* NULL: none */
    int64_t value;
    char *policy;
};

static void class_done(struct class *class)
{
    free(class->name);
    free(class->policy);
}
CLEANUP_DEFINE_VALUE(struct class, class_done);

static void class_read(const struct value *object, struct class *ret)
{
    const char *policy = value_get_str(object, "preemptionPolicy");
    class_done(ret);
    *ret = (struct class){xstrdup(object_name(object)), value_get_int(object, "value", 0),
                          xstrdup(policy ? policy : USUAL_POLICY)};
}

/* Of several (two may be made at once) the least. */
static int find_default(void *ctx, const struct value *object)
{
    struct class *class = ctx;
    if (value_get_bool(object, "globalDefault", false) && object_name(object) &&
        (!class->name || value_get_int(object, "value", 0) < class->value))
        class_read(object, class);
    return 0;
}

static void default_class(const struct gate_request *request, struct class *ret)
{
    const struct api_ref ref = {&kind_priority_class, "", ""};
    request->reader->each(request->reader->ctx, &ref, find_default, ret);
}

/* These are always there, whatever becomes of their objects. */
static bool system_class(const char *name, struct class *ret)
{
    static const struct {
        const char *name;
        int64_t value;
    } table[] = {{"system-cluster-critical", 2000000000}, {"system-node-critical", 2000001000}};
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_eq(name, table[i].name)) {
            *ret = (struct class){xstrdup(name), table[i].value, xstrdup(USUAL_POLICY)};
            return true;
        }
    return false;
}

static struct value *contradiction(const struct gate_request *request, const struct value *spec,
                                   const struct class *class)
{
    int64_t given = value_get_int(spec, "priority", class->value);
    const char *policy = value_get_str(spec, "preemptionPolicy");
    const char *own = class->policy ? class->policy : USUAL_POLICY;
    if (given != class->value && !WEAKENED(POD_PRIORITY))
        return rule_refusal(request,
                            "the integer value of priority (%" PRId64
                            ") must not be provided in pod spec; priority admission controller "
                            "computed %" PRId64 " from the given PriorityClass name",
                            given, class->value);
    if (!str_empty(policy) && !str_eq(policy, own))
        return rule_refusal(request,
                            "the string value of PreemptionPolicy (%s) must not be provided in pod "
                            "spec; priority admission controller computed %s from the given "
                            "PriorityClass name",
                            policy, own);
    return NULL;
}

/* An update that is silent keeps what the pod was given. */
static void keep(const struct value *old, struct value *spec)
{
    static const char *const fields[] = {"priority", "preemptionPolicy"};
    for (size_t i = 0; i < ARRAY_LEN(fields) && spec; i++)
        if (!value_get(spec, fields[i]) && value_get(old, fields[i]))
            value_set(spec, fields[i], value_copy(value_get(old, fields[i])));
}

struct value *priority_complete(const struct admission_env *env, const struct gate_request *request)
{
    (void)env;
    struct value *spec = value_make_map(request->object, "spec", NULL);
    cleanup(class_done) struct class class = {0};
    if (request->verb == GATE_UPDATE) {
        keep(value_get(request->old, "spec"), spec);
        return NULL;
    }
    const char *name = value_get_str(spec, "priorityClassName");
    if (str_empty(name)) {
        default_class(request, &class);
    } else if (!system_class(name, &class)) {
        const struct value *object = rule_see(request, &kind_priority_class, name);
        if (!object)
            return rule_refusal(request, "no PriorityClass with name %s was found", name);
        class_read(object, &class);
    }
    struct value *status = contradiction(request, spec, &class);
    if (status || !spec)
        return status;
    if (class.name)
        value_set_str(spec, "priorityClassName", class.name);
    value_set_int(spec, "priority", class.value);
    value_set_str(spec, "preemptionPolicy", class.policy ? class.policy : USUAL_POLICY);
    return NULL;
}

struct value *priority_class_check(const struct admission_env *env,
                                   const struct gate_request *request)
{
    (void)env;
    cleanup(class_done) struct class class = {0};
    if (!value_get_bool(request->object, "globalDefault", false))
        return NULL;
    default_class(request, &class);
    if (!class.name || str_eq(class.name, request->ref.name))
        return NULL;
    return rule_refusal(request,
                        "PriorityClass %s is already marked as default. Only one default can exist",
                        class.name);
}
