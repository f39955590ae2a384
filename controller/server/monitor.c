#include "controller/server/monitor.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/api/api_impl.h"
#include "controller/auth/who.h"
#include "controller/server/body.h"
#include "controller/server/request_stats.h"

#include <string.h>

struct monitor {
    struct api *api;
    const struct clock *clock;
    const struct health *health;
    struct audit *audit;
    struct request_stats *stats;
    const struct http *http;
    const struct metrics *metrics; /* NULL: there is no /metrics */
};

struct monitor *monitor_new(struct api *api, const struct clock *clock, const struct health *health,
                            struct audit *audit)
{
    struct monitor *monitor = xcalloc(1, sizeof(*monitor));
    monitor->api = api;
    monitor->clock = clock;
    monitor->health = health;
    monitor->audit = audit;
    monitor->stats = request_stats_new();
    return monitor;
}

void monitor_free(struct monitor *monitor)
{
    if (!monitor)
        return;
    request_stats_free(monitor->stats);
    free(monitor);
}

/* ---- what was asked ---- */

/* A body as what it says; NULL if there is none, or nothing that can be shown. */
static struct value *body_of(const struct monitor *monitor, const struct http_request *request,
                             const char *text, size_t len, bool answer, bool *ret_truncated)
{
    char type[64];
    struct value *body = NULL;
    if (len > AUDIT_BODY_MAX)
        *ret_truncated = true;
    if (len == 0 || len > AUDIT_BODY_MAX)
        return NULL;
    const char *header = answer ? NULL : http_header(request, "Content-Type");
    body_media_type(header ? header : "", type, sizeof(type));
    struct value *status = answer || str_has_suffix(type, "patch+json")
                               ? body_json(text, len, &body)
                           : str_has_suffix(type, "patch+yaml")
                               ? body_yaml(text, len, &body)
                               : body_parse(api_kinds(monitor->api), header, text, len, &body);
    value_free(status);
    return status ? NULL : body;
}

static void tell_with_bodies(struct monitor *monitor, const struct http_request *request,
                             struct audit_event *event)
{
    cleanup(value_free) struct value *asked = NULL, *answered = NULL;
    size_t len;
    if (event->verdict.level >= AUDIT_REQUEST) {
        const char *text = http_body(request, &len);
        asked = body_of(monitor, request, text, len, false, &event->truncated);
    }
    if (event->verdict.level >= AUDIT_REQUEST_RESPONSE) {
        const char *text = http_answer_text(request, &len);
        answered = body_of(monitor, request, text, len, true, &event->truncated);
    }
    event->request = asked;
    event->response = answered;
    audit_tell(monitor->audit, event);
}

static void tell_audit(struct monitor *monitor, struct http_request *request,
                       const struct attributes *attributes, const struct route *route, int code,
                       bool stream)
{
    const struct http_peer *peer = http_peer(request);
    const struct who *who = http_attached(request);
    const struct who *real = who && who->real ? who->real : who;
    const struct api_user *user = real ? &real->user : NULL;
    int64_t now = clock_wall(monitor->clock);
    struct audit_event event = {
        .uri = http_target(request),
        .verb = attributes->verb,
        .user = user && !who_has_group(user, WHO_UNAUTHENTICATED) ? user->name : NULL,
        .groups = user ? user->groups : NULL,
        .acts_as = real != who ? &who->user : NULL,
        .address = peer->address,
        .agent = http_header(request, "User-Agent"),
        .ref = {route->kind, route->ns, route->name},
        .subresource = route->subresource,
        .code = code,
        .received_ns = now - (clock_boot(monitor->clock) - http_since(request)),
        .answered_ns = now,
        .writes = attributes->writes,
        .stream = stream,
    };
    audit_id(monitor->audit, event.id);
    http_answer_header(request, "Audit-Id", event.id);
    if (route->what != ROUTE_OBJECTS)
        event.ref.kind = NULL;
    else if (!*route->name && http_subject(request))
        event.ref.name = http_subject(request);
    event.note = http_note(request, &event.note_key);
    if (audit_decide(monitor->audit, &event))
        tell_with_bodies(monitor, request, &event);
}

void monitor_answered(struct monitor *monitor, struct http_request *request, int code, bool stream)
{
    struct attributes attributes;
    struct err err = {0};
    struct url url = {0};
    struct route route;
    bool parsed = url_parse(http_target(request), &url, &err) == 0;
    route_find(api_kinds(monitor->api), &url, &route);
    attributes_find(http_method(request), &url, &route, &attributes);
    int64_t took = clock_boot(monitor->clock) - http_since(request);
    request_stats_count(monitor->stats, &attributes, parsed ? &route : NULL, code,
                        stream ? -1 : took);
    if (monitor->audit)
        tell_audit(monitor, request, &attributes, &route, code, stream);
    url_done(&url);
}

/* ---- what is being asked ---- */

struct under_way {
    size_t reading, writing, streams;
};

static void count_under_way(void *ctx, const struct http_request *request, bool stream)
{
    struct under_way *count = ctx;
    const char *method = http_method(request);
    if (stream)
        count->streams++;
    else if (str_eq(method, "GET") || str_eq(method, "HEAD"))
        count->reading++;
    else
        count->writing++;
}

static void collect_inflight(void *ctx, struct metric_out *out)
{
    const struct monitor *monitor = ctx;
    struct under_way count = {0};
    http_each(monitor->http, count_under_way, &count);
    metric_value(out, "request_kind=\"mutating\"", (double)count.writing);
    metric_value(out, "request_kind=\"readOnly\"", (double)count.reading);
}

static void collect_streams(void *ctx, struct metric_out *out)
{
    const struct monitor *monitor = ctx;
    struct under_way count = {0};
    http_each(monitor->http, count_under_way, &count);
    metric_value(out, "", (double)count.streams);
}

static void collect_connections(void *ctx, struct metric_out *out)
{
    const struct monitor *monitor = ctx;
    metric_value(out, "", (double)http_connections(monitor->http));
}

/* ---- what is kept ---- */

/* Of each kind once, in whichever versions it is served. */
static void collect_objects(void *ctx, struct metric_out *out)
{
    const struct monitor *monitor = ctx;
    const struct schema_kind *kind;
    for (size_t i = 0; (kind = kinds_at(api_kinds(monitor->api), i)); i++) {
        if (kind->stored || kind->computed)
            continue;
        autofree char *prefix = api_key(kind, "", NULL);
        autofree char *name =
            xasprintf("%s%s%s", kind->plural, *kind->group ? "." : "", kind->group);
        cleanup(buf_done) struct buf labels;
        buf_init(&labels, 0);
        metric_label(&labels, "resource", name);
        metric_value(out, buf_str(&labels), (double)store_count(monitor->api->store, prefix));
    }
}

static void collect_revision(void *ctx, struct metric_out *out)
{
    const struct monitor *monitor = ctx;
    metric_value(out, "", (double)api_revision(monitor->api));
}

void monitor_register(struct monitor *monitor, const struct http *http, struct metrics *metrics)
{
    static const struct metric table[] = {
        {"apiserver_current_inflight_requests", "Requests that wait for their answer.",
         METRIC_GAUGE, collect_inflight},
        {"apiserver_longrunning_requests", "Watches and other answers that go on.", METRIC_GAUGE,
         collect_streams},
        {"apiserver_storage_objects", "Objects that are stored.", METRIC_GAUGE, collect_objects},
        {"limpet_api_connections", "Clients that are connected.", METRIC_GAUGE,
         collect_connections},
        {"limpet_store_revision", "The newest revision that clients can see.", METRIC_GAUGE,
         collect_revision},
    };
    monitor->http = http;
    monitor->metrics = metrics;
    request_stats_register(monitor->stats, metrics);
    metrics_add(metrics, table, ARRAY_LEN(table), monitor);
}

/* ---- telling ---- */

static bool answer_metrics(const struct monitor *monitor, struct http_request *request)
{
    struct buf text;
    if (!monitor->metrics)
        return false;
    buf_init(&text, 0);
    metrics_write(monitor->metrics, &text);
    http_answer_buf(request, 200, METRICS_TYPE, &text);
    return true;
}

static bool answer_health(const struct monitor *monitor, struct http_request *request,
                          const struct url *url)
{
    struct buf text;
    buf_init(&text, 0);
    int code = health_answer(monitor->health, url, &text);
    http_answer_header(request, "X-Content-Type-Options", "nosniff");
    http_answer_buf(request, code, "text/plain; charset=utf-8", &text);
    return true;
}

bool monitor_answer(const struct monitor *monitor, struct http_request *request,
                    const struct url *url, const struct route *route)
{
    if (route->what == ROUTE_METRICS)
        return answer_metrics(monitor, request);
    return route->what == ROUTE_HEALTH && answer_health(monitor, request, url);
}
