#include "controller/admission/toleration.h"

#include "common/base/str.h"

#define NO_EXECUTE "NoExecute"

static bool tolerates(const struct value *tolerations, const char *key)
{
    for (size_t i = 0; i < value_len(tolerations); i++) {
        const struct value *toleration = value_at(tolerations, i);
        const char *of = value_get_str(toleration, "key");
        const char *effect = value_get_str(toleration, "effect");
        if ((str_empty(of) || str_eq(of, key)) && (str_empty(effect) || str_eq(effect, NO_EXECUTE)))
            return true;
    }
    return false;
}

static void add(struct value *pod, const char *key, int64_t seconds)
{
    struct value *spec = value_make_map(pod, "spec", NULL);
    struct value *list = value_get(spec, "tolerations");
    if (!spec || tolerates(list, key))
        return;
    if (value_type(list) != VALUE_LIST)
        list = value_set(spec, "tolerations", value_new_list());
    struct value *toleration = value_new_map();
    value_set_str(toleration, "key", key);
    value_set_str(toleration, "operator", "Exists");
    value_set_str(toleration, "effect", NO_EXECUTE);
    value_set_int(toleration, "tolerationSeconds", seconds);
    value_append(list, toleration);
}

struct value *toleration_complete(const struct admission_env *env,
                                  const struct gate_request *request)
{
    add(request->object, "node.kubernetes.io/not-ready", env->config.not_ready_s);
    add(request->object, "node.kubernetes.io/unreachable", env->config.unreachable_s);
    return NULL;
}
