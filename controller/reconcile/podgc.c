#include "controller/reconcile/podgc.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdlib.h>

struct missing {
    int64_t since;
};

struct podgc {
    struct loop *loop;
    struct api *api;
    int64_t wait_ns;
    struct map *missing; /* name of a node that pods are bound to and that is not there -> struct */
    struct map *nodes;   /* names of those that are there -> the map itself */
    struct api_watch *pod_watch, *node_watch;
    struct loop_timer *timer;
};

static const struct api_user user = {.name = "system:limpet:podgc"};

static void is_missing(struct podgc *podgc, const char *name)
{
    if (map_get(podgc->missing, name))
        return;
    struct missing *missing = xcalloc(1, sizeof(*missing));
    missing->since = loop_now(podgc->loop);
    map_put(podgc->missing, name, missing);
    if (!loop_timer_armed(podgc->timer))
        loop_timer_at(podgc->timer, missing->since + podgc->wait_ns);
}

static void on_pod(void *ctx, enum api_event_type type, const struct value *object)
{
    struct podgc *podgc = ctx;
    const char *node = value_get_str(value_get(object, "spec"), "nodeName");
    if (type != API_DELETED && !str_empty(node) && !map_get(podgc->nodes, node))
        is_missing(podgc, node);
}

static void on_node(void *ctx, enum api_event_type type, const struct value *object)
{
    struct podgc *podgc = ctx;
    const char *name = object_name(object);
    if (type == API_DELETED) {
        map_del(podgc->nodes, name);
        is_missing(podgc, name);
    } else {
        map_put(podgc->nodes, name, podgc);
        free(map_del(podgc->missing, name));
    }
}

static void on_removed(void *ctx, const struct api_answer *answer)
{
    (void)ctx;
    if (answer->code < 300 || answer->code == 404)
        return;
    const char *message = value_get_str(answer->object, "message");
    log_warn("pod of a missing node not removed, will try again reason=%s",
             log_quote(message ? message : ""));
}

static void remove_pod(struct podgc *podgc, const struct value *pod, const char *node)
{
    struct api_ref ref = {&kind_pod, object_namespace(pod), object_name(pod)};
    struct api_delete_options options = {.grace_s = 0, .uid = object_uid(pod)};
    log_info("pod removed, its node is gone pod=%s/%s node=%s", ref.ns, ref.name, node);
    api_delete(podgc->api, &user, &ref, &options, 0, on_removed, NULL);
}

/* Removes the pods of a node; the number there were. The API is asked, not the cache: what it says
 * is what is so. */
static size_t collect(struct podgc *podgc, const char *node)
{
    cleanup(value_free) struct value *object = NULL;
    cleanup(value_free) struct value *list = NULL;
    struct api_ref ref = {&kind_node, "", node}, pods = {&kind_pod, "", ""};
    if (api_get(podgc->api, &user, &ref, &object) != -404)
        return 0;
    autofree char *selector = xasprintf("spec.nodeName=%s", node);
    struct api_list_query query = {.field_selector = selector};
    if (api_list(podgc->api, &user, &pods, &query, &list) < 0)
        return 1;
    const struct value *items = value_get(list, "items");
    for (size_t i = 0; i < value_len(items); i++)
        remove_pod(podgc, value_at(items, i), node);
    return value_len(items);
}

/* A name stays on the list until no pod is left. */
static void on_time(void *ctx)
{
    struct podgc *podgc = ctx;
    int64_t now = loop_now(podgc->loop), next = INT64_MAX;
    const char *name;
    void *value;
    for (size_t i = 0; map_next(podgc->missing, &i, &name, &value);) {
        struct missing *missing = value;
        if (missing->since + podgc->wait_ns <= now) {
            if (collect(podgc, name) == 0) {
                free(map_del(podgc->missing, name));
                continue;
            }
            missing->since = now;
        }
        if (missing->since + podgc->wait_ns < next)
            next = missing->since + podgc->wait_ns;
    }
    if (next != INT64_MAX)
        loop_timer_at(podgc->timer, next);
}

int podgc_new(struct loop *loop, struct api *api, int64_t wait_ns, struct podgc **ret,
              struct err *err)
{
    struct podgc *podgc = xcalloc(1, sizeof(*podgc));
    struct api_ref pods = {&kind_pod, "", ""}, nodes = {&kind_node, "", ""};
    podgc->loop = loop;
    podgc->api = api;
    podgc->wait_ns = wait_ns ? wait_ns : PODGC_WAIT_NS;
    if (WEAKENED(PODGC_WAIT))
        podgc->wait_ns = NS_PER_MS;
    podgc->missing = map_new();
    podgc->nodes = map_new();
    podgc->timer = loop_timer_new(loop, on_time, podgc);
    int r = api_watch(api, &user, &nodes, NULL, 0, on_node, podgc, &podgc->node_watch);
    if (r == 0)
        r = api_watch(api, &user, &pods, NULL, 0, on_pod, podgc, &podgc->pod_watch);
    if (r < 0) {
        podgc_free(podgc);
        return err_set(err, -EIO, "pod removal: watch: %d", -r);
    }
    *ret = podgc;
    return 0;
}

void podgc_free(struct podgc *podgc)
{
    if (!podgc)
        return;
    if (podgc->pod_watch)
        api_watch_free(podgc->pod_watch);
    if (podgc->node_watch)
        api_watch_free(podgc->node_watch);
    loop_timer_free(podgc->timer);
    map_free(podgc->missing, free);
    map_free(podgc->nodes, NULL);
    free(podgc);
}
