#include "controller/custom/custom.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/schema/format.h"
#include "controller/custom/compile.h"
#include "controller/custom/version.h"

#include <errno.h>

struct custom {
    struct pool *pool;
    struct schema_kind *kinds; /* the newest version first */
    bool *served;
    size_t count;
    size_t held; /* while it retires: kinds that somebody may still hold */
};

static const char *const *strings(struct pool *pool, const struct value *list)
{
    if (value_len(list) == 0)
        return NULL;
    const char **out = pool_alloc(pool, value_len(list) + 1, sizeof(*out));
    size_t count = 0;
    for (size_t i = 0; i < value_len(list); i++)
        if (value_str(value_at(list, i)))
            out[count++] = pool_str(pool, value_str(value_at(list, i)));
    return out;
}

/* ".spec.replicas" -> "spec.replicas". */
static const char *dotted(struct pool *pool, const char *path)
{
    return str_empty(path) ? NULL : pool_str(pool, path + (*path == '.'));
}

static const struct schema_column *columns_of(struct pool *pool, const struct value *version)
{
    static const struct schema_column name = {
        .name = "Name", .type = "string", .path = "metadata.name"};
    static const struct schema_column age = {
        .name = "Age", .type = "date", .path = "metadata.creationTimestamp"};
    const struct value *given = value_get(version, "additionalPrinterColumns");
    size_t count = value_len(given);
    struct schema_column *columns = pool_alloc(pool, count + 3, sizeof(*columns));
    columns[0] = name;
    if (count == 0)
        columns[1] = age;
    for (size_t i = 0; i < count; i++) {
        const struct value *column = value_at(given, i);
        columns[i + 1] = (struct schema_column){
            .name = pool_str(pool, value_get_str(column, "name")),
            .type = pool_str(pool, value_get_str(column, "type")),
            .priority = (int)value_get_int(column, "priority", 0),
            .path = pool_str(pool, value_get_str(column, "jsonPath")),
            .doc = pool_str(pool, value_get_str(column, "description")),
        };
    }
    return columns;
}

static const struct schema_scale *scale_of(struct pool *pool, const struct value *version)
{
    const struct value *given = value_path(version, "subresources", "scale", NULL);
    if (value_type(given) != VALUE_MAP)
        return NULL;
    struct schema_scale *scale = pool_alloc(pool, 1, sizeof(*scale));
    scale->spec_replicas = dotted(pool, value_get_str(given, "specReplicasPath"));
    scale->status_replicas = dotted(pool, value_get_str(given, "statusReplicasPath"));
    scale->selector = dotted(pool, value_get_str(given, "labelSelectorPath"));
    return scale;
}

static const struct schema_selectable *selectable_of(struct pool *pool, const struct value *version)
{
    const struct value *given = value_get(version, "selectableFields");
    if (value_len(given) == 0)
        return NULL;
    struct schema_selectable *out = pool_alloc(pool, value_len(given) + 1, sizeof(*out));
    for (size_t i = 0; i < value_len(given); i++)
        out[i].name = dotted(pool, value_get_str(value_at(given, i), "jsonPath"));
    return out;
}

/* Anywhere in a schema, or what is called so: that costs time only. */
static bool has_default(const struct value *schema)
{
    bool found = value_get(schema, "default");
    for (size_t i = 0; i < value_len(schema) && !found; i++)
        found = has_default(value_at(schema, i));
    return found;
}

/* As Kubernetes says it, with the version to be used instead if there is a newer one. */
static const char *deprecation_of(struct pool *pool, const struct value *spec,
                                  const struct value *version)
{
    const char *words = value_get_str(version, "deprecationWarning");
    const char *name = value_get_str(version, "name"), *better = NULL;
    if (!value_get_bool(version, "deprecated", false))
        return NULL;
    if (!str_empty(words))
        return pool_str(pool, words);
    const struct value *versions = value_get(spec, "versions");
    for (size_t i = 0; i < value_len(versions); i++) {
        const struct value *other = value_at(versions, i);
        const char *its = value_get_str(other, "name");
        if (value_get_bool(other, "served", false) && !value_get_bool(other, "deprecated", false) &&
            version_compare(its, better ? better : name) < 0)
            better = its;
    }
    const char *group = value_get_str(spec, "group");
    const char *kind = value_get_str(value_get(spec, "names"), "kind");
    cleanup(buf_done) struct buf text = {0};
    buf_addf(&text, "%s/%s %s is deprecated", group, name, kind);
    if (better)
        buf_addf(&text, "; use %s/%s %s", group, better, kind);
    return pool_strn(pool, text.data, text.len);
}

static void make_kind(struct pool *pool, const struct value *spec, const struct value *version,
                      bool closed, struct schema_kind *ret)
{
    const struct value *names = value_get(spec, "names");
    const struct value *schema = value_path(version, "schema", "openAPIV3Schema", NULL);
    bool status = value_type(value_path(version, "subresources", "status", NULL)) == VALUE_MAP;
    ret->group = pool_str(pool, value_get_str(spec, "group"));
    ret->version = pool_str(pool, value_get_str(version, "name"));
    ret->kind = pool_str(pool, value_get_str(names, "kind"));
    ret->plural = pool_str(pool, value_get_str(names, "plural"));
    ret->singular = pool_str(pool, value_get_str(names, "singular"));
    ret->short_names = strings(pool, value_get(names, "shortNames"));
    ret->categories = strings(pool, value_get(names, "categories"));
    ret->namespaced = str_eq(value_get_str(spec, "scope"), "Namespaced");
    ret->flags = SCHEMA_KIND_CUSTOM | (status ? SCHEMA_KIND_STATUS : 0) |
                 (closed ? SCHEMA_KIND_CLOSED : 0) | (has_default(schema) ? SCHEMA_KIND_FILLED : 0);
    ret->type = compile_root(pool, schema, ret->kind);
    ret->more = compile_whole(pool, schema);
    ret->name = format_dns1123_subdomain;
    ret->columns = columns_of(pool, version);
    ret->scale = scale_of(pool, version);
    ret->selectable = selectable_of(pool, version);
    ret->deprecated = deprecation_of(pool, spec, version);
}

/* The versions as discovery has them: the newest, and most stable, first. The caller frees. */
static const struct value **sorted(const struct value *versions)
{
    size_t count = value_len(versions);
    const struct value **list = xcalloc(count + 1, sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        const struct value *version = value_at(versions, i);
        const char *name = value_get_str(version, "name");
        size_t at = i;
        for (; at > 0 && version_compare(value_get_str(list[at - 1], "name"), name) > 0; at--)
            list[at] = list[at - 1];
        list[at] = version;
    }
    return list;
}

struct custom *custom_new(const struct value *definition, bool closed)
{
    const struct value *spec = value_get(definition, "spec");
    const struct value *versions = value_get(spec, "versions");
    autofree const struct value **list = sorted(versions);
    struct custom *custom = xcalloc(1, sizeof(*custom));
    const struct schema_kind *stored = NULL;
    custom->pool = pool_new();
    custom->count = value_len(versions);
    custom->kinds = pool_alloc(custom->pool, custom->count, sizeof(*custom->kinds));
    custom->served = pool_alloc(custom->pool, custom->count, sizeof(*custom->served));
    for (size_t i = 0; i < custom->count; i++) {
        make_kind(custom->pool, spec, list[i], closed, &custom->kinds[i]);
        custom->served[i] = value_get_bool(list[i], "served", false);
        if (value_get_bool(list[i], "storage", false))
            stored = &custom->kinds[i];
    }
    for (size_t i = 0; i < custom->count; i++)
        custom->kinds[i].stored = &custom->kinds[i] == stored ? NULL : stored;
    return custom;
}

void custom_free(struct custom *custom)
{
    if (!custom)
        return;
    pool_free(custom->pool);
    free(custom);
}

const struct schema_kind *custom_stored(const struct custom *custom)
{
    const struct schema_kind *kind = &custom->kinds[0];
    return kind->stored ? kind->stored : kind;
}

int custom_serve(struct custom *custom, struct kinds *kinds)
{
    for (size_t i = 0; i < custom->count; i++) {
        int r = custom->served[i] ? kinds_add(kinds, &custom->kinds[i]) : 0;
        for (size_t j = 0; r < 0 && j < i; j++)
            if (custom->served[j])
                kinds_remove(kinds, &custom->kinds[j]);
        if (r < 0)
            return r;
    }
    return 0;
}

static void unused(void *ctx)
{
    struct custom *custom = ctx;
    if (--custom->held == 0)
        custom_free(custom);
}

void custom_retire(struct custom *custom, struct kinds *kinds)
{
    custom->held = 1;
    for (size_t i = 0; i < custom->count; i++) {
        if (!custom->served[i])
            continue;
        custom->held++;
        kinds_retire(kinds, &custom->kinds[i], unused, custom);
    }
    unused(custom);
}

size_t custom_bytes(const struct custom *custom)
{
    return pool_bytes(custom->pool);
}
