/* limpet.io/v1 User: somebody who may ask the gateway for things, over HTTPS and MQTT. */

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"
#include "common/kinds/node_id.h"

#define NAME_MAX_LEN 64 /* of a certificate's common name */

/* The name stands in certificates and in topics. Nodes' ids end with a dot and eight hex digits. */
static const char *format_user_name(const char *s)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-";
    const char *dot = strrchr(s, '.');
    size_t len = strlen(s);
    if (len < 1 || len > NAME_MAX_LEN || strspn(s, letters) != len || strchr("._@-", s[0]))
        return "must be 1 to 64 letters, digits, '.', '_', '@' and '-', and begin with a letter or "
               "digit";
    if (dot && strlen(dot + 1) == NODE_ID_HASH_LEN &&
        strspn(dot + 1, "0123456789abcdef") == NODE_ID_HASH_LEN)
        return "must not end as the ids of nodes do, with a '.' and eight hexadecimal digits";
    return NULL;
}

static const struct schema_type type_user_spec = {
    .name = "UserSpec",
    DOC("What the user is."),
    FIELDS(F(1, "groups", LIST(STRING), SET,
             DOC("The groups it is in; what its certificates say of "
                 "groups does not count.")),
           F(2, "disabled", BOOL,
             DOC("Whether it is refused, and what it has open is ended, whatever it shows."))),
};

static const struct schema_type type_user_certificate = {
    .name = "UserCertificate",
    DOC("A certificate that was issued in its name."),
    FIELDS(F(1, "serial", STRING, REQUIRED, DOC("Its serial number, hexadecimal.")),
           F(2, "notAfter", TIME, DOC("Until when it holds.")),
           F(3, "request", STRING, DOC("The CertificateSigningRequest that it came from."))),
};

static const struct schema_type type_user_status = {
    .name = "UserStatus",
    DOC("What was issued to the user."),
    FIELDS(F(1, "certificates", LIST(OBJECT(type_user_certificate)), BY("serial"),
             DOC("The certificates issued in its name that may still hold."))),
};

static const struct schema_type type_user = {
    .name = "User",
    DOC("A person or program that asks the gateway for things, over HTTPS and MQTT."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "spec", OBJECT(type_user_spec), DEF("{}"), DOC("What it is.")),
           F(3, "status", OBJECT(type_user_status), DOC("What was issued to it."))),
};

CELL(cell_groups)
{
    const struct value *groups = value_path(object, "spec", "groups", NULL);
    (void)now_wall_ns;
    for (size_t i = 0; i < value_len(groups); i++)
        (void)buf_addf(ret, "%s%s", i ? "," : "", value_str(value_at(groups, i)));
    if (value_len(groups) == 0)
        (void)buf_addstr(ret, "<none>");
}

CELL(cell_state)
{
    bool going = value_get(value_get(object, "metadata"), "deletionTimestamp");
    (void)now_wall_ns;
    (void)buf_addstr(ret, going ? "Removed"
                          : value_get_bool(value_get(object, "spec"), "disabled", false)
                              ? "Disabled"
                              : "Active");
}

CELL(cell_certificates)
{
    (void)now_wall_ns;
    (void)buf_addf(ret, "%zu", value_len(value_path(object, "status", "certificates", NULL)));
}

const struct schema_kind kind_user = {
    .group = "limpet.io",
    .version = "v1",
    .kind = "User",
    .plural = "users",
    .singular = "user",
    .flags = SCHEMA_KIND_STATUS,
    .type = &type_user,
    .name = format_user_name,
    PROTO("io.limpet.v1.User"),
    COLUMNS({"Name", "string", .path = "metadata.name"}, {"Groups", "string", .cell = cell_groups},
            {"Status", "string", .cell = cell_state},
            {"Certificates", "integer", .cell = cell_certificates},
            {"Age", "date", .path = "metadata.creationTimestamp"}),
};
