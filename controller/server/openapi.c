#include "controller/server/openapi.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"

/* Field numbers of openapi.v2 (gnostic's OpenAPIv2.proto). */
enum {
    DOCUMENT_SWAGGER = 1,
    DOCUMENT_INFO = 2,
    DOCUMENT_PATHS = 8,
    INFO_TITLE = 1,
    INFO_VERSION = 2,
    PATHS_PATH = 2,
    NAMED_NAME = 1, /* of NamedPathItem and NamedAny */
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
};

static void put_varint(struct buf *to, size_t n)
{
    for (; n > 0x7f; n >>= 7)
        (void)buf_addc(to, (char)(n | 0x80));
    (void)buf_addc(to, (char)n);
}

/* A field of bytes; field numbers are below 16. */
static void put(struct buf *to, int field, const void *data, size_t len)
{
    (void)buf_addc(to, (char)(field << 3 | 2));
    put_varint(to, len);
    (void)buf_add(to, data, len);
}

static void put_str(struct buf *to, int field, const char *text)
{
    put(to, field, text, strlen(text));
}

/* A message within: takes the bytes of `inner`, which is empty then. */
static void put_message(struct buf *to, int field, struct buf *inner)
{
    put(to, field, buf_str(inner), inner->len);
    buf_done(inner);
}

/* Wraps what is in `message` as that field of another one. */
static void wrap(struct buf *message, int field)
{
    struct buf outer = {0};
    put_message(&outer, field, message);
    *message = outer;
}

static void put_dry_run(struct buf *operation)
{
    struct buf query = {0};
    put_str(&query, QUERY_IN, "query");
    put_str(&query, QUERY_NAME, "dryRun");
    put_str(&query, QUERY_TYPE, "string");
    wrap(&query, NON_BODY_QUERY);
    wrap(&query, PARAMETER_NON_BODY);
    wrap(&query, ITEM_PARAMETER);
    put_message(operation, OPERATION_PARAMETERS, &query);
}

static void put_kind(struct buf *operation, const struct schema_kind *kind)
{
    struct buf yaml = {0}, any = {0}, extension = {0};
    (void)buf_addf(&yaml, "group: \"%s\"\nkind: %s\nversion: %s\n", kind->group, kind->kind,
                   kind->version);
    put_message(&any, ANY_YAML, &yaml);
    put_str(&extension, NAMED_NAME, "x-kubernetes-group-version-kind");
    put_message(&extension, NAMED_VALUE, &any);
    put_message(operation, OPERATION_EXTENSION, &extension);
}

static void put_path(struct buf *paths, const struct schema_kind *kind)
{
    struct buf name = {0}, item = {0}, path = {0};
    bool core = str_empty(kind->group);
    (void)buf_addf(&name, "/%s%s%s/%s/%s%s/{name}", core ? "api" : "apis", core ? "" : "/",
                   kind->group, kind->version, kind->namespaced ? "namespaces/{namespace}/" : "",
                   kind->plural);
    put_dry_run(&item);
    put_kind(&item, kind);
    wrap(&item, PATH_ITEM_PATCH);
    put_message(&path, NAMED_NAME, &name);
    put_message(&path, NAMED_VALUE, &item);
    put_message(paths, PATHS_PATH, &path);
}

void openapi_write(const struct kinds *kinds, struct buf *ret)
{
    struct buf info = {0}, paths = {0};
    const struct schema_kind *kind;
    put_str(&info, INFO_TITLE, "Limpet");
    put_str(&info, INFO_VERSION, LIMPET_VERSION);
    put_str(ret, DOCUMENT_SWAGGER, "2.0");
    put_message(ret, DOCUMENT_INFO, &info);
    for (size_t i = 0; (kind = kinds_at(kinds, i)); i++)
        put_path(&paths, kind);
    put_message(ret, DOCUMENT_PATHS, &paths);
}
