#include "controller/openapi/discovery.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/openapi/catalogue.h"
#include "controller/api/subresource.h"

#include <stdlib.h>
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

static const struct schema_kind *const *next_version(const struct schema_kind *const *at)
{
    const struct schema_kind *const *next = at;
    while (catalogue_same_version(*at, *next))
        next++;
    return next;
}

static const struct schema_kind *const *next_group(const struct schema_kind *const *at)
{
    const struct schema_kind *const *next = at;
    while (catalogue_same_group(*at, *next))
        next++;
    return next;
}

/* Where a group begins; a pointer to NULL if there is none. version NULL: any. */
static const struct schema_kind *const *find(const struct schema_kind *const *all,
                                             const char *group, const char *version)
{
    while (*all &&
           !(str_eq((*all)->group, group) && (!version || str_eq((*all)->version, version))))
        all++;
    return all;
}

/* ---- the older way: a document for each group and version ---- */

static struct value *group_version(const struct schema_kind *kind)
{
    char api_version[128];
    struct value *version = value_new_map();
    value_set_str(version, "groupVersion", schema_api_version(kind, api_version));
    value_set_str(version, "version", kind->version);
    return version;
}

static struct value *group_entry(const struct schema_kind *const *at)
{
    struct value *entry = value_new_map(), *versions = value_new_list();
    const struct schema_kind *const *end = next_group(at);
    value_set_str(entry, "name", (*at)->group);
    value_set(entry, "versions", versions);
    value_set(entry, "preferredVersion", group_version(*at));
    for (; at < end; at = next_version(at))
        value_append(versions, group_version(*at));
    return entry;
}

struct value *discovery_groups(const struct kinds *kinds)
{
    autofree const struct schema_kind **all = catalogue_new(kinds);
    struct value *groups = value_new_list();
    for (const struct schema_kind *const *at = all; *at; at = next_group(at))
        if (*(*at)->group)
            value_append(groups, group_entry(at));
    struct value *out = value_new_map();
    value_set_str(out, "kind", "APIGroupList");
    value_set_str(out, "apiVersion", "v1");
    value_set(out, "groups", groups);
    return out;
}

struct value *discovery_group(const struct kinds *kinds, const char *group)
{
    autofree const struct schema_kind **all = catalogue_new(kinds);
    const struct schema_kind *const *at = find(all, group, NULL);
    if (!*at || !*group)
        return NULL;
    struct value *entry = group_entry(at);
    value_set_str(entry, "kind", "APIGroup");
    value_set_str(entry, "apiVersion", "v1");
    return entry;
}

static struct value *resource(const struct schema_kind *kind)
{
    struct value *out = value_new_map();
    value_set_str(out, "name", kind->plural);
    value_set_str(out, "singularName", kind->singular);
    value_set_bool(out, "namespaced", kind->namespaced);
    value_set_str(out, "kind", kind->kind);
    value_set(out, "verbs", strings(schema_verbs(kind)));
    if (kind->short_names)
        value_set(out, "shortNames", strings(kind->short_names));
    if (kind->categories)
        value_set(out, "categories", strings(kind->categories));
    return out;
}

static struct value *verbs_of(const struct subresource *sub)
{
    const char *names[SUBRESOURCE_VERBS + 1];
    subresource_verb_names(sub, names);
    return strings(names);
}

static struct value *sub_entry(const struct schema_kind *kind, const struct subresource *sub)
{
    bool other = !str_empty(sub->group); /* else it is the document's */
    struct value *out = value_new_map();
    autofree char *name = xasprintf("%s/%s", kind->plural, sub->name);
    value_set_str(out, "name", name);
    value_set_str(out, "singularName", "");
    value_set_bool(out, "namespaced", kind->namespaced);
    value_set_str(out, "group", other ? sub->group : NULL);
    value_set_str(out, "version", other ? sub->version : NULL);
    value_set_str(out, "kind", sub->kind ? sub->kind : kind->kind);
    value_set(out, "verbs", verbs_of(sub));
    return out;
}

/* A subresource that is a collection as well. */
static struct value *collection_entry(const struct schema_kind *kind, const struct subresource *sub)
{
    struct value *out = value_new_map();
    value_set_str(out, "name", sub->plural);
    value_set_str(out, "singularName", sub->name);
    value_set_bool(out, "namespaced", kind->namespaced);
    value_set_str(out, "kind", sub->kind);
    value_set(out, "verbs", verbs_of(sub));
    return out;
}

static void add_subresources(struct value *resources, const struct schema_kind *kind)
{
    const struct subresource *sub;
    for (size_t i = 0; (sub = subresource_at(kind, i)); i++) {
        if (!sub->own)
            value_append(resources, sub_entry(kind, sub));
        if (sub->plural)
            value_append(resources, collection_entry(kind, sub));
    }
}

struct value *discovery_resources(const struct kinds *kinds, const char *group, const char *version)
{
    autofree const struct schema_kind **all = catalogue_new(kinds);
    const struct schema_kind *const *at = find(all, group, version);
    char api_version[128];
    if (!*at)
        return NULL;
    struct value *out = value_new_map();
    value_set_str(out, "kind", "APIResourceList");
    value_set_str(out, "apiVersion", "v1");
    value_set_str(out, "groupVersion", schema_api_version(*at, api_version));
    struct value *resources = value_set(out, "resources", value_new_list());
    for (const struct schema_kind *const *end = next_version(at); at < end; at++) {
        value_append(resources, resource(*at));
        add_subresources(resources, *at);
    }
    return out;
}

/* ---- the newer way: all groups in one document ---- */

static struct value *response_kind(const char *group, const char *version, const char *kind)
{
    struct value *out = value_new_map();
    value_set_str(out, "group", group);
    value_set_str(out, "version", version);
    value_set_str(out, "kind", kind);
    return out;
}

static struct value *answers_with(const struct schema_kind *kind, const struct subresource *sub)
{
    return sub->kind ? response_kind(sub->group, sub->version, sub->kind)
                     : response_kind(kind->group, kind->version, kind->kind);
}

static struct value *all_subresources(const struct schema_kind *kind)
{
    struct value *out = value_new_list();
    const struct subresource *sub;
    for (size_t i = 0; (sub = subresource_at(kind, i)); i++) {
        if (sub->own)
            continue;
        struct value *entry = value_new_map();
        value_set_str(entry, "subresource", sub->name);
        value_set(entry, "responseKind", answers_with(kind, sub));
        value_set(entry, "verbs", verbs_of(sub));
        value_append(out, entry);
    }
    return out;
}

static struct value *full_collection(const struct schema_kind *kind, const struct subresource *sub)
{
    struct value *out = value_new_map();
    value_set_str(out, "resource", sub->plural);
    value_set(out, "responseKind", answers_with(kind, sub));
    value_set_str(out, "scope", kind->namespaced ? "Namespaced" : "Cluster");
    value_set_str(out, "singularResource", sub->name);
    value_set(out, "verbs", verbs_of(sub));
    return out;
}

static struct value *full_resource(const struct schema_kind *kind)
{
    struct value *out = value_new_map();
    value_set_str(out, "resource", kind->plural);
    value_set(out, "responseKind", response_kind(kind->group, kind->version, kind->kind));
    value_set_str(out, "scope", kind->namespaced ? "Namespaced" : "Cluster");
    value_set_str(out, "singularResource", kind->singular);
    value_set(out, "verbs", strings(schema_verbs(kind)));
    if (kind->short_names)
        value_set(out, "shortNames", strings(kind->short_names));
    if (kind->categories)
        value_set(out, "categories", strings(kind->categories));
    struct value *below = all_subresources(kind);
    if (value_len(below) > 0)
        value_set(out, "subresources", below);
    else
        value_free(below);
    return out;
}

static struct value *full_version(const struct schema_kind *const *at)
{
    const struct schema_kind *const *end = next_version(at);
    const struct subresource *sub;
    struct value *out = value_new_map(), *resources = value_new_list();
    value_set_str(out, "version", (*at)->version);
    value_set(out, "resources", resources);
    value_set_str(out, "freshness", "Current");
    for (; at < end; at++) {
        value_append(resources, full_resource(*at));
        for (size_t i = 0; (sub = subresource_at(*at, i)); i++)
            if (sub->plural)
                value_append(resources, full_collection(*at, sub));
    }
    return out;
}

static struct value *full_group(const struct schema_kind *const *at)
{
    const struct schema_kind *const *end = next_group(at);
    struct value *out = value_new_map();
    value_set_str(value_set(out, "metadata", value_new_map()), "name", (*at)->group);
    struct value *versions = value_set(out, "versions", value_new_list());
    for (; at < end; at = next_version(at))
        value_append(versions, full_version(at));
    return out;
}

struct value *discovery_all(const struct kinds *kinds, bool core, const char *version)
{
    autofree const struct schema_kind **all = catalogue_new(kinds);
    autofree char *api_version = xasprintf("apidiscovery.k8s.io/%s", version);
    struct value *out = value_new_map();
    value_set_str(out, "kind", "APIGroupDiscoveryList");
    value_set_str(out, "apiVersion", api_version);
    value_set(out, "metadata", value_new_map());
    struct value *items = value_set(out, "items", value_new_list());
    for (const struct schema_kind *const *at = all; *at; at = next_group(at))
        if (core == !*(*at)->group)
            value_append(items, full_group(at));
    return out;
}
