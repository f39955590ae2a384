/* Environment variables of containers. */

#include "common/base/str.h"
#include "common/kinds/types.h"

static const struct schema_type type_config_map_key_selector = {
    .name = "ConfigMapKeySelector",
    .whole = true,
    DOC("A key of a ConfigMap."),
    FIELDS(INLINE(1, "localObjectReference", type_named_reference),
           F(2, "key", STRING, REQUIRED, RULE(config_key), DOC("The key.")),
           F(3, "optional", BOOL, DOC("Whether ConfigMap or key may be missing."))),
};

static const struct schema_type type_secret_key_selector = {
    .name = "SecretKeySelector",
    .whole = true,
    DOC("A key of a Secret."),
    FIELDS(INLINE(1, "localObjectReference", type_named_reference),
           F(2, "key", STRING, REQUIRED, RULE(config_key), DOC("The key.")),
           F(3, "optional", BOOL, DOC("Whether Secret or key may be missing."))),
};

static const struct schema_type type_env_var_source = {
    .name = "EnvVarSource",
    DOC("Where a variable's value comes from: one of the fields."),
    .union_of = "source",
    .union_required = true,
    FIELDS(
        F(1, "fieldRef", OBJECT(type_object_field_selector), DOC("A field of the pod.")),
        F(2, "resourceFieldRef", OBJECT(type_resource_field_selector),
          DOC("A limit or request of a container.")),
        F(3, "configMapKeyRef", OBJECT(type_config_map_key_selector), DOC("A key of a ConfigMap.")),
        F(4, "secretKeyRef", OBJECT(type_secret_key_selector), DOC("A key of a Secret."))),
};

static void check_env_var(const struct value *env, struct schema_walk *walk)
{
    static const char *const fields[] = {"metadata.name",
                                         "metadata.namespace",
                                         "metadata.uid",
                                         "spec.nodeName",
                                         "spec.serviceAccountName",
                                         "status.hostIP",
                                         "status.hostIPs",
                                         "status.podIP",
                                         "status.podIPs"};
    if (!str_empty(value_get_str(env, "value")) && value_len(value_get(env, "valueFrom")) > 0)
        schema_mistake(walk, value_get(env, "valueFrom"), "valueFrom", CAUSE_INVALID,
                       "not beside a value");
    const struct value *path = value_path(env, "valueFrom", "fieldRef", "fieldPath", NULL);
    const char *s = value_str(path);
    if (str_empty(s) || str_has_prefix(s, "metadata.labels['") ||
        str_has_prefix(s, "metadata.annotations['"))
        return;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (strcmp(s, fields[i]) == 0)
            return;
    schema_mistake(walk, path, "valueFrom.fieldRef.fieldPath", CAUSE_NOT_SUPPORTED,
                   "\"%.64s\": not a field that a container can be told", s);
}

const struct schema_type type_env_var = {
    .name = "EnvVar",
    DOC("A variable of a container."),
    .check = check_env_var,
    FIELDS(F(1, "name", STRING, REQUIRED, RULE(env_name), DOC("The variable's name.")),
           F(2, "value", STRING, DOC("$(NAME) stands for a variable above it.")),
           F(3, "valueFrom", OBJECT(type_env_var_source),
             DOC("Where the value comes from, if it is not given."))),
};

static const struct schema_type type_config_map_env_source = {
    .name = "ConfigMapEnvSource",
    DOC("A ConfigMap."),
    FIELDS(INLINE(1, "localObjectReference", type_named_reference),
           F(2, "optional", BOOL, DOC("Whether it may be missing."))),
};

static const struct schema_type type_secret_env_source = {
    .name = "SecretEnvSource",
    DOC("A Secret."),
    FIELDS(INLINE(1, "localObjectReference", type_named_reference),
           F(2, "optional", BOOL, DOC("Whether it may be missing."))),
};

static void check_env_from(const struct value *from, struct schema_walk *walk)
{
    bool map = value_type(value_get(from, "configMapRef")) != VALUE_NULL;
    bool secret = value_type(value_get(from, "secretRef")) != VALUE_NULL;
    if (map == secret)
        schema_mistake(walk, from, NULL, CAUSE_INVALID,
                       "must have one of configMapRef and secretRef");
}

const struct schema_type type_env_from_source = {
    .name = "EnvFromSource",
    DOC("All keys of a ConfigMap or Secret as variables."),
    .check = check_env_from,
    FIELDS(F(1, "prefix", STRING, RULE(env_name), DOC("Put before each key.")),
           F(2, "configMapRef", OBJECT(type_config_map_env_source), DOC("The ConfigMap.")),
           F(3, "secretRef", OBJECT(type_secret_env_source), DOC("The Secret."))),
};
