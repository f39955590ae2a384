#include "controller/server/permit.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "controller/api/access.h"
#include "controller/server/attributes.h"

struct value *permit_refusal(const struct api *api, const struct api_user *user, const char *method,
                             const struct url *url, const struct route *route)
{
    struct attributes attributes;
    attributes_find(method, url, route, &attributes);
    if (route->what != ROUTE_OBJECTS) {
        autofree char *path = url_path(url);
        /* Its answer is that of a GET without the body. */
        const char *verb = str_eq(attributes.verb, "head") ? "get" : attributes.verb;
        return access_path_refusal(api, user, verb, path);
    }
    bool many = str_eq(attributes.verb, "list") || str_eq(attributes.verb, "watch");
    const struct access access = {attributes.verb,
                                  {route->kind, route->ns, route->name},
                                  route->subresource,
                                  many ? url_param(url, "fieldSelector") : NULL};
    return access_refusal(api, user, &access);
}
