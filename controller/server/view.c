#include "controller/server/view.h"

#include "common/base/str.h"
#include "controller/api/status.h"

#include <stdio.h>

#define PARTIAL "PartialObjectMetadata"

static const struct {
    const char *kind, *api_version; /* NULL: the object's own */
} shown_as[] = {
    [ACCEPT_JSON] = {NULL, NULL},
    [ACCEPT_TABLE] = {"Table", "meta.k8s.io/v1"},
    [ACCEPT_TABLE_BETA] = {"Table", "meta.k8s.io/v1beta1"},
    [ACCEPT_PARTIAL] = {PARTIAL, "meta.k8s.io/v1"},
    [ACCEPT_PARTIAL_BETA] = {PARTIAL, "meta.k8s.io/v1beta1"},
    [ACCEPT_NOTHING] = {NULL, NULL}, /* of logs, which are text */
};

struct value *view_parse_url(const struct url *url, enum accept accept, struct view *ret)
{
    static const char *const names[] = {
        [TABLE_METADATA] = "Metadata", [TABLE_OBJECT] = "Object", [TABLE_NOTHING] = "None"};
    const char *text = url_param(url, "includeObject");
    *ret = (struct view){accept, TABLE_METADATA};
    if (str_empty(text))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(text, names[i])) {
            ret->include = (enum table_include)i;
            return NULL;
        }
    return status_failure(400, "invalid query parameter includeObject=\"%.40s\"", text);
}

const char *view_kind(const struct view *view, const struct schema_kind *kind)
{
    const char *shown = shown_as[view->accept].kind;
    return shown ? shown : kind->kind;
}

const char *view_api_version(const struct view *view, const struct schema_kind *kind,
                             char ret[static 128])
{
    const char *shown = shown_as[view->accept].api_version;
    return shown ? shown : schema_api_version(kind, ret);
}

static struct value *partial_list(const struct value *list, const char *api_version)
{
    struct value *out = value_new_map();
    const struct value *items = value_get(list, "items"), *meta = value_get(list, "metadata");
    value_set_str(out, "kind", PARTIAL "List");
    value_set_str(out, "apiVersion", api_version);
    value_set(out, "metadata", meta ? value_copy(meta) : value_new_map());
    struct value *partial = value_set(out, "items", value_new_list());
    for (size_t i = 0; i < value_len(items); i++)
        value_append(partial, table_partial(value_at(items, i), api_version));
    return out;
}

struct value *view_make(const struct view *view, const struct schema_kind *kind,
                        struct value *object, bool columns, int64_t now_wall_ns)
{
    const char *shown = shown_as[view->accept].kind;
    const char *version = shown_as[view->accept].api_version;
    struct value *out;
    if (!shown || str_eq(value_get_str(object, "kind"), "Status"))
        return object;
    if (!str_eq(shown, PARTIAL))
        out = table_of(kind, object, version, view->include, columns, now_wall_ns);
    else if (value_type(value_get(object, "items")) == VALUE_LIST)
        out = partial_list(object, version);
    else
        out = table_partial(object, version);
    value_free(object);
    return out;
}

struct value *view_item(const struct view *view, const struct schema_kind *kind,
                        struct value *object, int64_t now_wall_ns)
{
    const char *shown = shown_as[view->accept].kind;
    const char *version = shown_as[view->accept].api_version;
    if (!shown)
        return object;
    struct value *out = str_eq(shown, PARTIAL)
                            ? table_partial(object, version)
                            : table_row(kind, object, version, view->include, now_wall_ns);
    value_free(object);
    return out;
}
