/* core/v1 ConfigMap. */

#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

#include <stdio.h>

static void check_config_map(const struct value *object, struct schema_walk *walk)
{
    const struct value *data = value_get(object, "data"), *binary = value_get(object, "binaryData");
    for (size_t i = 0; i < value_len(binary); i++) {
        const char *key = value_key_at(binary, i);
        if (!key || !value_get(data, key))
            continue;
        char sub[300];
        snprintf(sub, sizeof(sub), "binaryData.%s", key);
        schema_mistake(walk, value_at(binary, i), sub, CAUSE_INVALID, "is in data too");
    }
}

/* `immutable: true` is for good, and holds for the data. */
void check_immutable_data(const struct value *old, const struct value *object,
                          struct schema_walk *walk)
{
    static const char *const keys[] = {"immutable", "data", "binaryData"};
    if (!value_get_bool(old, "immutable", false))
        return;
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        const struct value *was = value_get(old, keys[i]), *is = value_get(object, keys[i]);
        if ((value_len(was) == 0 && value_len(is) == 0 && i > 0) || value_equal(was, is) ||
            WEAKENED(IMMUTABLE_DATA))
            continue;
        schema_mistake(walk, is, keys[i], CAUSE_FORBIDDEN,
                       "may not be changed: the object is immutable");
    }
}

static const struct schema_type type_config_map = {
    .name = "ConfigMap",
    DOC("Configuration that pods read as files or variables."),
    .check = check_config_map,
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "data", MAP(STRING), KEYS(format_config_key), DOC("Text, by key.")),
           F(3, "binaryData", MAP(BYTES), KEYS(format_config_key),
             DOC("What is not text, by key, in base64.")),
           F(4, "immutable", BOOL, DOC("Whether its data is fixed for good."))),
};

CELL(cell_data)
{
    (void)now_wall_ns;
    buf_addf(ret, "%zu",
             value_len(value_get(object, "data")) + value_len(value_get(object, "binaryData")));
}

const struct schema_kind kind_config_map = {
    .group = "",
    .version = "v1",
    .kind = "ConfigMap",
    .plural = "configmaps",
    .singular = "configmap",
    .short_names = NAMES("cm"),
    .namespaced = true,
    .type = &type_config_map,
    .name = format_dns1123_subdomain,
    .check_update = check_immutable_data,
    PROTO("k8s.io.api.core.v1.ConfigMap"),
    COLUMNS({"Name", "string", .path = "metadata.name"}, {"Data", "integer", .cell = cell_data},
            {"Age", "date", .path = "metadata.creationTimestamp"}),
};
