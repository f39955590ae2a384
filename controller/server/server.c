#include "controller/server/server.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/api/authz.h"
#include "controller/server/document.h"
#include "controller/server/dryrun_request.h"
#include "controller/http/front.h"
#include "controller/server/monitor.h"
#include "controller/server/reply.h"
#include "controller/server/rest.h"
#include "controller/api/status.h"

#include <strings.h>

#define MAX_CONNECTIONS 4096
#define MAX_PER_ADDRESS 2048

struct server {
    struct server_spec spec;
    struct http *http;
    struct front *front;
    struct rest *rest;
    struct documents *documents;
    struct monitor *monitor;
};

/* ---- who may ---- */

/* NULL if nobody in particular asks. */
static const struct api_user *user_of(const struct http_request *request, struct api_user *storage)
{
    const struct http_peer *peer = http_peer(request);
    if (!peer->user)
        return NULL;
    *storage = (struct api_user){peer->user, peer->groups};
    return storage;
}

static struct value *unauthorized(const struct http_request *request)
{
    const char *why = http_peer(request)->refused;
    return why ? status_failure(401, "Unauthorized: %s", why) : status_failure(401, "Unauthorized");
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

static void handle_path(struct server *server, struct http_request *request, const struct url *url,
                        const struct route *route, const struct api_user *user)
{
    autofree char *path = url_path(url);
    const char *method = http_method(request);
    if (!authz_allows_path(user, path)) {
        reply_status(request, status_failure(403, "forbidden: User \"%s\" cannot get path \"%s\"",
                                             user ? user->name : "system:anonymous", path));
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
    bool log = str_eq(route->subresource, "log"); /* text, whatever the client says it reads */
    if (ask.accept == ACCEPT_NOTHING && !log) {
        reply_status(request, status_failure(406, "only the following media types are accepted: "
                                                  "application/json"));
        return;
    }
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
    if (!user)
        return unauthorized(request);
    if (!authz_is_master(user))
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

/* Strangers only get what everybody gets, and send no bodies. */
static bool admit_stranger(struct http_request *request, const struct url *url)
{
    autofree char *path = url_path(url);
    if ((authz_allows_path(NULL, path) && !http_has_body(request)) || WEAKENED(SERVER_ADMIT))
        return true;
    reply_status(request, unauthorized(request));
    return false;
}

/* Nor does anybody send what he may not write. */
static bool admit_body(struct server *server, struct http_request *request, const struct url *url,
                       const struct api_user *user)
{
    struct route route;
    route_find(api_kinds(server->spec.api), url, &route);
    if (route.what == ROUTE_DRY_RUN && str_eq(http_method(request), "POST"))
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
    struct value *refusal = rest_refusal(http_method(request), &route, user);
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
    struct api_user storage;
    struct url url;
    const struct api_user *user = user_of(request, &storage);
    if (user && !http_has_body(request))
        return true;
    if (answer_bad_target(request, &url))
        return false;
    bool admitted = user ? admit_body(ctx, request, &url, user) : admit_stranger(request, &url);
    url_done(&url);
    return admitted;
}

static void handle(void *ctx, struct http_request *request)
{
    struct server *server = ctx;
    struct api_user storage;
    struct url url;
    struct route route;
    if (answer_bad_target(request, &url))
        return;
    route_find(api_kinds(server->spec.api), &url, &route);
    const struct api_user *user = user_of(request, &storage);
    if (user && is_packed(request))
        reply_status(request,
                     status_failure(415, "the body of the request has a Content-Encoding, and none "
                                         "is known"));
    else if (is_whole(&route))
        handle_whole(server, request, &route, user);
    else if (route.what == ROUTE_DRY_RUN && user)
        dryrun_request(server->spec.api, user, request, &url);
    else if (route.what != ROUTE_OBJECTS && route.what != ROUTE_DRY_RUN)
        handle_path(server, request, &url, &route, user);
    else if (user)
        handle_objects(server, request, &url, &route, user);
    else
        reply_status(request, unauthorized(request));
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
    struct http_spec http = {
        spec->loop, server->spec.max_connections, admit, handle, server, refuse, answered};
    struct rest_spec rest = {spec->loop, spec->api, spec->clock, spec->rng, spec->hooks};
    server->rest = rest_new(&rest);
    server->documents = documents_new(api_kinds(spec->api));
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
    struct front_spec front = {server->spec.loop,
                               server->http,
                               spec->address,
                               spec->port,
                               server->spec.max_connections,
                               server->spec.max_per_address};
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

void server_free(struct server *server)
{
    if (!server)
        return;
    front_free(server->front);
    rest_free(server->rest);
    documents_free(server->documents);
    http_free(server->http);
    monitor_free(server->monitor);
    free(server);
}
