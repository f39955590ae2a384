#include "controller/auth/sa_claims.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdlib.h>

#define OWN "kubernetes.io"

static const struct {
    const char *kind, *claim;
} bindings[] = {{"Pod", "pod"}, {"Secret", "secret"}};

static void set_ref(struct value *map, const char *key, const char *name, const char *uid)
{
    struct value *ref = value_set(map, key, value_new_map());
    value_set_str(ref, "name", name);
    value_set_str(ref, "uid", uid);
}

struct value *sa_claims_write(const struct sa_claims *c)
{
    struct value *claims = value_new_map();
    autofree char *subject = xasprintf(SA_PREFIX "%s:%s", c->ns, c->name);
    value_set(claims, "aud", value_copy(c->audiences));
    if (c->expires_s)
        value_set_int(claims, "exp", c->expires_s);
    value_set_int(claims, "iat", c->issued_s);
    value_set_str(claims, "iss", SA_ISSUER);
    value_set_str(claims, "jti", c->id);
    struct value *own = value_set(claims, OWN, value_new_map());
    value_set_str(own, "namespace", c->ns);
    if (c->node)
        set_ref(own, "node", c->node, c->node_uid);
    for (size_t i = 0; i < ARRAY_LEN(bindings); i++)
        if (str_eq(bindings[i].kind, c->bound.kind))
            set_ref(own, bindings[i].claim, c->bound.name, c->bound.uid);
    set_ref(own, "serviceaccount", c->name, c->uid);
    value_set_int(claims, "nbf", c->issued_s);
    value_set_str(claims, "sub", subject);
    return claims;
}

/* False if it is there and does not say both. */
static bool read_ref(const struct value *own, const char *key, const char **ret_name,
                     const char **ret_uid)
{
    const struct value *ref = value_get(own, key);
    *ret_name = value_get_str(ref, "name");
    *ret_uid = value_get_str(ref, "uid");
    return !ref || (!str_empty(*ret_name) && !str_empty(*ret_uid));
}

static bool read_bound(const struct value *own, struct sa_bound *ret)
{
    *ret = (struct sa_bound){0};
    for (size_t i = 0; i < ARRAY_LEN(bindings); i++) {
        struct sa_bound bound = {.kind = bindings[i].kind};
        if (!read_ref(own, bindings[i].claim, &bound.name, &bound.uid) ||
            (bound.name && ret->name)) /* to two things */
            return false;
        if (bound.name)
            *ret = bound;
    }
    return true;
}

bool sa_claims_read(const struct value *claims, struct sa_claims *ret)
{
    const struct value *own = value_get(claims, OWN);
    struct sa_claims c = {.ns = value_get_str(own, "namespace"),
                          .id = value_get_str(claims, "jti"),
                          .audiences = value_get(claims, "aud"),
                          .issued_s = value_get_int(claims, "iat", 0),
                          .expires_s = value_get_int(claims, "exp", 0)};
    if (!str_eq(value_get_str(claims, "iss"), SA_ISSUER) || str_empty(c.ns) ||
        !read_ref(own, "serviceaccount", &c.name, &c.uid) || !c.name ||
        !read_ref(own, "node", &c.node, &c.node_uid) || !read_bound(own, &c.bound))
        return false;
    autofree char *subject = xasprintf(SA_PREFIX "%s:%s", c.ns, c.name);
    if (!str_eq(value_get_str(claims, "sub"), subject))
        return false;
    *ret = c;
    return true;
}
