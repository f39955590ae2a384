#include "controller/server/route.h"

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "controller/api/subresource.h"

/* "*" stands for any one segment. */
static const struct {
    const char *segments[5];
    enum route_what what;
} fixed[] = {
    {{"version"}, ROUTE_VERSION},
    {{"healthz"}, ROUTE_HEALTH},
    {{"livez"}, ROUTE_HEALTH},
    {{"readyz"}, ROUTE_HEALTH},
    {{"healthz", "*"}, ROUTE_HEALTH},
    {{"livez", "*"}, ROUTE_HEALTH},
    {{"readyz", "*"}, ROUTE_HEALTH},
    {{"metrics"}, ROUTE_METRICS},
    {{"api"}, ROUTE_API_VERSIONS},
    {{"api", "v1"}, ROUTE_RESOURCES},
    {{"apis"}, ROUTE_GROUPS},
    {{"apis", "*"}, ROUTE_GROUP},
    {{"apis", "*", "*"}, ROUTE_RESOURCES},
    {{"openapi", "v2"}, ROUTE_OPENAPI_V2},
    {{"openapi", "v3"}, ROUTE_OPENAPI_V3},
    {{"openapi", "v3", "api", "v1"}, ROUTE_OPENAPI_V3_RESOURCES},
    {{"openapi", "v3", "apis", "*", "*"}, ROUTE_OPENAPI_V3_RESOURCES},
    {{".well-known", "openid-configuration"}, ROUTE_OPENID},
    {{"openid", "v1", "jwks"}, ROUTE_JWKS},
    {{"apis", "limpet.io", "v1", "dryrun"}, ROUTE_DRY_RUN},
    {{"apis", "limpet.io", "v1", "backup"}, ROUTE_BACKUP},
    {{"apis", "limpet.io", "v1", "restore"}, ROUTE_RESTORE},
};

static bool matches(const char *const *pattern, size_t max, const struct url *url)
{
    for (size_t i = 0; i < url->segment_count; i++) {
        if (i == max || !pattern[i])
            return false;
        if (!str_eq(pattern[i], "*") && !str_eq(pattern[i], url->segments[i]))
            return false;
    }
    return url->segment_count == max || !pattern[url->segment_count];
}

/* A namespace's own subresources; any other third segment is a resource in it. */
static bool is_namespace_subresource(const char *segment)
{
    return subresource_find(&kind_namespace, segment);
}

/* A collection in which only subresources of another are created: bindings. */
static bool find_collection(const struct kinds *kinds, const char *plural, struct route *ret)
{
    const struct schema_kind *kind;
    const struct subresource *sub;
    for (size_t i = 0; (kind = kinds_at(kinds, i)); i++)
        for (size_t n = 0; (sub = subresource_at(kind, n)); n++) {
            if (!str_eq(sub->plural, plural) || !str_eq(sub->group, ret->group) ||
                !str_eq(sub->version, ret->version))
                continue;
            ret->kind = kind;
            ret->subresource = sub->name;
            ret->what = ROUTE_OBJECTS;
            return true;
        }
    return false;
}

/* The segments behind /api/v1 or /apis/G/V. */
static void find_object(const struct kinds *kinds, const struct url *url, size_t at,
                        struct route *ret)
{
    char *const *segments = url->segments + at;
    size_t count = url->segment_count - at;
    if (count > 1 && str_eq(segments[0], "watch")) { /* as it was before ?watch=true */
        ret->watch = true;
        segments++;
        count--;
    }
    if (count >= 3 && str_eq(segments[0], "namespaces") && !is_namespace_subresource(segments[2])) {
        ret->ns = segments[1];
        segments += 2;
        count -= 2;
    }
    if (count == 0)
        return;
    const struct schema_kind *kind =
        kinds_find_resource(kinds, ret->group, ret->version, segments[0]);
    if (!kind && count == 1 && *ret->ns && find_collection(kinds, segments[0], ret))
        return;
    if (!kind || (!kind->namespaced && *ret->ns) || (kind->namespaced && !*ret->ns && count > 1))
        return;
    const struct subresource *sub = count > 2 ? subresource_find(kind, segments[2]) : NULL;
    if (count > 3 && !(sub && sub->path))
        return;
    ret->rest = (size_t)(segments - url->segments) + 3;
    ret->kind = kind;
    ret->name = count > 1 ? segments[1] : "";
    ret->subresource = count > 2 ? segments[2] : "";
    ret->what = ROUTE_OBJECTS;
}

/* The group and version behind "apis", which stands first or as in /openapi/v3/apis/G/V. */
static void read_group(const struct url *url, struct route *ret)
{
    size_t at = url->segment_count > 2 && str_eq(url->segments[0], "openapi") ? 2 : 0;
    if (at >= url->segment_count || !str_eq(url->segments[at], "apis"))
        return;
    ret->group = url->segment_count > at + 1 ? url->segments[at + 1] : "";
    ret->version = url->segment_count > at + 2 ? url->segments[at + 2] : "";
}

void route_find(const struct kinds *kinds, const struct url *url, struct route *ret)
{
    *ret = (struct route){.group = "", .version = "v1", .ns = "", .name = "", .subresource = ""};
    bool grouped = url->segment_count > 0 && str_eq(url->segments[0], "apis");
    read_group(url, ret);
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (matches(fixed[i].segments, ARRAY_LEN(fixed[i].segments), url)) {
            ret->what = fixed[i].what;
            return;
        }
    bool core =
        url->segment_count > 2 && str_eq(url->segments[0], "api") && str_eq(url->segments[1], "v1");
    if (core)
        find_object(kinds, url, 2, ret);
    else if (grouped && url->segment_count > 3 && *ret->group)
        find_object(kinds, url, 3, ret);
}
