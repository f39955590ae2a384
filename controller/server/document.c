#include "controller/server/document.h"

#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/data/json.h"
#include "controller/server/accept.h"
#include "controller/server/discovery.h"
#include "controller/server/openapi.h"
#include "controller/server/reply.h"
#include "controller/server/status.h"

#include <stdio.h>

struct ask_document {
    const struct kinds *kinds;
    const struct server_hooks *hooks;
    struct http_request *request;
    const struct url *url;
    const struct route *route;
};

static bool answer(const struct ask_document *ask, struct value *object)
{
    if (object)
        reply_json(ask->request, 200, object);
    return object;
}

static bool answer_version(const struct ask_document *ask)
{
    return answer(ask, discovery_version());
}

static bool answer_health(const struct ask_document *ask)
{
    const struct server_hooks *hooks = ask->hooks;
    const char *name = ask->url->segments[0];
    const char *missing = NULL;
    if (str_eq(name, "readyz") && hooks && hooks->unready)
        missing = hooks->unready(hooks->ctx);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    if (!str_empty(missing))
        buf_addf(&text, "[-]%s failed: %s\n%s check failed\n", "ready", missing, name);
    else if (url_param(ask->url, "verbose"))
        buf_addf(&text, "[+]ping ok\n[+]store ok\n%s check passed\n", name);
    else
        buf_addstr(&text, "ok");
    reply_text(ask->request, str_empty(missing) ? 200 : 500, buf_str(&text));
    return true;
}

/* Discovery in one document, for clients that ask for it so. */
static const struct accept_form discovery_forms[] = {
    {"application/json", NULL, NULL, NULL},
    {"application/json", "APIGroupDiscoveryList", "v2", "apidiscovery.k8s.io"},
    {"application/json", "APIGroupDiscoveryList", "v2beta1", "apidiscovery.k8s.io"},
};

/* With a tag, so that a client which has it already is told no more than that. */
static void answer_tagged(struct http_request *request, const char *type, struct buf *body)
{
    char hash[SHA256_HEX + 1], tag[SHA256_HEX + 3];
    sha256_hex(body->data, body->len, hash);
    snprintf(tag, sizeof(tag), "\"%s\"", hash);
    const char *known = http_header(request, "If-None-Match");
    bool same = known && strstr(known, tag);
    http_answer_header(request, "ETag", tag);
    http_answer_header(request, "Vary", "Accept");
    if (same)
        buf_done(body);
    http_answer_buf(request, same ? 304 : 200, type, body);
}

static bool answer_discovery(const struct ask_document *ask, bool core)
{
    const char *header = http_header(ask->request, "Accept");
    int form = accept_form(header, discovery_forms, ARRAY_LEN(discovery_forms));
    if (form <= 0) /* who asks for what we have not gets JSON all the same, as from Kubernetes */
        return answer(ask, core ? discovery_api_versions() : discovery_groups(ask->kinds));
    const struct accept_form *chosen = &discovery_forms[form];
    cleanup(value_free) struct value *all = discovery_all(ask->kinds, core, chosen->version);
    char type[128];
    struct buf body;
    buf_init(&body, 0);
    json_write(all, &body);
    buf_addc(&body, '\n');
    snprintf(type, sizeof(type), "%s;g=%s;v=%s;as=%s", chosen->type, chosen->group, chosen->version,
             chosen->as);
    answer_tagged(ask->request, type, &body);
    return true;
}

static bool answer_api_versions(const struct ask_document *ask)
{
    return answer_discovery(ask, true);
}

static bool answer_groups(const struct ask_document *ask)
{
    return answer_discovery(ask, false);
}

static bool answer_group(const struct ask_document *ask)
{
    return answer(ask, discovery_group(ask->kinds, ask->route->group));
}

static bool answer_resources(const struct ask_document *ask)
{
    return answer(ask, discovery_resources(ask->kinds, ask->route->group, ask->route->version));
}

/* Without definitions, so kubectl leaves checking to us. */
static bool answer_openapi_v2(const struct ask_document *ask)
{
    struct buf document;
    buf_init(&document, 0);
    openapi_write(ask->kinds, &document);
    http_answer_buf(ask->request, 200, OPENAPI_TYPE, &document);
    return true;
}

bool document_answer(const struct kinds *kinds, const struct server_hooks *hooks,
                     struct http_request *request, const struct url *url, const struct route *route)
{
    static bool (*const documents[])(const struct ask_document *ask) = {
        [ROUTE_VERSION] = answer_version,
        [ROUTE_HEALTH] = answer_health,
        [ROUTE_API_VERSIONS] = answer_api_versions,
        [ROUTE_GROUPS] = answer_groups,
        [ROUTE_GROUP] = answer_group,
        [ROUTE_RESOURCES] = answer_resources,
        [ROUTE_OPENAPI_V2] = answer_openapi_v2,
    };
    const struct ask_document ask = {kinds, hooks, request, url, route};
    size_t what = route->what;
    return what < ARRAY_LEN(documents) && documents[what] && documents[what](&ask);
}
