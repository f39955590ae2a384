/* Why a node gets no (more) pods. The room is counted as the scheduler counts it. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/sched/view.h"
#include "tools/cli/explain.h"

#define MEBI (1024 * 1024)

static bool is_over(const struct value *pod)
{
    const char *phase = value_str(value_path(pod, "status", "phase", NULL));
    return str_eq(phase, "Succeeded") || str_eq(phase, "Failed");
}

static void count_pods(struct sched_node *node, const struct value *pods)
{
    const struct value *items = value_get(pods, "items");
    for (size_t i = 0; i < value_len(items); i++) {
        struct sched_pod pod;
        if (is_over(value_at(items, i)))
            continue;
        sched_pod_read(&pod, value_at(items, i));
        sched_node_add(node, &pod);
        sched_pod_done(&pod);
    }
}

static void say_conditions(const struct value *node, struct buf *ret)
{
    const struct value *list = value_path(node, "status", "conditions", NULL);
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *c = value_at(list, i);
        const char *type = value_get_str(c, "type"), *status = value_get_str(c, "status");
        const char *since = value_get_str(c, "lastTransitionTime");
        (void)buf_addf(ret, "condition %s: %s", type ? type : "?", status ? status : "?");
        if (since)
            (void)buf_addf(ret, " since %s", since);
        cleanup(buf_done) struct buf reason;
        buf_init(&reason, 0);
        if (explain_reason(c, &reason))
            (void)buf_addf(ret, ": %s", buf_str(&reason));
        (void)buf_addc(ret, '\n');
    }
    if (value_len(list) == 0)
        (void)buf_addstr(ret, "it has not reported yet\n");
}

static void say_taints(const struct sched_node *node, struct buf *ret)
{
    for (size_t i = 0; i < node->taints.count; i++) {
        const struct sched_taint *taint = &node->taints.items[i];
        if (!str_eq(taint->effect, "NoSchedule") && !str_eq(taint->effect, "NoExecute"))
            continue;
        (void)buf_addf(ret, "no new pods that do not tolerate the taint %s%s%s:%s\n", taint->key,
                       *taint->value ? "=" : "", taint->value, taint->effect);
    }
}

static void say_full(const struct sched_node *node, struct buf *ret)
{
    const struct {
        const char *what;
        int64_t used, all;
    } rooms[] = {
        {"pod", node->used.pods, node->allocatable.pods},
        {"pod that requests cpu", node->used.cpu_milli, node->allocatable.cpu_milli},
        {"pod that requests memory", node->used.memory, node->allocatable.memory},
    };
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++)
        if (rooms[i].used >= rooms[i].all)
            (void)buf_addf(ret, "no new %s: there is no room for it\n", rooms[i].what);
    const char *name;
    for (size_t cursor = 0; (name = sched_amounts_full(&node->taken, &node->has, &cursor));)
        (void)buf_addf(ret, "no new pod that requests %s: there is no room for it\n", name);
}

static void say_room(const struct sched_node *node, struct buf *ret)
{
    const struct sched_room *used = &node->used, *all = &node->allocatable;
    (void)buf_addf(ret,
                   "requested: %lld of %lld pods, cpu %lldm of %lldm, memory %lldMi of %lldMi\n",
                   (long long)used->pods, (long long)all->pods, (long long)used->cpu_milli,
                   (long long)all->cpu_milli, (long long)(used->memory / MEBI),
                   (long long)(all->memory / MEBI));
}

void explain_node(const struct value *object, const struct value *pods, struct buf *ret)
{
    struct sched_node node;
    sched_node_read(&node, object);
    count_pods(&node, pods);
    (void)buf_addf(ret, "node %s: %s\n", node.name, node.ready ? "Ready" : "NotReady");
    say_conditions(object, ret);
    size_t before = ret->len;
    if (value_path(object, "metadata", "deletionTimestamp", NULL))
        (void)buf_addstr(ret, "no new pods: it is being deleted\n");
    if (!node.ready)
        (void)buf_addstr(ret, "no new pods: it is not Ready\n");
    if (node.unschedulable)
        (void)buf_addstr(ret, "no new pods: it is cordoned (spec.unschedulable)\n");
    say_taints(&node, ret);
    say_full(&node, ret);
    if (ret->len == before)
        (void)buf_addstr(ret, "nothing keeps new pods from it\n");
    say_room(&node, ret);
    sched_node_done(&node);
}
