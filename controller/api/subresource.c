#include "controller/api/subresource.h"

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "controller/api/api.h"

static bool with_status(const struct schema_kind *kind)
{
    return kind->flags & SCHEMA_KIND_STATUS;
}

static bool with_scale(const struct schema_kind *kind)
{
    return kind->scale;
}

static bool of_pods(const struct schema_kind *kind)
{
    return kind == &kind_pod;
}

static bool of_nodes(const struct schema_kind *kind)
{
    return kind == &kind_node;
}

static bool of_namespaces(const struct schema_kind *kind)
{
    return kind == &kind_namespace;
}

static bool of_accounts(const struct schema_kind *kind)
{
    return kind == &kind_service_account;
}

static bool of_requests(const struct schema_kind *kind)
{
    return kind == &kind_certificate_signing_request;
}

#define CONNECT (SUBRESOURCE_CREATE | SUBRESOURCE_GET)
#define READ_WRITE (SUBRESOURCE_GET | SUBRESOURCE_PATCH | SUBRESOURCE_UPDATE)

static const struct subresource table[] = {
    {"status", READ_WRITE, API_STATUS, .of = with_status},
    {"scale", READ_WRITE, API_SCALE, .of = with_scale, "autoscaling", "v1", "Scale"},
    {"approval", READ_WRITE, API_APPROVAL, .of = of_requests},
    {"finalize", SUBRESOURCE_UPDATE, API_FINALIZERS, .of = of_namespaces},
    {"binding", SUBRESOURCE_CREATE, .of = of_pods, .group = "", .version = "v1", .kind = "Binding",
     .plural = "bindings"},
    {"token", SUBRESOURCE_CREATE, .of = of_accounts, .group = "authentication.k8s.io",
     .version = "v1", .kind = "TokenRequest"},
    {"ephemeralcontainers", READ_WRITE, API_EPHEMERAL, .of = of_pods},
    {"resize", READ_WRITE, API_RESIZE, .of = of_pods},
    {"log", SUBRESOURCE_GET, .of = of_pods},
    {"exec", CONNECT, .of = of_pods, .group = "", .version = "v1", .kind = "PodExecOptions",
     .stream = true},
    {"attach", CONNECT, .of = of_pods, .group = "", .version = "v1", .kind = "PodAttachOptions",
     .stream = true},
    {"portforward", CONNECT, .of = of_pods, .group = "", .version = "v1",
     .kind = "PodPortForwardOptions", .stream = true},
    {"why", SUBRESOURCE_GET, .of = of_pods, .own = true},
    {"proxy", SUBRESOURCE_GET, .of = of_nodes, .group = "", .version = "v1",
     .kind = "NodeProxyOptions", .path = true},
    {"pull", CONNECT, .of = of_nodes, .own = true},
};

const struct subresource *subresource_find(const struct schema_kind *kind, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_eq(table[i].name, name) && table[i].of(kind))
            return &table[i];
    return NULL;
}

const struct subresource *subresource_at(const struct schema_kind *kind, size_t i)
{
    for (size_t at = 0; at < ARRAY_LEN(table); at++)
        if (table[at].of(kind) && i-- == 0)
            return &table[at];
    return NULL;
}

const char *subresource_of_flags(const struct schema_kind *kind, unsigned flags)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].flag & flags && table[i].of(kind))
            return table[i].name;
    return NULL;
}

void subresource_verb_names(const struct subresource *subresource,
                            const char *ret[static SUBRESOURCE_VERBS + 1])
{
    static const char *const names[SUBRESOURCE_VERBS] = {"create", "get", "patch", "update"};
    size_t count = 0;
    for (size_t i = 0; i < SUBRESOURCE_VERBS; i++)
        if (subresource->verbs & 1u << i)
            ret[count++] = names[i];
    ret[count] = NULL;
}
