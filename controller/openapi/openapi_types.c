#include "controller/openapi/openapi_types.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdio.h>

struct openapi_types {
    struct openapi_definition *all;
    size_t count;
    struct map *by_name, *by_type; /* of definitions by their index + 1 */
};

static void type_key(const struct schema_type *type, char ret[static 32])
{
    snprintf(ret, 32, "%p", (const void *)type);
}

static const struct openapi_definition *by_type(const struct openapi_types *types,
                                                const struct schema_type *type)
{
    char key[32];
    type_key(type, key);
    uintptr_t at = (uintptr_t)map_get(types->by_type, key);
    return at ? &types->all[at - 1] : NULL;
}

/* Takes name; another definition of that name makes it "name_2". */
static void add(struct openapi_types *types, char *name, const struct schema_type *type,
                const struct schema_kind *kind)
{
    char key[32];
    for (int i = 2; map_get(types->by_name, name); i++) {
        size_t len = strlen(name);
        const char *tail = strrchr(name, '_');
        char *other = xasprintf("%.*s_%d", (int)(tail ? (size_t)(tail - name) : len), name, i);
        free(name);
        name = other;
    }
    types->all = xreallocarray(types->all, types->count + 1, sizeof(*types->all));
    types->all[types->count++] = (struct openapi_definition){name, type, kind};
    map_put(types->by_name, name, (void *)(uintptr_t)types->count);
    type_key(type, key);
    if (!map_get(types->by_type, key))
        map_put(types->by_type, key, (void *)(uintptr_t)types->count);
}

/* "a.b.c" backwards: "c.b.a". */
static void add_reversed(struct buf *to, const char *domain)
{
    for (const char *end = domain + strlen(domain); end > domain;) {
        const char *start = end;
        while (start > domain && start[-1] != '.')
            start--;
        (void)buf_addf(to, "%s%.*s", to->len ? "." : "", (int)(end - start), start);
        end = start > domain ? start - 1 : start;
    }
}

/* Of "k8s.io.api.core.v1.Pod" the package is written "io.k8s.api.core.v1"; kinds that people define
 * are called after their group. */
static void package_of(const struct schema_kind *kind, struct buf *ret)
{
    if (!kind->proto) {
        add_reversed(ret, kind->group);
        (void)buf_addf(ret, "%s%s", ret->len ? "." : "", kind->version);
        return;
    }
    const char *proto = kind->proto;
    const char *end = strrchr(proto, '.');
    bool swap = str_has_prefix(proto, "k8s.io.");
    (void)buf_addf(ret, "%s%.*s", swap ? "io.k8s" : "", (int)(end - proto) - (swap ? 6 : 0),
                   proto + (swap ? 6 : 0));
}

/* What Kubernetes keeps in meta/v1, whoever uses it. */
static bool is_meta(const char *name)
{
    static const char *const names[] = {"ObjectMeta", "OwnerReference", "ManagedFieldsEntry",
                                        "ListMeta",   "LabelSelector",  "LabelSelectorRequirement",
                                        "Condition",  "DeleteOptions",  "Preconditions"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(names[i], name))
            return true;
    return false;
}

static void add_parts(struct openapi_types *types, const char *package,
                      const struct schema_type *type);

static void add_part(struct openapi_types *types, const char *package,
                     const struct schema_type *type)
{
    if (by_type(types, type))
        return;
    add(types,
        xasprintf("%s.%s", is_meta(type->name) ? "io.k8s.apimachinery.pkg.apis.meta.v1" : package,
                  type->name),
        type, NULL);
    add_parts(types, package, type);
}

static void add_field_parts(struct openapi_types *types, const char *package,
                            const struct schema_field *field)
{
    bool many = field->shape == SCHEMA_LIST || field->shape == SCHEMA_MAP;
    uint8_t shape = many ? field->item : field->shape;
    if (shape == SCHEMA_OBJECT)
        add_part(types, package, field->object);
    else if (shape == SCHEMA_LIST || shape == SCHEMA_MAP)
        add_field_parts(types, package, field->items);
}

static void add_parts(struct openapi_types *types, const char *package,
                      const struct schema_type *type)
{
    struct schema_fields it = {0};
    for (const struct schema_field *field; (field = schema_fields_next(type, &it));)
        add_field_parts(types, package, field);
}

struct openapi_types *openapi_types_new(const struct schema_kind *const *kinds)
{
    struct openapi_types *types = xcalloc(1, sizeof(*types));
    types->by_name = map_new();
    types->by_type = map_new();
    for (size_t i = 0; kinds[i]; i++) {
        cleanup(buf_done) struct buf package = {0};
        package_of(kinds[i], &package);
        add(types, xasprintf("%s.%s", buf_str(&package), kinds[i]->kind), kinds[i]->type, kinds[i]);
    }
    for (size_t i = 0; kinds[i]; i++) {
        cleanup(buf_done) struct buf package = {0};
        package_of(kinds[i], &package);
        if (kinds[i]->proto)
            add_parts(types, buf_str(&package), kinds[i]->type);
    }
    return types;
}

void openapi_types_free(struct openapi_types *types)
{
    if (!types)
        return;
    for (size_t i = 0; i < types->count; i++)
        free((char *)types->all[i].name);
    free(types->all);
    map_free(types->by_name, NULL);
    map_free(types->by_type, NULL);
    free(types);
}

const struct openapi_definition *openapi_types_at(const struct openapi_types *types, size_t i)
{
    return i < types->count ? &types->all[i] : NULL;
}

const char *openapi_types_name(const struct openapi_types *types, const struct schema_type *type)
{
    const struct openapi_definition *definition = by_type(types, type);
    return definition ? definition->name : NULL;
}

const char *openapi_types_kind_name(const struct openapi_types *types,
                                    const struct schema_kind *kind)
{
    for (size_t i = 0; i < types->count && types->all[i].kind; i++)
        if (types->all[i].kind == kind)
            return types->all[i].name;
    return NULL;
}
