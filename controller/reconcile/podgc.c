#include "controller/reconcile/podgc.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/reconcile/reconciler.h"

#include <stdlib.h>

struct podgc {
    struct api *api;
    int64_t wait_ns;
    struct map *nodes;        /* names of those that are there -> the map itself */
    struct reconciler *frame; /* keys: names of nodes that pods are bound to and that are missing */
};

static const struct api_user user = {.name = "system:limpet:podgc"};

static void on_pod(void *ctx, enum api_event_type type, const struct value *object)
{
    struct podgc *podgc = ctx;
    const char *node = value_get_str(value_get(object, "spec"), "nodeName");
    if (type != API_DELETED && !str_empty(node) && !map_get(podgc->nodes, node))
        reconciler_put_after(podgc->frame, node, podgc->wait_ns);
}

static void on_node(void *ctx, enum api_event_type type, const struct value *object)
{
    struct podgc *podgc = ctx;
    const char *name = object_name(object);
    if (type == API_DELETED) {
        map_del(podgc->nodes, name);
        reconciler_put_after(podgc->frame, name, podgc->wait_ns);
    } else {
        map_put(podgc->nodes, name, podgc);
        reconciler_drop(podgc->frame, name);
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

/* A name stays on the list until no pod is left. The API is asked, not the cache: what it says is
 * what is so. */
static void look(void *ctx, const char *node)
{
    struct podgc *podgc = ctx;
    cleanup(value_free) struct value *object = reconciler_get(podgc->frame, &kind_node, node);
    cleanup(value_free) struct value *list = NULL;
    const struct api_ref pods = {&kind_pod, "", ""};
    if (object)
        return;
    autofree char *selector = xasprintf("spec.nodeName=%s", node);
    const struct api_list_query query = {.field_selector = selector};
    int r = api_list(podgc->api, &user, &pods, &query, &list);
    const struct value *items = r == 0 ? value_get(list, "items") : NULL;
    for (size_t i = 0; i < value_len(items); i++)
        remove_pod(podgc, value_at(items, i), node);
    if (r < 0 || value_len(items) > 0)
        reconciler_put_after(podgc->frame, node, podgc->wait_ns);
}

int podgc_new(struct loop *loop, struct api *api, int64_t wait_ns, struct podgc **ret,
              struct err *err)
{
    static const struct reconciler_watch watches[] = {{&kind_node, on_node}, {&kind_pod, on_pod}};
    struct podgc *podgc = xcalloc(1, sizeof(*podgc));
    const struct reconciler_spec spec = {.name = "podgc",
                                         .loop = loop,
                                         .api = api,
                                         .user = &user,
                                         .watches = watches,
                                         .watch_count = ARRAY_LEN(watches),
                                         .look = look,
                                         .ctx = podgc};
    podgc->api = api;
    podgc->wait_ns = wait_ns ? wait_ns : PODGC_WAIT_NS;
    if (WEAKENED(PODGC_WAIT))
        podgc->wait_ns = NS_PER_MS;
    podgc->nodes = map_new();
    int r = reconciler_new(&spec, &podgc->frame, err);
    if (r < 0) {
        podgc_free(podgc);
        return r;
    }
    *ret = podgc;
    return 0;
}

void podgc_free(struct podgc *podgc)
{
    if (!podgc)
        return;
    reconciler_free(podgc->frame);
    map_free(podgc->nodes, NULL);
    free(podgc);
}
