/* /log and /why of pods, /pull of nodes: what a node says, in pieces, from whoever can reach it. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/server/container.h"
#include "controller/server/reply.h"
#include "controller/server/rest_impl.h"
#include "controller/api/status.h"

#include <errno.h>

struct pod_sink {
    struct list link; /* of rest->podstreams */
    struct http_request *request;
    const char *type;
    bool begun; /* the stream is open */
    struct pod_sink_handler handler;
    void *ctx;
};

static void sink_free(struct pod_sink *sink)
{
    list_remove(&sink->link);
    free(sink);
}

void podstreams_end(struct rest *rest)
{
    struct list *it, *tmp;
    list_each(it, tmp, &rest->podstreams) sink_free(container_of(it, struct pod_sink, link));
}

void pod_sink_set_handler(struct pod_sink *sink, const struct pod_sink_handler *handler, void *ctx)
{
    sink->handler = *handler;
    sink->ctx = ctx;
}

static void on_gone(void *ctx, struct http_request *request)
{
    struct pod_sink *sink = ctx;
    (void)request;
    if (sink->handler.gone)
        sink->handler.gone(sink->ctx);
    sink_free(sink);
}

static void on_drained(void *ctx, struct http_request *request)
{
    struct pod_sink *sink = ctx;
    (void)request;
    if (sink->handler.drained)
        sink->handler.drained(sink->ctx);
}

static void begin(struct pod_sink *sink)
{
    static const struct http_stream_handler handler = {on_gone, on_drained};
    if (sink->begun)
        return;
    sink->begun = true;
    http_stream_begin(sink->request, 200, sink->type, &handler, sink);
}

int pod_sink_write(struct pod_sink *sink, const void *data, size_t len)
{
    begin(sink);
    if (http_stream_room(sink->request) == 0)
        return -ENOBUFS; /* the node has it: no need to hold as much as a watch may */
    return http_stream_write(sink->request, data, len);
}

void pod_sink_end(struct pod_sink *sink)
{
    begin(sink);
    http_stream_end(sink->request);
    sink_free(sink);
}

void pod_sink_fail(struct pod_sink *sink, int code, const char *message)
{
    if (sink->begun)
        http_stream_abort(sink->request);
    else
        reply_status(sink->request,
                     status_failure(code >= 400 && code < 600 ? code : 500, "%s", message));
    sink_free(sink);
}

static int parse_numbers(const struct url *url, struct pod_query *ret, struct err *err)
{
    int r = url_param_bool(url, "follow", false, &ret->follow, err);
    if (r == 0)
        r = url_param_bool(url, "previous", false, &ret->previous, err);
    if (r == 0)
        r = url_param_bool(url, "timestamps", false, &ret->timestamps, err);
    if (r == 0)
        r = url_param_int(url, "tailLines", -1, &ret->tail_lines, err);
    if (r == 0)
        r = url_param_int(url, "sinceSeconds", -1, &ret->since_s, err);
    if (r == 0)
        r = url_param_int(url, "limitBytes", -1, &ret->limit_bytes, err);
    return r;
}

static struct value *parse_logs(const struct ask *ask, const struct value *pod,
                                struct pod_query *ret)
{
    struct err err = {0};
    struct value *status = NULL;
    const char *since = url_param(ask->url, "sinceTime");
    int64_t when;
    ret->since_time = since ? since : "";
    if (parse_numbers(ask->url, ret, &err) != 0)
        return status_failure(400, "%s", err.msg);
    if (*ret->since_time && clock_parse(ret->since_time, &when) != 0)
        return status_failure(400, "sinceTime: not an RFC 3339 time");
    ret->container = container_choose(pod, url_param(ask->url, "container"), &status);
    return status;
}

static struct value *parse_why(const struct ask *ask, const struct value *pod,
                               struct pod_query *ret)
{
    (void)ask;
    (void)pod;
    (void)ret;
    return NULL;
}

static const struct {
    const char *subresource, *what;
    /* NULL, or the Status to answer instead. */
    struct value *(*parse)(const struct ask *ask, const struct value *pod, struct pod_query *ret);
} streams[] = {{"log", "logs", parse_logs}, {"why", "why", parse_why}};

static struct value *parse_query(const struct ask *ask, const struct value *pod,
                                 struct pod_query *ret)
{
    const char *node = value_get_str(value_get(pod, "spec"), "nodeName");
    *ret = (struct pod_query){
        .ns = ask->route->ns,
        .pod = ask->route->name,
        .uid = value_get_str(value_get(pod, "metadata"), "uid"),
        .node = node ? node : "",
        .container = "",
        .since_time = "",
        .tail_lines = -1,
        .since_s = -1,
        .limit_bytes = -1,
    };
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(streams) && !str_eq(streams[i].subresource, ask->route->subresource))
        i++;
    ret->what = streams[i].what;
    return streams[i].parse(ask, pod, ret);
}

static struct pod_sink *sink_new(const struct ask *ask, const char *type)
{
    struct pod_sink *sink = xcalloc(1, sizeof(*sink));
    sink->request = ask->request;
    sink->type = type;
    list_append(&ask->rest->podstreams, &sink->link);
    return sink;
}

/* Who may read a pod's log need not be let see the pod (permit.h). */
static const struct api_user self = {.name = "system:limpet:podstream"};

void podstream_start(const struct ask *ask)
{
    const struct server_hooks *hooks = ask->rest->spec.hooks;
    struct api_ref ref = ask_ref(ask);
    struct pod_query query;
    cleanup(value_free) struct value *pod = NULL;
    struct value *status = NULL;
    if (api_get(ask->rest->spec.api, &self, &ref, &pod) != 0)
        status = steal(pod);
    else
        status = parse_query(ask, pod, &query);
    if (!status && (!hooks || !hooks->pod_stream))
        status = status_failure(503, "this gateway cannot reach its nodes");
    if (status) {
        reply_status(ask->request, status);
        return;
    }
    hooks->pod_stream(hooks->ctx, &query, sink_new(ask, "text/plain"));
}

/* ---- /pull ---- */

#define PULL_IMAGES 16
#define PULL_NAME 512

static struct value *parse_images(const struct ask *ask, struct value *ret)
{
    for (size_t i = 0; i < ask->url->param_count; i++) {
        const char *image = ask->url->params[i].value;
        if (!str_eq(ask->url->params[i].name, "image"))
            continue;
        if (str_empty(image) || strlen(image) > PULL_NAME)
            return status_failure(400, "image: must have 1 to %d characters", PULL_NAME);
        if (value_len(ret) == PULL_IMAGES && !WEAKENED(PULL_IMAGES))
            return status_failure(400, "at most %d images can be asked for at once", PULL_IMAGES);
        value_append(ret, value_new_str(image));
    }
    if (value_len(ret) == 0)
        return status_failure(400, "you must specify at least one image");
    return NULL;
}

static bool is_ready(const struct value *node)
{
    const struct value *list = value_path(node, "status", "conditions", NULL);
    for (size_t i = 0; i < value_len(list); i++)
        if (str_eq(value_get_str(value_at(list, i), "type"), "Ready"))
            return str_eq(value_get_str(value_at(list, i), "status"), "True");
    return false;
}

/* What can be said without the node: one that is away is not waited for. */
static struct value *check_pull(const struct ask *ask, struct value *images)
{
    const struct server_hooks *hooks = ask->rest->spec.hooks;
    const struct api_ref ref = ask_ref(ask);
    const struct value *node = NULL;
    struct value *status = parse_images(ask, images);
    if (status)
        return status;
    if (api_see(ask->rest->spec.api, &self, &ref, &node) != 0)
        return status_not_found(ref.kind, ref.name);
    if (!hooks || !hooks->node_pull)
        return status_failure(503, "this gateway cannot reach its nodes");
    if (!is_ready(node))
        return status_failure(503, "node %s is not ready: nothing can be asked of it", ref.name);
    return NULL;
}

void node_pull(const struct ask *ask)
{
    const struct server_hooks *hooks = ask->rest->spec.hooks;
    cleanup(value_free) struct value *images = value_new_list();
    struct value *status = check_pull(ask, images);
    if (status) {
        reply_status(ask->request, status);
        return;
    }
    const struct node_pull pull = {ask->route->name, str_eq(http_method(ask->request), "POST"),
                                   images};
    hooks->node_pull(hooks->ctx, &pull, sink_new(ask, "application/json"));
}
