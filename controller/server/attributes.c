#include "controller/server/attributes.h"

#include "common/base/str.h"
#include "controller/api/subresource.h"

static const struct {
    const char *method;
    struct attributes path, object, collection;
} methods[] = {
    {"GET", {"get", "GET", false}, {"get", "GET", false}, {"list", "LIST", false}},
    {"HEAD", {"head", "HEAD", false}, {"get", "GET", false}, {"list", "LIST", false}},
    {"POST", {"post", "POST", true}, {"create", "POST", true}, {"create", "POST", true}},
    {"PUT", {"put", "PUT", true}, {"update", "PUT", true}, {"update", "PUT", true}},
    {"PATCH", {"patch", "PATCH", true}, {"patch", "PATCH", true}, {"patch", "PATCH", true}},
    {"DELETE",
     {"delete", "DELETE", true},
     {"delete", "DELETE", true},
     {"deletecollection", "DELETECOLLECTION", true}},
    {"OPTIONS",
     {"options", "OPTIONS", false},
     {"options", "OPTIONS", false},
     {"options", "OPTIONS", false}},
};

static bool is_watch(const struct url *url, const struct route *route)
{
    struct err err = {0};
    bool watch = false;
    if (url_param_bool(url, "watch", false, &watch, &err) != 0)
        return false;
    return watch || route->watch;
}

void attributes_find(const char *method, const struct url *url, const struct route *route,
                     struct attributes *ret)
{
    *ret = (struct attributes){"other", "other", false};
    for (size_t i = 0; method && i < ARRAY_LEN(methods); i++) {
        if (!str_eq(method, methods[i].method))
            continue;
        *ret = route->what != ROUTE_OBJECTS ? methods[i].path
               : *route->name               ? methods[i].object
                                            : methods[i].collection;
        break;
    }
    const struct subresource *sub =
        route->what == ROUTE_OBJECTS ? subresource_find(route->kind, route->subresource) : NULL;
    if (sub && sub->stream)
        *ret = (struct attributes){"create", "CONNECT", true};
    bool reads = str_eq(ret->verb, "get") || str_eq(ret->verb, "list");
    if (route->what == ROUTE_OBJECTS && reads && !*route->subresource && is_watch(url, route))
        *ret = (struct attributes){"watch", "WATCH", false};
}
