#include "controller/server/server.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/api/access.h"
#include "controller/auth/authn.h"
#include "controller/auth/sa_tokens.h"
#include "controller/server/document.h"
#include "controller/server/dryrun_request.h"
#include "controller/http/front.h"
#include "controller/server/impersonate.h"
#include "controller/server/monitor.h"
#include "controller/server/permit.h"
#include "controller/server/reply.h"
#include "controller/server/rest.h"
#include "controller/server/socket_token.h"
#include "controller/api/status.h"
#include "controller/api/subresource.h"

#include <strings.h>

#define MAX_CONNECTIONS 4096
#define MAX_PER_ADDRESS 2048

struct server {
    struct server_spec spec;
    struct authn *own_authn; /* NULL: it was given one */
    struct http *http;
    struct front *front;
    struct rest *rest;
    struct documents *documents;
    struct monitor *monitor;
};

/* ---- who may ---- */

static void who_detach(void *who)
{
    who_free(who);
}

/* Finds out who asks, once a request; false after having answered that it is nobody's. */
static bool identify(const struct server *server, struct http_request *request)
{
    const struct http_peer *peer = http_peer(request);
    const char *authorization = http_header(request, "Authorization");
    autofree char *offered = NULL;
    struct value *refusal = peer->user || authorization ? NULL : socket_token(request, &offered);
    const struct authn_facts facts = {peer->user, peer->groups, peer->refused,
                                      authorization ? authorization : offered};
    struct who *who = NULL;
    if (!refusal)
        refusal = authn_identify(server->spec.authn, &facts, &who);
    struct who *acting = NULL;
    if (!refusal)
        refusal = impersonate_find(server->spec.api, request, &who->user, &acting);
    if (acting)
        acting->real = who;
    if (who)
        http_attach(request, acting ? acting : who, who_detach);
    if (refusal)
        reply_status(request, refusal);
    return !refusal;
}

static const struct api_user *user_of(const struct http_request *request)
{
    const struct who *who = http_attached(request);
    return &who->user;
}

static bool answer_bad_target(struct http_request *request, struct url *url)
{
    struct err err = {0};
    if (url_parse(http_target(request), url, &err) == 0)
        return false;
    reply_status(request, status_failure(400, "%s", err.msg));
    return true;
}

static struct value *nowhere(void)
{
    return status_failure(404, "the server could not find the requested resource");
}

/* By which others verify the tokens of ServiceAccounts. */
static bool answer_keys(const struct server *server, struct http_request *request,
                        const struct route *route)
{
    const struct sa_tokens *tokens = server->spec.tokens;
    if (!tokens || (route->what != ROUTE_OPENID && route->what != ROUTE_JWKS))
        return false;
    reply_json(request, 200,
               route->what == ROUTE_JWKS ? sa_tokens_keys(tokens)
                                         : sa_tokens_configuration(tokens));
    return true;
}

static void handle_path(struct server *server, struct http_request *request, const struct url *url,
                        const struct route *route, const struct api_user *user)
{
    const char *method = http_method(request);
    struct value *refusal = permit_refusal(server->spec.api, user, method, url, route);
    if (refusal) {
        reply_status(request, refusal);
        return;
    }
    if (route->what != ROUTE_NOWHERE && !str_eq(method, "GET") && !str_eq(method, "HEAD")) {
        http_answer_header(request, "Allow", "GET, HEAD");
        reply_status(
            request,
            status_failure(405, "the server does not allow the method %.16s on this path", method));
        return;
    }
    if (!monitor_answer(server->monitor, request, url, route) &&
        !answer_keys(server, request, route) &&
        !documents_answer(server->documents, request, url, route))
        reply_status(request, nowhere());
}

/* Bodies come as they are: what is packed could be of any size. */
static bool is_packed(const struct http_request *request)
{
    const char *encoding = http_header(request, "Content-Encoding");
    return !str_empty(encoding) && strcasecmp(encoding, "identity") != 0;
}

static void handle_objects(struct server *server, struct http_request *request,
                           const struct url *url, const struct route *route,
                           const struct api_user *user)
{
    struct ask ask = {server->rest, request, url,
                      route,        user,    accept_choose(http_header(request, "Accept"))};
    const struct subresource *sub = subresource_find(route->kind, route->subresource);
    bool log = str_eq(route->subresource, "log"); /* text, whatever the client says it reads */
    struct value *refusal =
        permit_refusal(server->spec.api, user, http_method(request), url, route);
    if (refusal) {
        reply_status(request, refusal);
        return;
    }
    if (ask.accept == ACCEPT_NOTHING && !log && !(sub && sub->stream)) {
        reply_status(request, status_failure(406, "only the following media types are accepted: "
                                                  "application/json"));
        return;
    }
    if (route->kind && route->kind->deprecated)
        reply_warning(request, route->kind->deprecated);
    rest_handle(&ask);
}

/* ---- the gateway as a whole ---- */

static bool is_whole(const struct route *route)
{
    return route->what == ROUTE_BACKUP || route->what == ROUTE_RESTORE;
}

/* NULL, or the Status of who may not, or of what cannot be asked. */
static struct value *whole_refusal(const struct http_request *request, const struct route *route,
                                   const struct api_user *user)
{
    const char *method = http_method(request);
    bool post = str_eq(method, "POST");
    if (!access_is_master(user))
        return status_failure(403, "forbidden: User \"%s\" is not in the group system:masters",
                              user->name);
    if (post || (str_eq(method, "GET") && route->what == ROUTE_RESTORE))
        return NULL;
    return status_failure(405, "the server does not allow the method %.16s on this path", method);
}

static void handle_whole(struct server *server, struct http_request *request,
                         const struct route *route, const struct api_user *user)
{
    const struct server_hooks *hooks = server->spec.hooks;
    struct value *refusal = whole_refusal(request, route, user);
    if (!refusal && (!hooks || !hooks->backup || !hooks->restore))
        refusal = status_failure(503, "this server keeps nothing that could be backed up");
    if (refusal)
        reply_status(request, refusal);
    else if (route->what == ROUTE_BACKUP)
        hooks->backup(hooks->gateway, request);
    else
        hooks->restore(hooks->gateway, request);
}

/* To strangers it is not there. */
static bool is_dry_run(const struct route *route, const struct api_user *user)
{
    return route->what == ROUTE_DRY_RUN && !who_has_group(user, WHO_UNAUTHENTICATED);
}

static bool takes_body(const char *method)
{
    static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (str_eq(methods[i], method))
            return true;
    return false;
}

/* Nobody sends what he may not write. */
static bool admit_body(struct server *server, struct http_request *request, const struct url *url,
                       const struct api_user *user)
{
    struct route route;
    route_find(api_kinds(server->spec.api), url, &route);
    if (is_dry_run(&route, user) && str_eq(http_method(request), "POST"))
        return true; /* what of it he may write is told object by object */
    if (is_whole(&route)) {
        struct value *no = whole_refusal(request, &route, user);
        if (no)
            reply_status(request, no);
        return !no;
    }
    if (route.what != ROUTE_OBJECTS) {
        handle_path(server, request, url, &route, user);
        return false;
    }
    const char *method = http_method(request);
    struct value *refusal = permit_refusal(server->spec.api, user, method, url, &route);
    if (!refusal && !takes_body(method))
        refusal =
            status_of(405, route.kind, route.name, "the method %.16s has no body here", method);
    if (!refusal || WEAKENED(SERVER_BODY)) {
        value_free(refusal);
        return true;
    }
    reply_status(request, refusal);
    return false;
}

/* Before the body is read. */
static bool admit(void *ctx, struct http_request *request)
{
    struct url url;
    if (!identify(ctx, request))
        return false;
    if (!http_has_body(request))
        return true;
    if (answer_bad_target(request, &url))
        return false;
    bool admitted = admit_body(ctx, request, &url, user_of(request));
    url_done(&url);
    return admitted;
}

static void handle(void *ctx, struct http_request *request)
{
    struct server *server = ctx;
    struct url url;
    struct route route;
    if (answer_bad_target(request, &url))
        return;
    route_find(api_kinds(server->spec.api), &url, &route);
    const struct api_user *user = user_of(request);
    if (is_packed(request))
        reply_status(request,
                     status_failure(415, "the body of the request has a Content-Encoding, and none "
                                         "is known"));
    else if (is_whole(&route))
        handle_whole(server, request, &route, user);
    else if (is_dry_run(&route, user))
        dryrun_request(server->spec.api, user, request, &url);
    else if (route.what != ROUTE_OBJECTS)
        handle_path(server, request, &url, &route, user);
    else
        handle_objects(server, request, &url, &route, user);
    url_done(&url);
}

static void refuse(void *ctx, struct http_request *request, int code, const char *message)
{
    (void)ctx;
    reply_status(request, status_failure(code, "%s", message));
}

static void answered(void *ctx, struct http_request *request, int code, bool stream)
{
    const struct server *server = ctx;
    monitor_answered(server->monitor, request, code, stream);
}

/* ---- the server ---- */

int server_new(const struct server_spec *spec, struct server **ret, struct err *err)
{
    struct server *server = xcalloc(1, sizeof(*server));
    server->spec = *spec;
    if (!server->spec.max_connections)
        server->spec.max_connections = MAX_CONNECTIONS;
    if (!server->spec.max_per_address)
        server->spec.max_per_address = MAX_PER_ADDRESS;
    if (!spec->authn) {
        const struct authn_spec authn = {spec->loop, spec->api, spec->clock};
        server->spec.authn = server->own_authn = authn_new(&authn);
    }
    struct http_spec http = {
        spec->loop, server->spec.max_connections, admit, handle, server, refuse, answered};
    struct rest_spec rest = {spec->loop,  spec->api,          spec->clock, spec->rng,
                             spec->hooks, server->spec.authn, spec->tokens};
    server->rest = rest_new(&rest);
    server->documents = documents_new(spec->loop, api_kinds(spec->api));
    server->monitor = monitor_new(spec->api, loop_clock(spec->loop), spec->health, spec->audit);
    int r = http_new(&http, &server->http, err);
    if (r) {
        server_free(server);
        return r;
    }
    if (spec->metrics)
        monitor_register(server->monitor, server->http, spec->metrics);
    *ret = server;
    return 0;
}

static int make_tls(const struct server_listen *spec, struct tls_config **ret, struct err *err)
{
    struct tls_server_spec tls = {spec->cert_pem, spec->key, spec->client_ca_pem};
    return tls_server_config(&tls, ret, err);
}

int server_listen(struct server *server, const struct server_listen *spec, struct err *err)
{
    struct tls_config *config = NULL;
    int r = make_tls(spec, &config, err);
    if (r)
        return r;
    struct front_spec front = {.loop = server->spec.loop,
                               .http = server->http,
                               .address = spec->address,
                               .port = spec->port,
                               .max_connections = server->spec.max_connections,
                               .max_per_address = server->spec.max_per_address};
    const struct server_guest *guest = server->spec.guest;
    if (guest) {
        front.guest = guest->take;
        front.guest_ctx = guest->ctx;
        front.guest_path = guest->path;
        front.guest_max_body = guest->max_body;
    }
    r = front_new(&front, config, &server->front, err);
    tls_config_unref(config);
    return r;
}

int server_renew(struct server *server, const struct server_listen *spec, struct err *err)
{
    struct tls_config *config = NULL;
    int r = make_tls(spec, &config, err);
    if (r)
        return r;
    front_set_tls(server->front, config);
    tls_config_unref(config);
    return 0;
}

uint16_t server_port(const struct server *server)
{
    return server->front ? front_port(server->front) : 0;
}

int server_serve(struct server *server, int fd, const struct http_peer *peer, struct err *err)
{
    return http_add(server->http, fd, peer, NULL, err);
}

static bool is_of(void *ctx, const struct http_request *request)
{
    const struct who *who = http_attached(request);
    return who && (str_eq(who->user.name, ctx) || (who->real && str_eq(who->real->user.name, ctx)));
}

void server_cut_user(struct server *server, const char *user)
{
    http_cut_streams(server->http, is_of, (void *)(uintptr_t)user);
}

void server_free(struct server *server)
{
    if (!server)
        return;
    front_free(server->front);
    rest_free(server->rest);
    documents_free(server->documents);
    http_free(server->http);
    monitor_free(server->monitor);
    authn_free(server->own_authn);
    free(server);
}
