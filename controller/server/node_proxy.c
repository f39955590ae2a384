#include "controller/server/node_proxy.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/api/status.h"
#include "controller/monitor/metrics.h"
#include "controller/server/reply.h"
#include "controller/server/rest_impl.h"

#include <stdlib.h>

/* ---- the text ---- */

struct shown {
    const struct value *node;
    const struct node_usage_answer *answer;
};

static void tell_node(const struct shown *shown, const char *figure, double unit,
                      struct metric_out *out)
{
    int64_t n = value_get_int(value_get(shown->answer->all, "node"), figure, -1);
    if (n >= 0)
        metric_value(out, "", (double)n / unit);
}

static void tell_containers(const struct shown *shown, const char *figure, double unit,
                            struct metric_out *out)
{
    const struct value *pods = value_get(shown->answer->all, "pods");
    for (size_t i = 0; i < value_len(pods); i++) {
        const struct value *pod = value_at(pods, i), *containers = value_get(pod, "containers");
        const char *ns = value_get_str(pod, "namespace"), *name = value_get_str(pod, "name");
        for (size_t c = 0; ns && name && c < value_len(containers); c++) {
            const struct value *container = value_at(containers, c);
            const char *own = value_get_str(container, "name");
            int64_t n = value_get_int(container, figure, -1);
            if (!own || n < 0)
                continue;
            cleanup(buf_done) struct buf labels;
            buf_init(&labels, 0);
            metric_label(&labels, "container", own);
            metric_label(&labels, "namespace", ns);
            metric_label(&labels, "pod", name);
            metric_value(out, buf_str(&labels), (double)n / unit);
        }
    }
}

#define SECONDS ((double)NS_PER_S)

static void node_cpu(void *ctx, struct metric_out *out)
{
    tell_node(ctx, "cpuTime", SECONDS, out);
}

static void node_memory(void *ctx, struct metric_out *out)
{
    tell_node(ctx, "memory", 1, out);
}

static void container_cpu(void *ctx, struct metric_out *out)
{
    tell_containers(ctx, "cpuTime", SECONDS, out);
}

static void container_memory(void *ctx, struct metric_out *out)
{
    tell_containers(ctx, "memory", 1, out);
}

static void conditions(void *ctx, struct metric_out *out)
{
    static const char *const states[][2] = {
        {"True", "true"}, {"False", "false"}, {"Unknown", "unknown"}};
    const struct shown *shown = ctx;
    const struct value *list = value_path(shown->node, "status", "conditions", NULL);
    for (size_t i = 0; i < value_len(list); i++) {
        const char *type = value_get_str(value_at(list, i), "type");
        const char *status = value_get_str(value_at(list, i), "status");
        for (size_t s = 0; type && s < ARRAY_LEN(states); s++) {
            cleanup(buf_done) struct buf labels;
            buf_init(&labels, 0);
            metric_label(&labels, "condition", type);
            metric_label(&labels, "node", object_name(shown->node));
            metric_label(&labels, "status", states[s][1]);
            metric_value(out, buf_str(&labels), str_eq(status, states[s][0]));
        }
    }
}

static void scrape_error(void *ctx, struct metric_out *out)
{
    (void)ctx;
    metric_value(out, "", 0);
}

void node_proxy_write(const struct value *node, const struct node_usage_answer *answer,
                      struct buf *ret)
{
    /* Names as of the kubelet's /metrics/resource, and of kube-state-metrics. */
    static const struct metric table[] = {
        {"container_cpu_usage_seconds_total", "CPU time that the container has used, in seconds.",
         METRIC_COUNTER, container_cpu},
        {"container_memory_working_set_bytes", "Memory that the container uses, in bytes.",
         METRIC_GAUGE, container_memory},
        {"kube_node_status_condition", "Which state a condition of the node is in.", METRIC_GAUGE,
         conditions},
        {"node_cpu_usage_seconds_total", "CPU time that the node has used, in seconds.",
         METRIC_COUNTER, node_cpu},
        {"node_memory_working_set_bytes", "Memory that the node uses, in bytes.", METRIC_GAUGE,
         node_memory},
        {"scrape_error", "1 if the figures could not be had.", METRIC_GAUGE, scrape_error},
    };
    struct shown shown = {node, answer};
    struct metrics *metrics = metrics_new();
    metrics_add(metrics, table, ARRAY_LEN(table), &shown);
    metrics_write(metrics, ret);
    metrics_free(metrics);
}

/* ---- the answer ---- */

struct scrape {
    struct list link;  /* of rest->scrapes */
    struct rest *rest; /* NULL: it has ended */
    struct http_request *request;
    char *node;
};

static void scrape_free(struct scrape *scrape)
{
    list_remove(&scrape->link);
    free(scrape->node);
    free(scrape);
}

void node_proxy_end(struct rest *rest)
{
    struct list *it, *tmp;
    list_each(it, tmp, &rest->scrapes)
    {
        list_remove(it);
        container_of(it, struct scrape, link)->rest = NULL;
    }
}

static const struct api_user self = {.name = "system:limpet:usage"};

static void on_answered(void *ctx, bool answered)
{
    struct scrape *scrape = ctx;
    if (!answered || !scrape->rest) {
        scrape_free(scrape);
        return;
    }
    const struct rest_spec *spec = &scrape->rest->spec;
    const struct api_ref ref = {&kind_node, "", scrape->node};
    const struct value *node = NULL;
    struct node_usage_answer answer;
    if (spec->hooks->usage->find(spec->hooks->usage->ctx, scrape->node, &answer) < 0) {
        reply_status(scrape->request, status_failure(503, "node %s does not answer", scrape->node));
    } else {
        struct buf text;
        buf_init(&text, 0);
        (void)api_see(spec->api, &self, &ref, &node);
        node_proxy_write(node, &answer, &text);
        node_usage_answer_done(&answer);
        http_answer_buf(scrape->request, 200, METRICS_TYPE, &text);
    }
    scrape_free(scrape);
}

/* The rest of the path, in whole: no other leads anywhere. */
static bool leads_somewhere(const struct ask *ask)
{
    static const char *const paths[][2] = {
        {"metrics", NULL}, {"metrics", "resource"}, {"metrics", "cadvisor"}};
    size_t count = ask->url->segment_count - ask->route->rest;
    char *const *segments = ask->url->segments + ask->route->rest;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (count == (paths[i][1] ? 2u : 1u) && str_eq(segments[0], paths[i][0]) &&
            (count == 1 || str_eq(segments[1], paths[i][1])))
            return true;
    return WEAKENED(NODE_PROXY_PATH);
}

static struct value *check(const struct ask *ask)
{
    const struct server_hooks *hooks = ask->rest->spec.hooks;
    const struct api_ref ref = ask_ref(ask);
    const struct value *node = NULL;
    if (!leads_somewhere(ask))
        return status_failure(404, "the server could not find the requested resource");
    if (api_see(ask->rest->spec.api, &self, &ref, &node) != 0)
        return status_not_found(ref.kind, ref.name);
    return hooks && hooks->usage ? NULL
                                 : status_failure(503, "this gateway cannot reach its nodes");
}

void node_proxy(const struct ask *ask)
{
    struct value *status = check(ask);
    if (status) {
        reply_status(ask->request, status);
        return;
    }
    const struct node_usage_source *source = ask->rest->spec.hooks->usage;
    struct scrape *scrape = xcalloc(1, sizeof(*scrape));
    scrape->rest = ask->rest;
    scrape->request = ask->request;
    scrape->node = xstrdup(ask->route->name);
    list_append(&ask->rest->scrapes, &scrape->link);
    cleanup(value_free) struct value *nodes = value_new_list();
    value_append(nodes, value_new_str(scrape->node));
    if (source->ask(source->ctx, nodes, on_answered, scrape) == 0)
        return;
    reply_status(ask->request,
                 status_failure(429, "too many ask what nodes use, please try again"));
    scrape_free(scrape);
}
