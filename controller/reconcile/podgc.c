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

/* A deletion under way, of a key that is a node. */
struct removal {
    struct reconciler_write write;
    char *pod; /* "namespace/name" */
};

static void removal_free(struct reconciler_write *write)
{
    free(container_of(write, struct removal, write)->pod);
}

static enum work_end on_removed(struct reconciler_write *write, const struct api_answer *answer)
{
    if (answer->code < 300 && answer->removed)
        log_info("pod removed, its node is gone pod=%s node=%s",
                 container_of(write, struct removal, write)->pod, log_quote(write->key));
    return reconciler_verdict(answer);
}

static void remove_pod(struct podgc *podgc, const struct value *pod, const char *node)
{
    static const struct reconciler_ops ops = {
        .size = sizeof(struct removal), .done = on_removed, .free = removal_free};
    const struct api_ref ref = {&kind_pod, object_namespace(pod), object_name(pod)};
    const struct api_delete_options options = {.grace_s = 0, .uid = object_uid(pod)};
    struct removal *removal = reconciler_begin(podgc->frame, node, &ops);
    removal->pod = reconciler_key_of(pod);
    api_delete(podgc->api, &user, &ref, &options, 0, reconciler_written, removal);
}

/* The API is asked, not the cache: what it says is what is so. */
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
    if (api_list(podgc->api, &user, &pods, &query, &list) < 0) {
        reconciler_fail(podgc->frame, node);
        return;
    }
    const struct value *items = value_get(list, "items");
    for (size_t i = 0; i < value_len(items); i++)
        remove_pod(podgc, value_at(items, i), node);
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
