#include "controller/openapi/openapi.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/wire.h"
#include "controller/openapi/catalogue.h"
#include "controller/openapi/openapi_paths.h"
#include "controller/openapi/openapi_schema.h"

/* Field numbers of openapi.v2 (gnostic's OpenAPIv2.proto). */
enum {
    DOCUMENT_SWAGGER = 1,
    DOCUMENT_INFO = 2,
    DOCUMENT_PATHS = 8,
    DOCUMENT_DEFINITIONS = 9,
    INFO_TITLE = 1,
    INFO_VERSION = 2,
    PATHS_PATH = 2,
    DEFINITIONS_SCHEMA = 1, /* of Definitions and Properties */
    NAMED_NAME = 1,         /* of NamedPathItem, NamedAny and NamedSchema */
    NAMED_VALUE = 2,
    PATH_ITEM_PATCH = 8,
    OPERATION_PARAMETERS = 8,
    OPERATION_EXTENSION = 13,
    ITEM_PARAMETER = 1,
    PARAMETER_NON_BODY = 2,
    NON_BODY_QUERY = 3,
    QUERY_IN = 2,
    QUERY_NAME = 4,
    QUERY_TYPE = 6,
    ANY_YAML = 2,
    SCHEMA_REF = 1,
    SCHEMA_FORMAT = 2,
    SCHEMA_DESCRIPTION = 4,
    SCHEMA_DEFAULT = 5,
    SCHEMA_REQUIRED_NAMES = 19,
    SCHEMA_ADDITIONAL = 21,
    SCHEMA_TYPE = 22,
    SCHEMA_ITEMS = 23,
    SCHEMA_PROPERTIES = 25,
    SCHEMA_EXTENSION = 31,
    ONE_VALUE = 1, /* of TypeItem, ItemsItem and AdditionalPropertiesItem */
};

struct openapi {
    const struct schema_kind **kinds;
    struct openapi_types *types;
    size_t at; /* 0: the head; then the kinds' paths; then the definitions */
    size_t kind_count;
};

/* Wraps what is in `message` as that field of another one. */
static void wrap(struct buf *message, uint32_t field)
{
    struct buf outer = {0};
    wire_add_message(&outer, field, message);
    *message = outer;
}

/* YAML is what it must be, and JSON is YAML. */
static void put_any(struct buf *to, uint32_t field, const struct value *value)
{
    struct buf text = {0}, any = {0};
    (void)json_write(value, &text);
    wire_add_message(&any, ANY_YAML, &text);
    wire_add_message(to, field, &any);
}

static void put_extension(struct buf *to, uint32_t field, const char *name,
                          const struct value *value)
{
    struct buf extension = {0};
    wire_add_str(&extension, NAMED_NAME, name);
    put_any(&extension, NAMED_VALUE, value);
    wire_add_message(to, field, &extension);
}

/* ---- paths ---- */

static void put_parameter(struct buf *operation, const char *name)
{
    struct buf query = {0};
    wire_add_str(&query, QUERY_IN, "query");
    wire_add_str(&query, QUERY_NAME, name);
    wire_add_str(&query, QUERY_TYPE, "string");
    wrap(&query, NON_BODY_QUERY);
    wrap(&query, PARAMETER_NON_BODY);
    wrap(&query, ITEM_PARAMETER);
    wire_add_message(operation, OPERATION_PARAMETERS, &query);
}

static void put_path(struct buf *ret, const struct schema_kind *kind)
{
    struct buf item = {0}, path = {0};
    autofree char *name = openapi_path_of(kind, kind->namespaced, "/{name}");
    cleanup(value_free) struct value *gvk = openapi_kind(kind);
    put_parameter(&item, "dryRun");
    put_parameter(&item, "fieldValidation");
    put_extension(&item, OPERATION_EXTENSION, "x-kubernetes-group-version-kind", gvk);
    wrap(&item, PATH_ITEM_PATCH);
    wire_add_str(&path, NAMED_NAME, name);
    wire_add_message(&path, NAMED_VALUE, &item);
    wrap(&path, PATHS_PATH);
    wire_add_message(ret, DOCUMENT_PATHS, &path);
}

/* ---- definitions ---- */

static void put_schema(struct buf *to, const struct value *schema);

static void put_text(struct buf *to, uint32_t field, const struct value *value)
{
    wire_add_str(to, field, value_str(value));
}

static void put_texts(struct buf *to, uint32_t field, const struct value *list)
{
    for (size_t i = 0; i < value_len(list); i++)
        wire_add_str(to, field, value_str(value_at(list, i)));
}

static void put_type(struct buf *to, uint32_t field, const struct value *value)
{
    struct buf type = {0};
    put_text(&type, ONE_VALUE, value);
    wire_add_message(to, field, &type);
}

static void put_inner(struct buf *to, uint32_t field, const struct value *schema)
{
    struct buf inner = {0};
    put_schema(&inner, schema);
    wrap(&inner, ONE_VALUE);
    wire_add_message(to, field, &inner);
}

static void put_named_schema(struct buf *to, uint32_t field, const char *name,
                             const struct value *schema)
{
    struct buf inner = {0}, named = {0};
    put_schema(&inner, schema);
    wire_add_str(&named, NAMED_NAME, name);
    wire_add_message(&named, NAMED_VALUE, &inner);
    wire_add_message(to, field, &named);
}

static void put_properties(struct buf *to, uint32_t field, const struct value *properties)
{
    struct buf all = {0};
    for (size_t i = 0; i < value_len(properties); i++)
        put_named_schema(&all, DEFINITIONS_SCHEMA, value_key_at(properties, i),
                         value_at(properties, i));
    wire_add_message(to, field, &all);
}

static const struct {
    const char *key;
    uint32_t field;
    void (*put)(struct buf *to, uint32_t field, const struct value *value);
} keywords[] = {
    {"$ref", SCHEMA_REF, put_text},
    {"format", SCHEMA_FORMAT, put_text},
    {"description", SCHEMA_DESCRIPTION, put_text},
    {"default", SCHEMA_DEFAULT, put_any},
    {"required", SCHEMA_REQUIRED_NAMES, put_texts},
    {"additionalProperties", SCHEMA_ADDITIONAL, put_inner},
    {"type", SCHEMA_TYPE, put_type},
    {"items", SCHEMA_ITEMS, put_inner},
    {"properties", SCHEMA_PROPERTIES, put_properties},
};

static bool put_keyword(struct buf *to, const char *key, const struct value *value)
{
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (str_eq(key, keywords[i].key)) {
            keywords[i].put(to, keywords[i].field, value);
            return true;
        }
    return false;
}

static void put_schema(struct buf *to, const struct value *schema)
{
    for (size_t i = 0; i < value_len(schema); i++) {
        const char *key = value_key_at(schema, i);
        if (!put_keyword(to, key, value_at(schema, i)) && str_has_prefix(key, "x-"))
            put_extension(to, SCHEMA_EXTENSION, key, value_at(schema, i));
    }
}

static void put_definition(struct buf *ret, const struct openapi_types *types,
                           const struct openapi_definition *definition)
{
    struct buf all = {0};
    cleanup(value_free) struct value *schema = openapi_schema(types, definition, OPENAPI_V2);
    put_named_schema(&all, DEFINITIONS_SCHEMA, definition->name, schema);
    wire_add_message(ret, DOCUMENT_DEFINITIONS, &all);
}

/* ---- the document ---- */

struct openapi *openapi_new(const struct kinds *kinds)
{
    struct openapi *document = xcalloc(1, sizeof(*document));
    document->kinds = catalogue_new(kinds);
    document->types = openapi_types_new(document->kinds);
    while (document->kinds[document->kind_count])
        document->kind_count++;
    return document;
}

void openapi_free(struct openapi *document)
{
    if (!document)
        return;
    openapi_types_free(document->types);
    free(document->kinds);
    free(document);
}

static void put_head(struct buf *ret)
{
    struct buf info = {0};
    wire_add_str(&info, INFO_TITLE, "Limpet");
    wire_add_str(&info, INFO_VERSION, LIMPET_VERSION);
    wire_add_str(ret, DOCUMENT_SWAGGER, "2.0");
    wire_add_message(ret, DOCUMENT_INFO, &info);
}

/* Paths and definitions are one field of the document each; that it comes in parts is the same to
 * who reads protobuf, and none of them has to be held until its length is known. */
bool openapi_next(struct openapi *document, struct buf *ret)
{
    size_t at = document->at++;
    if (at == 0) {
        put_head(ret);
        return true;
    }
    if (at - 1 < document->kind_count) {
        if (schema_has_verb(document->kinds[at - 1], "patch"))
            put_path(ret, document->kinds[at - 1]);
        return true;
    }
    const struct openapi_definition *definition =
        openapi_types_at(document->types, at - 1 - document->kind_count);
    if (definition)
        put_definition(ret, document->types, definition);
    return definition;
}
