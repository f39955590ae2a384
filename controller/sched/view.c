#include "controller/sched/view.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/pod_claims.h"
#include "common/kinds/pod_needs.h"

#include <stdlib.h>
#include <string.h>

#define PODS_DEFAULT 110

static char *copy_str(const char *s)
{
    return xstrdup(s ? s : "");
}

static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Labels */

static int compare_label(const void *a, const void *b)
{
    return strcmp(((const struct sched_label *)a)->key, ((const struct sched_label *)b)->key);
}

static void labels_read(struct sched_labels *ret, const struct value *map)
{
    *ret = (struct sched_labels){0};
    size_t count = value_type(map) == VALUE_MAP ? value_len(map) : 0;
    if (!count)
        return;
    ret->items = xcalloc(count, sizeof(*ret->items));
    ret->count = count;
    for (size_t i = 0; i < count; i++) {
        ret->items[i].key = xstrdup(value_key_at(map, i));
        ret->items[i].value = copy_str(value_str(value_at(map, i)));
    }
    qsort(ret->items, count, sizeof(*ret->items), compare_label);
}

static void labels_done(struct sched_labels *labels)
{
    for (size_t i = 0; i < labels->count; i++) {
        free(labels->items[i].key);
        free(labels->items[i].value);
    }
    free(labels->items);
    *labels = (struct sched_labels){0};
}

static bool labels_same(const struct sched_labels *a, const struct sched_labels *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!str_eq(a->items[i].key, b->items[i].key) ||
            !str_eq(a->items[i].value, b->items[i].value))
            return false;
    }
    return true;
}

const char *sched_labels_get(const struct sched_labels *labels, const char *key)
{
    size_t low = 0, high = labels->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int cmp = strcmp(labels->items[mid].key, key);
        if (cmp == 0)
            return labels->items[mid].value;
        if (cmp < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* Taints and tolerations */

static void taints_read(struct sched_taints *ret, const struct value *list)
{
    *ret = (struct sched_taints){0};
    size_t count = value_type(list) == VALUE_LIST ? value_len(list) : 0;
    if (!count)
        return;
    ret->items = xcalloc(count, sizeof(*ret->items));
    ret->count = count;
    for (size_t i = 0; i < count; i++) {
        const struct value *from = value_at(list, i);
        ret->items[i] = (struct sched_taint){
            .key = copy_str(value_get_str(from, "key")),
            .value = copy_str(value_get_str(from, "value")),
            .effect = copy_str(value_get_str(from, "effect")),
            .exists = str_eq(value_get_str(from, "operator"), "Exists"),
        };
    }
}

static void taints_done(struct sched_taints *taints)
{
    for (size_t i = 0; i < taints->count; i++) {
        free(taints->items[i].key);
        free(taints->items[i].value);
        free(taints->items[i].effect);
    }
    free(taints->items);
    *taints = (struct sched_taints){0};
}

static bool taints_same(const struct sched_taints *a, const struct sched_taints *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct sched_taint *x = &a->items[i], *y = &b->items[i];
        if (!str_eq(x->key, y->key) || !str_eq(x->value, y->value) ||
            !str_eq(x->effect, y->effect) || x->exists != y->exists)
            return false;
    }
    return true;
}

static bool tolerates(const struct sched_taint *toleration, const struct sched_taint *taint)
{
    if (*toleration->effect && !str_eq(toleration->effect, taint->effect))
        return false;
    if (*toleration->key ? !str_eq(toleration->key, taint->key) : !toleration->exists)
        return false;
    return toleration->exists || str_eq(toleration->value, taint->value);
}

const struct sched_taint *sched_untolerated(const struct sched_taints *taints,
                                            const struct sched_taints *tolerations)
{
    for (size_t i = 0; i < taints->count; i++) {
        const struct sched_taint *taint = &taints->items[i];
        bool good = !str_eq(taint->effect, "NoSchedule") && !str_eq(taint->effect, "NoExecute");
        for (size_t j = 0; j < tolerations->count && !good; j++)
            good = tolerates(&tolerations->items[j], taint);
        if (!good)
            return taint;
    }
    return NULL;
}

/* Pods */

static struct sched_room room_add(struct sched_room a, struct sched_room b)
{
    return (struct sched_room){add(a.cpu_milli, b.cpu_milli), add(a.memory, b.memory),
                               add(a.pods, b.pods)};
}

static void claims_done(struct sched_claims *claims)
{
    for (size_t i = 0; i < claims->count; i++)
        free(claims->items[i].name);
    free(claims->items);
    *claims = (struct sched_claims){0};
}

static bool claims_same(const struct sched_claims *a, const struct sched_claims *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; i < a->count && same; i++)
        same = str_eq(a->items[i].name, b->items[i].name) && a->items[i].own == b->items[i].own;
    return same;
}

static void add_claim(void *ctx, const char *claim, const struct value *volume, bool own)
{
    struct sched_claims *claims = ctx;
    (void)volume;
    if ((claims->count & (claims->count - 1)) == 0) /* full at powers of two */
        claims->items = xreallocarray(claims->items, claims->count ? 2 * claims->count : 1,
                                      sizeof(*claims->items));
    claims->items[claims->count++] = (struct sched_claim){xstrdup(claim), own};
}

void sched_pod_read(struct sched_pod *ret, const struct value *pod)
{
    const struct value *spec = value_get(pod, "spec");
    cleanup(amounts_done) struct amounts needs = {0};
    pod_needs_now(pod, "requests", &needs);
    ret->node_name = copy_str(value_get_str(spec, "nodeName"));
    ret->request =
        (struct sched_room){amounts_count(&needs, "cpu"), amounts_count(&needs, "memory"), 1};
    sched_amounts_read_pod(&ret->asked, &needs);
    labels_read(&ret->selector, value_get(spec, "nodeSelector"));
    taints_read(&ret->tolerations, value_get(spec, "tolerations"));
    ret->priority = value_get_int(spec, "priority", 0);
    const struct value *affinity = value_path(
        spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", NULL);
    ret->affinity = value_type(affinity) == VALUE_MAP ? value_copy(affinity) : NULL;
    host_ports_read(&ret->ports, spec);
    ret->claims = (struct sched_claims){0};
    ret->storage = NULL;
    pod_claims_each(pod, add_claim, &ret->claims);
}

void sched_pod_done(struct sched_pod *pod)
{
    free(pod->node_name);
    sched_amounts_done(&pod->asked);
    labels_done(&pod->selector);
    taints_done(&pod->tolerations);
    value_free(pod->affinity);
    host_ports_done(&pod->ports);
    claims_done(&pod->claims);
    *pod = (struct sched_pod){0};
}

bool sched_pod_same(const struct sched_pod *a, const struct sched_pod *b)
{
    return str_eq(a->node_name, b->node_name) && a->request.cpu_milli == b->request.cpu_milli &&
           a->request.memory == b->request.memory && a->request.pods == b->request.pods &&
           a->priority == b->priority && sched_amounts_same(&a->asked, &b->asked) &&
           labels_same(&a->selector, &b->selector) &&
           taints_same(&a->tolerations, &b->tolerations) && host_ports_same(&a->ports, &b->ports) &&
           claims_same(&a->claims, &b->claims);
}

/* Nodes */

static bool is_ready(const struct value *node)
{
    const struct value *conditions = value_path(node, "status", "conditions", NULL);
    for (size_t i = 0; i < value_len(conditions); i++) {
        const struct value *condition = value_at(conditions, i);
        if (str_eq(value_get_str(condition, "type"), "Ready"))
            return str_eq(value_get_str(condition, "status"), "True");
    }
    return false;
}

void sched_node_read(struct sched_node *ret, const struct value *node)
{
    const struct value *spec = value_get(node, "spec");
    const struct value *room = value_path(node, "status", "allocatable", NULL);
    *ret = (struct sched_node){
        .name = copy_str(value_get_str(value_get(node, "metadata"), "name")),
        .ready = is_ready(node),
        .unschedulable = value_get_bool(spec, "unschedulable", false),
        .allocatable =
            {
                .cpu_milli = amounts_count_in(room, "cpu", 0),
                .memory = amounts_count_in(room, "memory", 0),
                .pods = amounts_count_in(room, "pods", PODS_DEFAULT),
            },
    };
    sched_amounts_read_node(&ret->has, room);
    labels_read(&ret->labels, value_path(node, "metadata", "labels", NULL));
    taints_read(&ret->taints, value_get(spec, "taints"));
}

void sched_node_done(struct sched_node *node)
{
    free(node->name);
    sched_amounts_done(&node->has);
    sched_amounts_done(&node->taken);
    labels_done(&node->labels);
    taints_done(&node->taints);
    host_ports_done(&node->ports);
    *node = (struct sched_node){0};
}

bool sched_node_same(const struct sched_node *a, const struct sched_node *b)
{
    return a->ready == b->ready && a->unschedulable == b->unschedulable &&
           a->allocatable.cpu_milli == b->allocatable.cpu_milli &&
           a->allocatable.memory == b->allocatable.memory &&
           a->allocatable.pods == b->allocatable.pods && sched_amounts_same(&a->has, &b->has) &&
           str_eq(a->name, b->name) && labels_same(&a->labels, &b->labels) &&
           taints_same(&a->taints, &b->taints);
}

void sched_node_add(struct sched_node *node, const struct sched_pod *pod)
{
    node->used = room_add(node->used, pod->request);
    sched_amounts_add(&node->taken, &pod->asked);
    host_ports_add(&node->ports, &pod->ports);
}

void sched_node_carry(struct sched_node *to, struct sched_node *from)
{
    to->used = from->used;
    to->taken = from->taken;
    to->ports = from->ports;
    from->taken = (struct sched_amounts){0};
    from->ports = (struct host_ports){0};
}

void sched_node_drop(struct sched_node *node, const struct sched_pod *pod)
{
    const struct sched_room *request = &pod->request;
    node->used.cpu_milli = max(node->used.cpu_milli - request->cpu_milli, 0);
    node->used.memory = max(node->used.memory - request->memory, 0);
    node->used.pods = max(node->used.pods - request->pods, 0);
    sched_amounts_drop(&node->taken, &pod->asked);
    host_ports_drop(&node->ports, &pod->ports);
}
