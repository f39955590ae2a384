/* storage.k8s.io/v1 StorageClass. */

#include "common/base/str.h"
#include "common/kinds/doubles.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

#include <ctype.h>
#include <stdio.h>

enum { PARAMETERS_MAX = 512, PARAMETER_BYTES_MAX = 256 * 1024 };

/* Its case does not count. */
static const char *format_provisioner(const char *s)
{
    char lower[320];
    size_t len = strlen(s);
    if (len >= sizeof(lower))
        return "must be at most 317 characters";
    for (size_t i = 0; i <= len; i++)
        lower[i] = (char)tolower((unsigned char)s[i]);
    return format_qualified_name(lower);
}

static void check_parameters(const struct value *object, struct schema_walk *walk)
{
    const struct value *parameters = value_get(object, "parameters");
    size_t bytes = 0;
    for (size_t i = 0; i < value_len(parameters); i++) {
        const char *text = value_str(value_at(parameters, i));
        bytes += strlen(value_key_at(parameters, i)) + (text ? strlen(text) : 0);
    }
    if (value_len(parameters) > PARAMETERS_MAX)
        schema_mistake(walk, parameters, "parameters", CAUSE_INVALID, "must have at most %d items",
                       PARAMETERS_MAX);
    else if (bytes > PARAMETER_BYTES_MAX)
        schema_mistake(walk, parameters, "parameters", CAUSE_INVALID, "must have at most %d bytes",
                       PARAMETER_BYTES_MAX);
}

static void key_key(const struct value *expression, struct buf *ret)
{
    const char *key = value_get_str(expression, "key");
    buf_addstr(ret, key ? key : "");
}

static void check_term(const struct value *term, struct schema_walk *walk)
{
    check_doubles(value_get(term, "matchLabelExpressions"), key_key, "matchLabelExpressions",
                  ".key", walk);
}

static const struct schema_type type_topology_requirement = {
    .name = "TopologySelectorLabelRequirement",
    DOC("A label that a node must have, with one of some values."),
    FIELDS(F(1, "key", STRING, REQUIRED, RULE(qualified_name), DOC("The label.")),
           F(2, "values", LIST(STRING), RULE(label_value), .flags = SCHEMA_REQUIRED | SCHEMA_UNIQUE,
             DOC("Its values, one of which will do."))),
};

static const struct schema_type type_topology_term = {
    .name = "TopologySelectorTerm",
    .whole = true,
    DOC("Nodes that fit all of it."),
    .check = check_term,
    FIELDS(F(1, "matchLabelExpressions", LIST(OBJECT(type_topology_requirement)),
             DOC("Labels that they must have."))),
};

static const struct schema_type type_storage_class = {
    .name = "StorageClass",
    DOC("How volumes are made that claims ask for by its name."),
    .check = check_parameters,
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "provisioner", STRING, FORMAT(format_provisioner),
             .flags = SCHEMA_REQUIRED | SCHEMA_IMMUTABLE, DOC("Who makes them.")),
           F(3, "parameters", MAP(STRING), KEYS(format_not_empty), IMMUTABLE,
             DOC("What that one is told.")),
           F(4, "reclaimPolicy", STRING, DEF("Delete"), ONE_OF("Delete", "Retain"), IMMUTABLE,
             DOC("Whether a volume goes with its claim: Delete or Retain.")),
           F(5, "mountOptions", LIST(STRING), INERT, DOC("Options with which they are mounted.")),
           F(6, "allowVolumeExpansion", BOOL, INERT, DOC("Whether they may grow.")),
           F(7, "volumeBindingMode", STRING, DEF("Immediate"),
             ONE_OF("Immediate", "WaitForFirstConsumer"), IMMUTABLE,
             DOC("When one is made: Immediate, or WaitForFirstConsumer for the first pod.")),
           F(8, "allowedTopologies", LIST(OBJECT(type_topology_term)),
             DOC("Nodes that they may be made for; none: all."))),
};

CELL(cell_name)
{
    static const char *const marks[] = {"storageclass.kubernetes.io/is-default-class",
                                        "storageclass.beta.kubernetes.io/is-default-class"};
    (void)now_wall_ns;
    const char *name = object_name(object);
    buf_addstr(ret, name ? name : "");
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (str_eq(object_annotation(object, marks[i]), "true")) {
            buf_addstr(ret, " (default)");
            return;
        }
}

const struct schema_kind kind_storage_class = {
    .group = "storage.k8s.io",
    .version = "v1",
    .kind = "StorageClass",
    .plural = "storageclasses",
    .singular = "storageclass",
    .short_names = NAMES("sc"),
    .type = &type_storage_class,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.storage.v1.StorageClass"),
    COLUMNS({"Name", "string", .cell = cell_name},
            {"Provisioner", "string", .path = "provisioner", .none = ""},
            {"ReclaimPolicy", "string", .path = "reclaimPolicy", .none = "Delete"},
            {"VolumeBindingMode", "string", .path = "volumeBindingMode", .none = "Immediate"},
            {"AllowVolumeExpansion", "boolean", .path = "allowVolumeExpansion", .none = "false"},
            {"Age", "date", .path = "metadata.creationTimestamp"}),
};
