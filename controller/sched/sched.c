#include "controller/sched/sched.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/sched/affinity.h"
#include "controller/sched/storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_MAX 1024 /* bytes of a message, as Kubernetes cuts conditions */
#define SCORE_MAX 1000
#define SOLE                                                                                       \
    "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"

/* Why nodes were turned down, and how many. */
struct reason {
    char *text;
    size_t count;
};
#define SHORT_MAX 8 /* resources of a node that are named */

struct reasons {
    struct reason *items;
    size_t count, cap;
};

static void add_reason(struct reasons *reasons, char *text)
{
    for (size_t i = 0; i < reasons->count; i++) {
        if (str_eq(reasons->items[i].text, text)) {
            reasons->items[i].count++;
            free(text);
            return;
        }
    }
    if (reasons->count == reasons->cap) {
        reasons->cap = reasons->cap ? reasons->cap * 2 : 8;
        reasons->items = xreallocarray(reasons->items, reasons->cap, sizeof(*reasons->items));
    }
    reasons->items[reasons->count++] = (struct reason){text, 1};
}

static void reasons_done(struct reasons *reasons)
{
    for (size_t i = 0; i < reasons->count; i++)
        free(reasons->items[i].text);
    free(reasons->items);
}
CLEANUP_DEFINE_VALUE(struct reasons, reasons_done);

/* Filters. True: the pod may go there. With reasons, they say what is in the way. */

static bool by_ready(const struct sched_pod *pod, const struct sched_node *node)
{
    (void)pod;
    return node->ready || WEAKENED(SCHED_READY);
}

static bool by_unschedulable(const struct sched_pod *pod, const struct sched_node *node)
{
    static const struct sched_taint cordon = {
        .key = "node.kubernetes.io/unschedulable", .value = "", .effect = "NoSchedule"};
    const struct sched_taints taints = {(struct sched_taint *)&cordon, 1};
    return !node->unschedulable || !sched_untolerated(&taints, &pod->tolerations);
}

static bool by_name(const struct sched_pod *pod, const struct sched_node *node)
{
    return !*pod->node_name || str_eq(pod->node_name, node->name);
}

static bool by_selector(const struct sched_pod *pod, const struct sched_node *node)
{
    for (size_t i = 0; i < pod->selector.count; i++) {
        const struct sched_label *want = &pod->selector.items[i];
        if (!str_eq(sched_labels_get(&node->labels, want->key), want->value))
            return WEAKENED(SCHED_SELECTOR);
    }
    return affinity_matches(pod->affinity, node);
}

static bool by_taints(const struct sched_pod *pod, const struct sched_node *node)
{
    return !sched_untolerated(&node->taints, &pod->tolerations);
}

static void why_taints(const struct sched_pod *pod, const struct sched_node *node,
                       struct reasons *ret)
{
    const struct sched_taint *taint = sched_untolerated(&node->taints, &pod->tolerations);
    add_reason(ret, xasprintf("node(s) had untolerated taint {%s: %s}", taint->key, taint->value));
}

static bool by_ports(const struct sched_pod *pod, const struct sched_node *node)
{
    return WEAKENED(SCHED_PORTS) || !host_ports_clash(&pod->ports, &node->ports);
}

static bool by_sole(const struct sched_pod *pod, const struct sched_node *node)
{
    (void)node;
    return !pod->storage || !pod->storage->sole || WEAKENED(SCHED_SOLE);
}

static bool by_volumes(const struct sched_pod *pod, const struct sched_node *node)
{
    return !pod->storage || sched_storage_reaches(pod->storage, node);
}

static bool by_wants(const struct sched_pod *pod, const struct sched_node *node)
{
    return !pod->storage || sched_storage_finds(pod->storage, node);
}

static bool is_short(int64_t want, int64_t used, int64_t all)
{
    return want > 0 && want > all - used;
}

static bool by_room(const struct sched_pod *pod, const struct sched_node *node)
{
    const struct sched_room *want = &pod->request, *used = &node->used, *all = &node->allocatable;
    size_t cursor = 0;
    if (sched_amounts_short(&pod->asked, &node->taken, &node->has, &cursor))
        return WEAKENED(SCHED_ROOM);
    return WEAKENED(SCHED_ROOM) || (!is_short(want->pods, used->pods, all->pods) &&
                                    !is_short(want->cpu_milli, used->cpu_milli, all->cpu_milli) &&
                                    !is_short(want->memory, used->memory, all->memory));
}

static void why_room(const struct sched_pod *pod, const struct sched_node *node,
                     struct reasons *ret)
{
    const struct sched_room *want = &pod->request, *used = &node->used, *all = &node->allocatable;
    if (is_short(want->pods, used->pods, all->pods))
        add_reason(ret, xstrdup("Too many pods"));
    if (is_short(want->cpu_milli, used->cpu_milli, all->cpu_milli))
        add_reason(ret, xstrdup("Insufficient cpu"));
    if (is_short(want->memory, used->memory, all->memory))
        add_reason(ret, xstrdup("Insufficient memory"));
    size_t cursor = 0;
    for (int i = 0; i < SHORT_MAX; i++) {
        const char *name = sched_amounts_short(&pod->asked, &node->taken, &node->has, &cursor);
        if (!name)
            break;
        add_reason(ret, xasprintf("Insufficient %s", name));
    }
}

/* In this order; the first that says no is the reason. */
static const struct filter {
    bool (*passes)(const struct sched_pod *pod, const struct sched_node *node);
    const char *reason; /* or: */
    void (*why)(const struct sched_pod *pod, const struct sched_node *node, struct reasons *ret);
} filters[] = {
    {by_ready, "node(s) were not ready", NULL},
    {by_unschedulable, "node(s) were unschedulable", NULL},
    {by_name, "node(s) didn't match the requested node name", NULL},
    {by_selector, "node(s) didn't match Pod's node affinity/selector", NULL},
    {by_taints, NULL, why_taints},
    {by_ports, HOST_PORTS_WHY, NULL},
    {by_room, NULL, why_room},
    {by_sole, SOLE, NULL},
    {by_volumes, "node(s) had volume node affinity conflict", NULL},
    {by_wants, "node(s) didn't find available persistent volumes to bind", NULL},
};

static const struct filter *first_refusal(const struct sched_pod *pod,
                                          const struct sched_node *node)
{
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        if (!filters[i].passes(pod, node))
            return &filters[i];
    }
    return NULL;
}

/* Least allocated: the part of each resource that stays free with the pod there, of SCORE_MAX.
 * Counting pods spreads those that request nothing. */
static int64_t free_part(int64_t want, int64_t used, int64_t all)
{
    if (all <= 0 || want > all - used)
        return 0;
    return (int64_t)((double)(all - used - want) / (double)all * SCORE_MAX);
}

static int64_t score(const struct sched_pod *pod, const struct sched_node *node)
{
    const struct sched_room *want = &pod->request, *used = &node->used, *all = &node->allocatable;
    return free_part(want->cpu_milli, used->cpu_milli, all->cpu_milli) +
           free_part(want->memory, used->memory, all->memory) +
           free_part(want->pods, used->pods, all->pods);
}

/* By the text as it is printed, like Kubernetes' message. */
static int compare_reason(const void *a, const void *b)
{
    const struct reason *x = a, *y = b;
    char left[160], right[160];
    snprintf(left, sizeof(left), "%zu %s", x->count, x->text);
    snprintf(right, sizeof(right), "%zu %s", y->count, y->text);
    return strcmp(left, right);
}

static void explain(const struct sched_pod *pod, const struct sched_node *const *nodes,
                    size_t count, struct buf *ret)
{
    cleanup(reasons_done) struct reasons reasons = {0};
    buf_drop(ret, ret->len);
    if (!count) {
        buf_addstr(ret, "no nodes available to schedule pods");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct filter *filter = first_refusal(pod, nodes[i]);
        if (filter && filter->why)
            filter->why(pod, nodes[i], &reasons);
        else if (filter)
            add_reason(&reasons, xstrdup(filter->reason));
    }
    qsort(reasons.items, reasons.count, sizeof(*reasons.items), compare_reason);
    buf_addf(ret, "0/%zu nodes are available: ", count);
    for (size_t i = 0; i < reasons.count && ret->len < WHY_MAX; i++)
        buf_addf(ret, "%s%zu %s", i ? ", " : "", reasons.items[i].count, reasons.items[i].text);
    buf_addc(ret, '.');
}

/* Of rng only the seed is asked, once a pod: one that asks the kernel is too slow for each tie. */
static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x >> 11;
}

const struct sched_node *sched_pick(const struct sched_pod *pod,
                                    const struct sched_node *const *nodes, size_t count,
                                    struct rng *rng, struct buf *ret_why)
{
    const struct sched_node *best = NULL;
    int64_t best_score = -1;
    uint64_t equals = 0, random = 0;
    if (rng)
        rng_fill(rng, &random, sizeof(random));
    random |= 1;
    for (size_t i = 0; i < count; i++) {
        if (first_refusal(pod, nodes[i]))
            continue;
        int64_t points = score(pod, nodes[i]);
        if (points < best_score)
            continue;
        equals = points > best_score ? 1 : equals + 1;
        if (equals == 1 || (rng && next_random(&random) % equals == 0))
            best = nodes[i];
        best_score = points;
    }
    if (!best)
        explain(pod, nodes, count, ret_why);
    return best;
}
