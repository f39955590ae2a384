/* core/v1 Secret. */

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

#include <stdio.h>

/* What data of a type must hold. */
static const struct {
    const char *type;
    const char *keys[2]; /* all of them */
} required_keys[] = {
    {"kubernetes.io/dockerconfigjson", {".dockerconfigjson"}},
    {"kubernetes.io/dockercfg", {".dockercfg"}},
    {"kubernetes.io/tls", {"tls.crt", "tls.key"}},
    {"kubernetes.io/ssh-auth", {"ssh-privatekey"}},
};

static void check_secret(const struct value *object, struct schema_walk *walk)
{
    const char *type = value_get_str(object, "type");
    const struct value *data = value_get(object, "data"), *text = value_get(object, "stringData");
    for (size_t i = 0; i < ARRAY_LEN(required_keys); i++)
        for (size_t n = 0; n < ARRAY_LEN(required_keys[i].keys); n++) {
            const char *key = required_keys[i].keys[n];
            if (!str_eq(type, required_keys[i].type) || !key || value_get(data, key) ||
                value_get(text, key))
                continue;
            char sub[64];
            snprintf(sub, sizeof(sub), "data[\"%s\"]", key);
            schema_mistake(walk, data, sub, CAUSE_REQUIRED, "required in a secret of type %s",
                           type);
        }
}

/* stringData is for people to write: it is never stored, and wins over data. */
static void fill_secret(struct value *object)
{
    cleanup(value_free) struct value *text = value_take(object, "stringData");
    if (value_len(text) == 0)
        return;
    struct value *data = value_make_map(object, "data", NULL);
    for (size_t i = 0; data && i < value_len(text); i++) {
        const char *s = value_str(value_at(text, i));
        if (s)
            value_set(data, value_key_at(text, i), value_adopt_str(base64_encode(s, strlen(s))));
    }
}

static const struct schema_type type_secret = {
    .name = "Secret",
    DOC("What is not for everyone's eyes: sealed to the node on its way."),
    .check = check_secret,
    .fill = fill_secret,
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "data", MAP(BYTES), KEYS(format_config_key), .flags = SCHEMA_SECRET,
             DOC("Values by key, in base64.")),
           F(4, "stringData", MAP(STRING), KEYS(format_config_key),
             .flags = SCHEMA_SECRET | SCHEMA_WRITE_ONLY,
             DOC("Values by key as they are, for writing: they are moved to data.")),
           F(3, "type", STRING, DEF("Opaque"), IMMUTABLE,
             DOC("What it is for, which says what keys it must have.")),
           F(5, "immutable", BOOL, DOC("Whether its data is fixed for good."))),
};

CELL(cell_data)
{
    (void)now_wall_ns;
    buf_addf(ret, "%zu", value_len(value_get(object, "data")));
}

const struct schema_kind kind_secret = {
    .group = "",
    .version = "v1",
    .kind = "Secret",
    .plural = "secrets",
    .singular = "secret",
    .namespaced = true,
    .type = &type_secret,
    .name = format_dns1123_subdomain,
    .check_update = check_immutable_data,
    PROTO("k8s.io.api.core.v1.Secret"),
    COLUMNS({"Name", "string", .path = "metadata.name"}, {"Type", "string", .path = "type"},
            {"Data", "integer", .cell = cell_data},
            {"Age", "date", .path = "metadata.creationTimestamp"}),
    SELECTABLE({"type"}),
};
