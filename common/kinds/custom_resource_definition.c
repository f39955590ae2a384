/* apiextensions.k8s.io/v1 CustomResourceDefinition: kinds that people define. What they mean is
 * controller/custom's. */

#include "common/kinds/custom_resource_definition.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/structural.h"
#include "common/kinds/types.h"
#include "common/schema/walk.h"

#include <ctype.h>

/* ---- names ---- */

static const char *format_kind(const char *s)
{
    char lower[64];
    size_t len = strlen(s);
    if (len >= sizeof(lower))
        return "must be at most 63 characters";
    for (size_t i = 0; i <= len; i++)
        lower[i] = (char)tolower((unsigned char)s[i]);
    return format_dns1035_label(lower) ? "may have mixed case, but should otherwise match "
                                         "'[a-z]([-a-z0-9]*[a-z0-9])?'"
                                       : NULL;
}

static const char *format_group(const char *s)
{
    const char *wrong = format_dns1123_subdomain(s);
    return wrong || strchr(s, '.') ? wrong : "should be a domain with at least one dot";
}

static const struct schema_type type_names = {
    .name = "CustomResourceDefinitionNames",
    DOC("What a kind is called."),
    FIELDS(
        F(1, "plural", STRING, REQUIRED, RULE(dns1035_label),
          DOC("In URLs: lower case, \"crontabs\".")),
        F(2, "singular", STRING, RULE(dns1035_label),
          DOC("Lower case; the kind in lower case if it is not given.")),
        F(3, "shortNames", LIST(STRING), RULE(dns1035_label), DOC("What people may type as well.")),
        F(4, "kind", STRING, REQUIRED, FORMAT(format_kind), DOC("In objects: \"CronTab\".")),
        F(5, "listKind", STRING, FORMAT(format_kind),
          DOC("In lists; the kind and \"List\" if it is not given.")),
        F(6, "categories", LIST(STRING), RULE(dns1035_label),
          DOC("Groups of kinds that it belongs to, such as \"all\"."))),
};

static void check_names(const struct value *names, struct schema_walk *walk)
{
    const struct value *list = value_get(names, "listKind");
    if (value_str(list) && str_eq(value_str(list), value_get_str(names, "kind")))
        schema_mistake(walk, list, "listKind", CAUSE_INVALID,
                       "\"%.64s\": kind and listKind may not be the same", value_str(list));
}

/* ---- versions ---- */

static const struct schema_type type_column = {
    .name = "CustomResourceColumnDefinition",
    DOC("A column that kubectl get prints."),
    FIELDS(F(1, "name", STRING, REQUIRED, DOC("Its heading.")),
           F(2, "type", STRING, REQUIRED, ONE_OF("integer", "number", "string", "boolean", "date"),
             DOC("integer, number, string, boolean or date.")),
           F(3, "format", STRING,
             ONE_OF("int32", "int64", "float", "double", "byte", "date", "date-time", "password"),
             DOC("How the type is to be read.")),
           F(4, "description", STRING, DOC("What it shows.")),
           F(5, "priority", INT32, OMIT_ZERO, DOC("0: always; more: with -o wide.")),
           F(6, "jsonPath", STRING, REQUIRED, DOC("Where in an object: \".spec.replicas\"."))),
};

static const struct schema_type type_subresource_status = {
    .name = "CustomResourceSubresourceStatus",
    DOC("Objects have /status: who writes the one part does not write the other."),
    FIELDS({.name = NULL}),
};

/* ".spec.replicas" below ".spec". */
static bool is_simple_path(const char *path, const char *below)
{
    size_t len = strlen(below);
    if (strncmp(path, below, len) != 0 || path[len] != '.')
        return false;
    for (const char *s = path; *s; s++)
        if (*s == '[' || *s == '*' || *s == '?' || (*s == '.' && (s[1] == '.' || !s[1])))
            return false;
    return true;
}

static void check_scale(const struct value *scale, struct schema_walk *walk)
{
    static const struct {
        const char *field, *below[2], *why;
    } paths[] = {
        {"specReplicasPath", {".spec"}, "should be a json path under .spec"},
        {"statusReplicasPath", {".status"}, "should be a json path under .status"},
        {"labelSelectorPath",
         {".status", ".spec"},
         "should be a json path under either .status or .spec"},
    };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const char *path = value_get_str(scale, paths[i].field);
        bool right = str_empty(path) || is_simple_path(path, paths[i].below[0]) ||
                     (paths[i].below[1] && is_simple_path(path, paths[i].below[1]));
        if (!right)
            schema_mistake(walk, value_get(scale, paths[i].field), paths[i].field, CAUSE_INVALID,
                           "\"%.64s\": %s", path, paths[i].why);
    }
}

static const struct schema_type type_subresource_scale = {
    .name = "CustomResourceSubresourceScale",
    DOC("Objects have /scale: how many there are of something."),
    .check = check_scale,
    FIELDS(F(1, "specReplicasPath", STRING, REQUIRED, DOC("How many are wanted: below .spec.")),
           F(2, "statusReplicasPath", STRING, REQUIRED, DOC("How many there are: below .status.")),
           F(3, "labelSelectorPath", STRING,
             DOC("Text that selects what is counted: below .spec or .status."))),
};

static const struct schema_type type_subresources = {
    .name = "CustomResourceSubresources",
    DOC("What of an object is read and written by itself."),
    FIELDS(F(1, "status", OBJECT(type_subresource_status), DOC("There is /status.")),
           F(2, "scale", OBJECT(type_subresource_scale), DOC("There is /scale."))),
};

static void check_validation(const struct value *validation, struct schema_walk *walk)
{
    structural_check(value_get(validation, "openAPIV3Schema"), "openAPIV3Schema", walk);
}

static const struct schema_type type_validation = {
    .name = "CustomResourceValidation",
    DOC("What objects must be."),
    .check = check_validation,
    FIELDS(F(1, "openAPIV3Schema", OBJECT(type_json_schema_props), REQUIRED,
             DOC("A structural schema of the whole object."))),
};

static void check_selectable(const struct value *field, struct schema_walk *walk)
{
    const struct value *path = value_get(field, "jsonPath");
    const char *text = value_str(path);
    if (str_empty(text))
        return;
    if (str_has_prefix(text, ".metadata."))
        schema_mistake(walk, path, "jsonPath", CAUSE_INVALID,
                       "\"%.64s\": must not point to fields in metadata", text);
    else if (*text != '.' || !is_simple_path(text, ""))
        schema_mistake(walk, path, "jsonPath", CAUSE_INVALID,
                       "\"%.64s\": must be a simple json path starting with .", text);
}

static const struct schema_type type_selectable = {
    .name = "SelectableField",
    DOC("A field that fieldSelector may ask for."),
    .check = check_selectable,
    FIELDS(F(1, "jsonPath", STRING, REQUIRED, DOC("Where in an object: \".spec.color\"."))),
};

enum { SELECTABLE_MAX = 8 };

static void check_version(const struct value *version, struct schema_walk *walk)
{
    const struct value *warning = value_get(version, "deprecationWarning");
    const struct value *selectable = value_get(version, "selectableFields");
    if (!str_empty(value_str(warning)) && !value_get_bool(version, "deprecated", false))
        schema_mistake(walk, warning, "deprecationWarning", CAUSE_INVALID,
                       "can only be set for deprecated versions");
    if (value_type(value_get(version, "schema")) == VALUE_NULL)
        schema_mistake(walk, NULL, "schema.openAPIV3Schema", CAUSE_REQUIRED,
                       "schemas are required");
    if (value_len(selectable) > SELECTABLE_MAX)
        schema_mistake(walk, selectable, "selectableFields", CAUSE_INVALID,
                       "must have at most %d items", SELECTABLE_MAX);
}

static const struct schema_type type_version = {
    .name = "CustomResourceDefinitionVersion",
    DOC("A version of the kind."),
    .check = check_version,
    FIELDS(F(1, "name", STRING, REQUIRED, RULE(dns1035_label), DOC("\"v1\", \"v2beta1\".")),
           F(2, "served", BOOL, .flags = SCHEMA_REQUIRED, DOC("Clients may use it.")),
           F(3, "storage", BOOL, .flags = SCHEMA_REQUIRED,
             DOC("Objects are stored in it: one version is.")),
           F(4, "schema", OBJECT(type_validation), DOC("What objects of it must be.")),
           F(5, "subresources", OBJECT(type_subresources),
             DOC("What of an object is read and written by itself.")),
           F(6, "additionalPrinterColumns", LIST(OBJECT(type_column)),
             DOC("What kubectl get prints beside names; the age if there is none.")),
           F(7, "deprecated", BOOL, OMIT_ZERO, DOC("Who uses it is warned.")),
           F(8, "deprecationWarning", STRING, DOC("The words of that warning.")),
           F(9, "selectableFields", LIST(OBJECT(type_selectable)),
             DOC("What fieldSelector may ask for."))),
};

/* ---- conversion ---- */

static const struct schema_type type_service_reference = {
    .name = "ServiceReference",
    DOC("A service that is called."),
    FIELDS(F(1, "namespace", STRING, REQUIRED, DOC("Its namespace.")),
           F(2, "name", STRING, REQUIRED, DOC("Its name.")),
           F(3, "path", STRING, DOC("The path of the URL.")),
           F(4, "port", INT32, RULE(port), DEF("443"), DOC("Its port."))),
};

static const struct schema_type type_client_config = {
    .name = "WebhookClientConfig",
    DOC("How a webhook is called."),
    FIELDS(F(1, "service", OBJECT(type_service_reference), DOC("A service, or url.")),
           F(2, "caBundle", BYTES, DOC("PEM of the authorities that its certificate may have.")),
           F(3, "url", STRING, DOC("Where it is, or service."))),
};

static const struct schema_type type_webhook = {
    .name = "WebhookConversion",
    DOC("A webhook that converts objects."),
    FIELDS(F(2, "clientConfig", OBJECT(type_client_config), DOC("How it is called.")),
           F(3, "conversionReviewVersions", LIST(STRING), DOC("What it understands."))),
};

static const struct schema_type type_conversion = {
    .name = "CustomResourceConversion",
    DOC("How objects change from version to version."),
    FIELDS(F(1, "strategy", STRING, REQUIRED, ONE_OF("None", "Webhook"),
             DOC("None: only apiVersion changes.")),
           F(2, "webhook", OBJECT(type_webhook), INERT, DOC("Of the strategy Webhook."))),
};

/* What is said of the webhook beside another strategy is kept: who was told to change that one word
 * need not throw the rest away. */
static void check_conversion(const struct value *spec, struct schema_walk *walk)
{
    const struct value *conversion = value_get(spec, "conversion");
    const struct value *strategy = value_get(conversion, "strategy");
    if (str_eq(value_str(strategy), "Webhook"))
        schema_mistake(walk, strategy, "conversion.strategy", CAUSE_NOT_SUPPORTED,
                       "\"Webhook\": no webhook is called here; must be None");
}

/* ---- the whole ---- */

static void check_versions(const struct value *spec, struct schema_walk *walk)
{
    const struct value *versions = value_get(spec, "versions");
    struct map *seen = map_new();
    size_t stored = 0;
    for (size_t i = 0; value_type(versions) == VALUE_LIST && i < value_len(versions); i++) {
        const struct value *version = value_at(versions, i);
        const char *name = value_get_str(version, "name");
        stored += value_get_bool(version, "storage", false);
        if (name && map_put(seen, name, seen))
            schema_mistake(walk, version, "versions", CAUSE_INVALID,
                           "must contain unique version names");
    }
    map_free(seen, NULL);
    if (value_len(versions) > 0 && stored != 1)
        schema_mistake(walk, versions, "versions", CAUSE_INVALID,
                       "must have exactly one version marked as storage version");
}

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    size_t mark = walk_enter(walk, "names");
    check_names(value_get(spec, "names"), walk);
    walk_leave(walk, mark);
    check_versions(spec, walk);
    check_conversion(spec, walk);
    if (value_get_bool(spec, "preserveUnknownFields", false))
        schema_mistake(walk, value_get(spec, "preserveUnknownFields"), "preserveUnknownFields",
                       CAUSE_INVALID,
                       "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
                       "spec.versions[*].schema instead");
}

void custom_fill_names(struct value *names)
{
    const char *kind = value_get_str(names, "kind");
    if (str_empty(kind))
        return;
    if (str_empty(value_get_str(names, "singular"))) {
        autofree char *lower = xstrdup(kind);
        for (char *s = lower; *s; s++)
            *s = (char)tolower((unsigned char)*s);
        value_set_str(names, "singular", lower);
    }
    if (str_empty(value_get_str(names, "listKind"))) {
        autofree char *list = xasprintf("%sList", kind);
        value_set_str(names, "listKind", list);
    }
}

static void fill_spec(struct value *spec)
{
    custom_fill_names(value_get(spec, "names"));
    if (!value_get(spec, "conversion"))
        value_set_str(value_make_map(spec, "conversion", NULL), "strategy", "None");
}

static const struct schema_type type_spec = {
    .name = "CustomResourceDefinitionSpec",
    DOC("The kind."),
    .check = check_spec,
    .fill = fill_spec,
    FIELDS(F(1, "group", STRING, .flags = SCHEMA_REQUIRED | SCHEMA_IMMUTABLE, FORMAT(format_group),
             DOC("Its API group: a domain of whoever defines it.")),
           F(3, "names", OBJECT(type_names), REQUIRED, DOC("What it is called.")),
           F(4, "scope", STRING, .flags = SCHEMA_REQUIRED | SCHEMA_IMMUTABLE,
             ONE_OF("Cluster", "Namespaced"), DOC("Whether its objects stand in namespaces.")),
           F(7, "versions", LIST(OBJECT(type_version)), REQUIRED, DOC("Its versions.")),
           F(9, "conversion", OBJECT(type_conversion),
             DOC("How objects change from version to version.")),
           F(10, "preserveUnknownFields", BOOL, OMIT_ZERO, DOC("Not to be used."))),
};

static const struct schema_type type_condition_of_definition = {
    .name = "CustomResourceDefinitionCondition",
    DOC("How it stands with the kind."),
    FIELDS(F(1, "type", STRING, REQUIRED, DOC("NamesAccepted, Established or Terminating.")),
           F(2, "status", STRING, REQUIRED, ONE_OF("True", "False", "Unknown"),
             DOC("True, False or Unknown.")),
           F(3, "lastTransitionTime", TIME, DOC("When the status changed last.")),
           F(4, "reason", STRING, DOC("Why, in one word.")),
           F(5, "message", STRING, DOC("Why, for people."))),
};

static const struct schema_type type_status = {
    .name = "CustomResourceDefinitionStatus",
    DOC("What became of the kind."),
    FIELDS(F(1, "conditions", LIST(OBJECT(type_condition_of_definition)), BY("type"),
             DOC("How it stands with the kind.")),
           F(2, "acceptedNames", OBJECT(type_names), DOC("What it is really called.")),
           F(3, "storedVersions", LIST(STRING),
             DOC("Versions in which objects may have been stored."))),
};

static void check_definition(const struct value *definition, struct schema_walk *walk)
{
    const struct value *spec = value_get(definition, "spec");
    const char *plural = value_get_str(value_get(spec, "names"), "plural");
    const char *group = value_get_str(spec, "group"), *name = object_name(definition);
    if (str_empty(plural) || str_empty(group) || str_empty(name))
        return;
    autofree char *want = xasprintf("%s.%s", plural, group);
    if (!str_eq(name, want))
        schema_mistake(
            walk, value_path(definition, "metadata", "name", NULL), "metadata.name", CAUSE_INVALID,
            "\"%.64s\": must be spec.names.plural+\".\"+spec.group (%.128s)", name, want);
}

static const struct schema_type type_definition = {
    .name = "CustomResourceDefinition",
    DOC("A kind that people define: its objects are stored and checked by its schema."),
    .check = check_definition,
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "spec", OBJECT(type_spec), REQUIRED, DOC("The kind.")),
           F(3, "status", OBJECT(type_status), DOC("What became of it."))),
};

static bool has_version(const struct value *definition, const char *name)
{
    const struct value *versions = value_path(definition, "spec", "versions", NULL);
    for (size_t i = 0; i < value_len(versions); i++)
        if (str_eq(value_get_str(value_at(versions, i), "name"), name))
            return true;
    return false;
}

/* Objects may stand in the store in a version that was stored once. */
static void check_update(const struct value *old, const struct value *definition,
                         struct schema_walk *walk)
{
    const struct value *stored = value_path(definition, "status", "storedVersions", NULL);
    for (size_t i = 0; i < value_len(stored); i++) {
        const char *name = value_str(value_at(stored, i));
        if (name && !has_version(definition, name))
            schema_mistake(walk, value_path(definition, "spec", "versions", NULL),
                           "status.storedVersions", CAUSE_INVALID,
                           "\"%.64s\": must appear in spec.versions", name);
    }
    const char *kind = value_get_str(value_path(old, "spec", "names", NULL), "kind");
    const struct value *now = value_path(definition, "spec", "names", "kind", NULL);
    const char *accepted = value_get_str(value_path(old, "status", "acceptedNames", NULL), "kind");
    if (!str_empty(accepted) && str_eq(kind, accepted) && !str_eq(value_str(now), kind))
        schema_mistake(walk, now, "spec.names.kind", CAUSE_FORBIDDEN, "may not be changed");
}

CELL(cell_created)
{
    (void)now_wall_ns;
    const char *at = value_get_str(value_get(object, "metadata"), "creationTimestamp");
    buf_addstr(ret, at ? at : "<unknown>");
}

const struct schema_kind kind_custom_resource_definition = {
    .group = "apiextensions.k8s.io",
    .version = "v1",
    .kind = "CustomResourceDefinition",
    .plural = "customresourcedefinitions",
    .singular = "customresourcedefinition",
    .short_names = NAMES("crd", "crds"),
    .flags = SCHEMA_KIND_STATUS,
    .type = &type_definition,
    .name = format_dns1123_subdomain,
    .check_update = check_update,
    PROTO("k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition"),
    CATEGORIES("api-extensions"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Created At", "date", .cell = cell_created}),
};
