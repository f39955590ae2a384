#include "controller/server/discovery.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "controller/server/subresource.h"

#include <sys/utsname.h>

#define KUBERNETES_MAJOR "1"
#define KUBERNETES_MINOR "33"

static struct value *strings(const char *const *list)
{
    struct value *out = value_new_list();
    for (; list && *list; list++)
        value_append(out, value_new_str(*list));
    return out;
}

struct value *discovery_version(void)
{
    struct utsname host = {0};
    uname(&host);
    struct value *version = value_new_map();
    value_set_str(version, "major", KUBERNETES_MAJOR);
    value_set_str(version, "minor", KUBERNETES_MINOR);
    value_set_str(version, "gitVersion",
                  "v" KUBERNETES_MAJOR "." KUBERNETES_MINOR ".0+limpet-" LIMPET_VERSION);
    value_set_str(version, "gitCommit", "");
    value_set_str(version, "gitTreeState", "");
    value_set_str(version, "buildDate", "1970-01-01T00:00:00Z");
    value_set_str(version, "goVersion", "");
    value_set_str(version, "compiler", "cc");
    value_set_str(version, "platform",
                  str_eq(host.machine, "x86_64") ? "linux/amd64" : "linux/arm64");
    return version;
}

struct value *discovery_api_versions(void)
{
    static const char *const versions[] = {"v1", NULL};
    struct value *out = value_new_map();
    value_set_str(out, "kind", "APIVersions");
    value_set(out, "versions", strings(versions));
    return out;
}

static bool has_version(const struct value *versions, const char *version)
{
    for (size_t i = 0; i < value_len(versions); i++)
        if (str_eq(value_get_str(value_at(versions, i), "version"), version))
            return true;
    return false;
}

/* {"name", "versions", "preferredVersion"}: the first version in the table is the preferred one. */
static struct value *group_entry(const struct kinds *kinds, const char *group)
{
    struct value *versions = value_new_list();
    const struct schema_kind *kind;
    for (size_t i = 0; (kind = kinds_at(kinds, i)); i++) {
        char api_version[128];
        if (!str_eq(kind->group, group) || has_version(versions, kind->version))
            continue;
        struct value *version = value_new_map();
        value_set_str(version, "groupVersion", schema_api_version(kind, api_version));
        value_set_str(version, "version", kind->version);
        value_append(versions, version);
    }
    struct value *entry = value_new_map();
    value_set_str(entry, "name", group);
    value_set(entry, "versions", versions);
    if (value_len(versions) > 0)
        value_set(entry, "preferredVersion", value_copy(value_at(versions, 0)));
    return entry;
}

static bool is_first_of_group(const struct kinds *kinds, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (str_eq(kinds_at(kinds, j)->group, kinds_at(kinds, i)->group))
            return false;
    return true;
}

struct value *discovery_groups(const struct kinds *kinds)
{
    struct value *groups = value_new_list();
    for (size_t i = 0; kinds_at(kinds, i); i++)
        if (*kinds_at(kinds, i)->group && is_first_of_group(kinds, i))
            value_append(groups, group_entry(kinds, kinds_at(kinds, i)->group));
    struct value *out = value_new_map();
    value_set_str(out, "kind", "APIGroupList");
    value_set_str(out, "apiVersion", "v1");
    value_set(out, "groups", groups);
    return out;
}

struct value *discovery_group(const struct kinds *kinds, const char *group)
{
    struct value *entry = group_entry(kinds, group);
    if (value_len(value_get(entry, "versions")) == 0) {
        value_free(entry);
        return NULL;
    }
    value_set_str(entry, "kind", "APIGroup");
    value_set_str(entry, "apiVersion", "v1");
    return entry;
}

static struct value *resource(const struct schema_kind *kind, const char *name,
                              const char *const *verbs)
{
    struct value *out = value_new_map();
    value_set_str(out, "name", name);
    value_set_str(out, "singularName", strchr(name, '/') ? "" : kind->singular);
    value_set_bool(out, "namespaced", kind->namespaced);
    value_set_str(out, "kind", kind->kind);
    value_set(out, "verbs", strings(verbs));
    return out;
}

static void add_subresource(struct value *resources, const struct schema_kind *kind,
                            const struct subresource *sub)
{
    const char *verbs[SUBRESOURCE_VERBS + 1];
    autofree char *name = xasprintf("%s/%s", kind->plural, sub->name);
    subresource_verb_names(sub, verbs);
    struct value *entry = resource(kind, name, verbs);
    if (sub->kind) {
        value_set_str(entry, "group", *sub->group ? sub->group : NULL);
        value_set_str(entry, "version", *sub->group ? sub->version : NULL);
        value_set_str(entry, "kind", sub->kind);
    }
    value_append(resources, entry);
}

/* A subresource that is also a collection of its own. */
static void add_collection(struct value *resources, const struct schema_kind *kind,
                           const struct subresource *sub)
{
    static const char *const verbs[] = {"create", NULL};
    struct value *entry = resource(kind, sub->plural, verbs);
    value_set_str(entry, "singularName", sub->name);
    value_set_str(entry, "kind", sub->kind);
    value_append(resources, entry);
}

static void add_kind(struct value *resources, const struct schema_kind *kind)
{
    static const char *const verbs[] = {
        "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch", NULL};
    const struct subresource *sub;
    struct value *entry = resource(kind, kind->plural, verbs);
    if (kind->short_names)
        value_set(entry, "shortNames", strings(kind->short_names));
    if (kind->categories)
        value_set(entry, "categories", strings(kind->categories));
    value_append(resources, entry);
    for (size_t i = 0; (sub = subresource_at(kind, i)); i++) {
        if (!sub->own)
            add_subresource(resources, kind, sub);
        if (sub->plural)
            add_collection(resources, kind, sub);
    }
}

struct value *discovery_resources(const struct kinds *kinds, const char *group, const char *version)
{
    struct value *resources = value_new_list();
    char api_version[128] = "";
    const struct schema_kind *kind;
    for (size_t i = 0; (kind = kinds_at(kinds, i)); i++) {
        if (!str_eq(kind->group, group) || !str_eq(kind->version, version))
            continue;
        schema_api_version(kind, api_version);
        add_kind(resources, kind);
    }
    if (!*api_version) {
        value_free(resources);
        return NULL;
    }
    struct value *out = value_new_map();
    value_set_str(out, "kind", "APIResourceList");
    value_set_str(out, "apiVersion", "v1");
    value_set_str(out, "groupVersion", api_version);
    value_set(out, "resources", resources);
    return out;
}
