#include "controller/registry/service_impl.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "controller/http/screen.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- answers ---- */

static const struct {
    int code;
    const char *name;
} errors[] = {
    [ERROR_BLOB_UNKNOWN] = {404, "BLOB_UNKNOWN"},
    [ERROR_UPLOAD_INVALID] = {416, "BLOB_UPLOAD_INVALID"},
    [ERROR_UPLOAD_UNKNOWN] = {404, "BLOB_UPLOAD_UNKNOWN"},
    [ERROR_DIGEST_INVALID] = {400, "DIGEST_INVALID"},
    [ERROR_MANIFEST_BLOB_UNKNOWN] = {400, "MANIFEST_BLOB_UNKNOWN"},
    [ERROR_MANIFEST_INVALID] = {400, "MANIFEST_INVALID"},
    [ERROR_MANIFEST_UNKNOWN] = {404, "MANIFEST_UNKNOWN"},
    [ERROR_NAME_INVALID] = {400, "NAME_INVALID"},
    [ERROR_NAME_UNKNOWN] = {404, "NAME_UNKNOWN"},
    [ERROR_TAG_INVALID] = {400, "TAG_INVALID"},
    [ERROR_SIZE_INVALID] = {413, "SIZE_INVALID"},
    [ERROR_UNAUTHORIZED] = {401, "UNAUTHORIZED"},
    [ERROR_DENIED] = {403, "DENIED"},
    [ERROR_FULL] = {507, "DENIED"},
    [ERROR_UNSUPPORTED] = {405, "UNSUPPORTED"},
    [ERROR_TOO_MANY] = {429, "TOOMANYREQUESTS"},
    [ERROR_BROKEN] = {500, "UNKNOWN"},
};

void service_fail_code(struct http_request *request, int code, enum service_error error,
                       const char *message)
{
    cleanup(value_free) struct value *body = value_new_map();
    struct value *list = value_set(body, "errors", value_new_list());
    struct value *item = value_new_map();
    value_set_str(item, "code", errors[error].name);
    value_set_str(item, "message", message);
    value_append(list, item);
    cleanup(buf_done) struct buf text = {0};
    (void)json_write(body, &text);
    if (code == 401)
        http_answer_header(request, "WWW-Authenticate", "Basic realm=\"limpet\"");
    if (code == 429 || code == 503)
        http_answer_header(request, "Retry-After", "1");
    http_answer(request, code, "application/json", text.data, text.len);
}

void service_fail(struct visit *visit, enum service_error error, const char *fmt, ...)
{
    char message[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    service_fail_code(visit->request, errors[error].code, error, message);
}

void service_fail_errno(struct visit *visit, const struct err *err)
{
    static const struct {
        int code;
        enum service_error error;
    } table[] = {
        {-ENOSPC, ERROR_FULL},          {-EDQUOT, ERROR_FULL},
        {-EFBIG, ERROR_SIZE_INVALID},   {-EBADMSG, ERROR_DIGEST_INVALID},
        {-EBUSY, ERROR_UPLOAD_INVALID}, {-EMFILE, ERROR_TOO_MANY},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].code == err->code) {
            service_fail(visit, table[i].error, "%s", err->msg);
            return;
        }
    service_fail(visit, ERROR_BROKEN, "%s", err->msg);
}

void service_done(struct visit *visit, int code)
{
    http_answer(visit->request, code, NULL, "", 0);
}

void service_header(struct visit *visit, const char *name, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    http_answer_header(visit->request, name, text);
}

/* ---- what can be asked ---- */

static const struct service_route routes[] = {
    {TARGET_BASE, "GET", "", NULL, list_base},
    {TARGET_CATALOG, "GET", "list", NULL, list_catalog},
    {TARGET_TAGS, "GET", "get", NULL, list_tags},
    {TARGET_MANIFEST, "GET", "get", NULL, pull_manifest},
    {TARGET_MANIFEST, "PUT", "create", NULL, push_manifest},
    {TARGET_MANIFEST, "DELETE", "delete", NULL, remove_manifest},
    {TARGET_BLOB, "GET", "get", NULL, pull_blob},
    {TARGET_BLOB, "DELETE", "delete", NULL, remove_blob},
    {TARGET_UPLOADS, "POST", "create", push_begin_admit, push_begin},
    {TARGET_UPLOAD, "GET", "create", NULL, push_status},
    {TARGET_UPLOAD, "PATCH", "create", push_chunk_admit, push_chunk},
    {TARGET_UPLOAD, "PUT", "create", push_chunk_admit, push_finish},
    {TARGET_UPLOAD, "DELETE", "create", NULL, push_cancel},
};

static bool find_route(struct visit *visit)
{
    const char *method = http_method(visit->request);
    if (str_eq(method, "HEAD"))
        method = "GET"; /* without the body */
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (routes[i].what == visit->target.what && str_eq(routes[i].method, method)) {
            visit->route = &routes[i];
            return true;
        }
    if (visit->target.what == TARGET_REFERRERS) /* clients then look for a tag */
        service_fail_code(visit->request, 404, ERROR_UNSUPPORTED, "referrers are told by tags");
    else
        service_fail(visit, ERROR_UNSUPPORTED, "the method %.16s does nothing here", method);
    return false;
}

/* 0: it was not refused before it came here. */
static int refused_before(const struct url *url)
{
    uint64_t code;
    bool refused = url->segment_count == 2 && str_eq(url->segments[0], "refused");
    return refused && str_to_u64(url->segments[1], &code) == 0 ? (int)code : 0;
}

static bool find_target(struct visit *visit)
{
    struct err err = {0};
    if (url_parse(http_target(visit->request), &visit->url, &err) != 0) {
        service_fail_code(visit->request, 400, ERROR_NAME_INVALID, err.msg);
        return false;
    }
    int code = refused_before(&visit->url);
    switch (target_find(&visit->url, &visit->target)) {
    case TARGET_FINE:
        return find_route(visit);
    case TARGET_BAD_NAME:
        service_fail(visit, ERROR_NAME_INVALID, "that is no name of a repository");
        return false;
    default:
        service_fail_code(visit->request, code >= 400 ? code : 404, ERROR_UNSUPPORTED,
                          code >= 400 ? "the request cannot be understood" : "nothing is here");
        return false;
    }
}

/* ---- who may ---- */

static int ask(struct visit *visit, const char *verb, const char *repository, struct err *why)
{
    const struct service_spec *spec = &visit->service->spec;
    return spec->may(spec->ctx, http_peer(visit->request),
                     http_header(visit->request, "Authorization"), verb, repository, why);
}

bool service_may(struct visit *visit, const char *verb, const char *repository)
{
    struct err why = {0};
    return ask(visit, verb, repository, &why) == 200;
}

static bool is_allowed(struct visit *visit)
{
    struct err why = {0};
    int code = ask(visit, visit->route->verb, visit->target.repository, &why);
    if (code == 200 || WEAKENED(REGISTRY_MAY)) {
        snprintf(visit->who, sizeof(visit->who), "%s", why.msg);
        return true;
    }
    service_fail_code(visit->request, code,
                      code == 401   ? ERROR_UNAUTHORIZED
                      : code == 403 ? ERROR_DENIED
                                    : ERROR_BROKEN,
                      why.msg);
    return false;
}

/* ---- requests ---- */

static void visit_free(void *thing)
{
    struct visit *visit = thing;
    pull_left(visit);
    if (visit->upload)
        upload_close(visit->upload);
    if (visit->upload && visit->alone)
        upload_cancel(visit->upload);
    url_done(&visit->url);
    free(visit);
}

static bool admit(void *ctx, struct http_request *request)
{
    struct visit *visit = xcalloc(1, sizeof(*visit));
    const char *length = http_header(request, SCREEN_LENGTH);
    visit->service = ctx;
    visit->request = request;
    visit->fd = -1;
    visit->has_length = length && str_to_u64(length, &visit->length) == 0;
    http_attach(request, visit, visit_free);
    if (!find_target(visit) || !is_allowed(visit))
        return false;
    return !visit->route->admit || visit->route->admit(visit);
}

/* Whoever left amid a body is not there to be answered, mostly; what came may not be taken for
 * whole. */
static bool is_whole(struct visit *visit)
{
    size_t held;
    (void)http_body(visit->request, &held);
    uint64_t came = visit->received + visit->dropped + held;
    return !visit->has_length || came == visit->length;
}

static void handle(void *ctx, struct http_request *request)
{
    struct visit *visit = http_attached(request);
    (void)ctx;
    if (is_whole(visit))
        visit->route->handle(visit);
    else
        service_fail_code(request, 400, ERROR_SIZE_INVALID, "the body is not whole");
}

static void refuse(void *ctx, struct http_request *request, int code, const char *message)
{
    (void)ctx;
    service_fail_code(request, code, code == 429 ? ERROR_TOO_MANY : ERROR_SIZE_INVALID, message);
}

static void answered(void *ctx, struct http_request *request, int code, bool stream)
{
    (void)ctx;
    (void)code;
    (void)stream;
    http_answer_header(request, "Docker-Distribution-API-Version", "registry/2.0");
}

/* ---- the service ---- */

int service_new(const struct service_spec *spec, struct service **ret, struct err *err)
{
    struct service *service = xcalloc(1, sizeof(*service));
    service->spec = *spec;
    list_init(&service->waiting);
    const struct http_spec http = {spec->loop, SERVICE_CONNECTIONS, admit, handle, service, refuse,
                                   answered};
    int r = http_new(&http, &service->http, err);
    if (r) {
        free(service);
        return r;
    }
    *ret = service;
    return 0;
}

void service_free(struct service *service)
{
    if (!service)
        return;
    http_free(service->http);
    loop_defer_free(service->next);
    free(service);
}

int service_add(struct service *service, int fd, const struct http_peer *peer, struct err *err)
{
    return http_add(service->http, fd, peer, NULL, err);
}

size_t service_connections(const struct service *service)
{
    return http_connections(service->http);
}
