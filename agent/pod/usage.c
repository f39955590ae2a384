#include "agent/pod/usage.h"

#include "agent/pod/internal.h"
#include "agent/pod/node_usage.h"
#include "agent/runtime/cgroup.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_LEN (POD_UID_LEN + 1 + 64 + 1)

/* CPU time of one container, or of the node, at a sample. */
struct counter {
    char key[KEY_LEN]; /* "<uid>/<container>" */
    int64_t cpu_ns;
};
struct sample {
    int64_t at; /* boot ns; 0: there is none */
    int64_t node_cpu_ns;
    struct counter *counters; /* in the order of the keys */
    size_t count;
};

struct asker {
    usage_fn *fn;
    void *ctx;
};

struct usage {
    struct agent *agent;
    struct cgroup_host cgroups;
    bool looked; /* for the control groups */
    struct sample last;
    struct asker askers[USAGE_ASKERS];
    size_t asker_count;
    struct loop_timer *timer;
};

/* ---- samples ---- */

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct counter *)a)->key, ((const struct counter *)b)->key);
}

static void sample_done(struct sample *sample)
{
    free(sample->counters);
    *sample = (struct sample){0};
}

/* -1 if it was not there, or has begun anew since. */
static int64_t used_since(const struct sample *sample, const char *key, int64_t now_ns)
{
    struct counter wanted = {0};
    snprintf(wanted.key, sizeof(wanted.key), "%s", key);
    const struct counter *found =
        sample->count == 0
            ? NULL
            : bsearch(&wanted, sample->counters, sample->count, sizeof(*sample->counters), by_key);
    return found && now_ns >= found->cpu_ns ? now_ns - found->cpu_ns : -1;
}

static int64_t rate(int64_t used_ns, int64_t window_ns)
{
    return used_ns < 0 || window_ns <= 0
               ? -1
               : (int64_t)((double)used_ns * NS_PER_S / (double)window_ns);
}

/* ---- one answer ---- */

struct round {
    struct usage *usage;
    struct sample now;
    struct value *pods;
};

static void set_known(struct value *map, const char *name, int64_t n)
{
    if (n >= 0)
        value_set_int(map, name, n);
}

static void add_container(struct round *round, const struct pod_record *record, const char *group,
                          const char *name, struct value *containers)
{
    const struct sample *last = &round->usage->last;
    struct sample *now = &round->now;
    struct cgroup_usage used;
    cgroup_usage(&round->usage->cgroups, group, &used);
    struct value *item = value_new_map();
    value_set_str(item, "name", name);
    set_known(item, "memory", used.memory_bytes);
    set_known(item, "cpuTime", used.cpu_ns);
    if (used.cpu_ns >= 0) {
        now->counters = xrealloc(now->counters, (now->count + 1) * sizeof(*now->counters));
        struct counter *counter = &now->counters[now->count++];
        snprintf(counter->key, sizeof(counter->key), "%s/%s", record->uid, name);
        counter->cpu_ns = used.cpu_ns;
        set_known(item, "cpu",
                  rate(used_since(last, counter->key, used.cpu_ns), now->at - last->at));
    }
    value_append(containers, item);
}

/* As the keeper makes them: a group of its own for each container of several. */
static void add_pod(struct round *round, const struct pod_record *record)
{
    const struct keeper_report *report = record->report;
    if (!report || record->keeper == POD_KEEPER_NONE)
        return;
    struct value *pod = value_new_map(), *containers = value_new_list();
    for (size_t i = 0; i < report->container_count; i++) {
        const struct keeper_container *c = &report->containers[i];
        autofree char *shared = agent_pod_cgroup(round->usage->agent, record->uid);
        autofree char *own = xasprintf("%s/c%zu", shared, i);
        bool alone = i == 0 && !cgroup_exists(&round->usage->cgroups, own);
        if (c->state == KEEPER_STARTED)
            add_container(round, record, alone ? shared : own, c->name, containers);
    }
    value_set_str(pod, "namespace", record->ns);
    value_set_str(pod, "name", record->name);
    value_set_str(pod, "uid", record->uid);
    value_set(pod, "containers", containers);
    value_append(round->pods, pod);
}

/* Takes a sample, which the next answer is worked out from. The answer is the caller's. */
static struct value *measure(struct usage *usage)
{
    struct round round = {usage, {.at = agent_now(usage->agent)}, value_new_list()};
    const struct clock *clock = loop_clock(usage->agent->world.loop);
    struct node_usage node;
    node_usage_read(&node);
    void *p;
    for (size_t i = 0; map_next(usage->agent->records, &i, NULL, &p);)
        add_pod(&round, p);
    int64_t window = round.now.at - usage->last.at;
    struct value *answer = value_new_map(), *whole = value_new_map();
    value_set_int(answer, "window", window / NS_PER_MS);
    value_set_int(answer, "time", clock_wall(clock) / NS_PER_MS);
    set_known(whole, "memory", node.memory_bytes);
    set_known(whole, "cpuTime", node.cpu_ns);
    if (node.cpu_ns >= usage->last.node_cpu_ns && usage->last.at)
        set_known(whole, "cpu", rate(node.cpu_ns - usage->last.node_cpu_ns, window));
    value_set(answer, "node", whole);
    value_set(answer, "pods", round.pods);
    round.now.node_cpu_ns = node.cpu_ns;
    if (round.now.count > 0)
        qsort(round.now.counters, round.now.count, sizeof(*round.now.counters), by_key);
    sample_done(&usage->last);
    usage->last = round.now;
    return answer;
}

static void answer_all(void *ctx)
{
    struct usage *usage = ctx;
    cleanup(value_free) struct value *answer = measure(usage);
    struct asker askers[USAGE_ASKERS];
    size_t count = usage->asker_count;
    memcpy(askers, usage->askers, sizeof(askers));
    usage->asker_count = 0;
    for (size_t i = 0; i < count; i++)
        askers[i].fn(askers[i].ctx, answer);
}

int usage_ask(struct usage *usage, usage_fn *fn, void *ctx)
{
    if (usage->asker_count == USAGE_ASKERS)
        return -EBUSY;
    struct err err = {0};
    if (!usage->looked && cgroup_detect(&usage->cgroups, &err) < 0)
        log_warn("usage is not counted: error=%s", log_quote(err.msg));
    usage->looked = true;
    usage->askers[usage->asker_count++] = (struct asker){fn, ctx};
    if (usage->asker_count > 1)
        return 0;
    int64_t age = agent_now(usage->agent) - usage->last.at;
    bool again = usage->last.at && age >= USAGE_AGAIN_NS && age < USAGE_STALE_NS;
    if (!again)
        value_free(measure(usage));
    loop_timer_after(usage->timer, again ? 0 : USAGE_FIRST_NS);
    return 0;
}

void usage_forget(struct usage *usage, const void *ctx)
{
    size_t kept = 0;
    for (size_t i = 0; i < usage->asker_count; i++)
        if (usage->askers[i].ctx != ctx)
            usage->askers[kept++] = usage->askers[i];
    usage->asker_count = kept;
    if (kept == 0)
        loop_timer_stop(usage->timer);
}

struct usage *usage_new(struct agent *agent)
{
    struct usage *usage = xcalloc(1, sizeof(*usage));
    usage->agent = agent;
    usage->timer = loop_timer_new(agent->world.loop, answer_all, usage);
    return usage;
}

void usage_free(struct usage *usage)
{
    if (!usage)
        return;
    loop_timer_free(usage->timer);
    for (size_t i = 0; i < usage->asker_count; i++)
        usage->askers[i].fn(usage->askers[i].ctx, NULL);
    sample_done(&usage->last);
    free(usage);
}
