#include "agent/pod/evict.h"

#include "agent/pod/internal.h"
#include "agent/pod/reclaim.h"
#include "agent/pressure/victim.h"
#include "agent/runtime/cgroup.h"
#include "agent/volume/disk_usage.h"
#include "common/kinds/pod_needs.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/pod_qos.h"
#include "common/schema/quantity.h"

#include <fcntl.h>
#include <unistd.h>

#define PERIOD_NS (10 * NS_PER_S)
#define HURRY_NS (1 * NS_PER_S)   /* while something is short */
#define VICTIM_NS (30 * NS_PER_S) /* that the one before gets to be gone */
#define PSI_FILE "/proc/pressure/memory"
#define PSI_TRIGGER "some 150000 2000000" /* programs waited 150 ms of 2 s */

struct evict {
    struct evict_spec spec;
    struct pressures pressures;
    struct cgroup_host cgroups;
    char victim[POD_UID_LEN + 1]; /* the last; "": none */
    int64_t victim_until;
    struct loop_timer *timer;
    int psi_fd; /* -1: the kernel does not tell */
    struct loop_io *psi;
};

/* ---- what pods use of it ---- */

static int64_t used_memory(const struct evict *evict, const struct pod_record *record)
{
    autofree char *group = agent_pod_cgroup(evict->spec.agent, record->uid);
    struct cgroup_usage usage;
    cgroup_usage(&evict->cgroups, group, &usage);
    return usage.memory_bytes;
}

static struct disk_usage disk_of(const struct evict *evict, const struct pod_record *record)
{
    const struct agent *agent = evict->spec.agent;
    autofree char *state = agent_state_dir(agent, record->uid);
    autofree char *log = agent_log_dir(agent, record);
    struct disk_usage usage = {0};
    if (disk_usage_add(state, &usage) < 0 || disk_usage_add(log, &usage) < 0)
        usage.whole = false; /* a part of it is better than nothing */
    return usage;
}

static int64_t used_disk(const struct evict *evict, const struct pod_record *record)
{
    return disk_of(evict, record).bytes;
}

static int64_t used_inodes(const struct evict *evict, const struct pod_record *record)
{
    return disk_of(evict, record).inodes;
}

static int64_t used_pids(const struct evict *evict, const struct pod_record *record)
{
    autofree char *group = agent_pod_cgroup(evict->spec.agent, record->uid);
    return cgroup_pids(&evict->cgroups, group);
}

static int64_t (*const used_of[])(const struct evict *, const struct pod_record *) = {
    [SIGNAL_MEMORY_AVAILABLE] = used_memory,
    [SIGNAL_NODEFS_AVAILABLE] = used_disk,
    [SIGNAL_NODEFS_INODES_FREE] = used_inodes,
    [SIGNAL_PID_AVAILABLE] = used_pids,
};

/* ---- the one that goes ---- */

static bool may_go(const struct pod_record *record)
{
    const struct value *spec = record->spec ? value_get(record->spec->object, "spec") : NULL;
    return spec && record->keeper == POD_KEEPER_RUNNING && !record->verdict && !record->is_static &&
           !record->spec->deleting && value_get_int(spec, "priority", 0) < CRITICAL_PRIORITY;
}

static struct candidate candidate_of(const struct evict *evict, const struct pod_record *record,
                                     enum pressure_signal signal)
{
    const struct value *spec = value_get(record->spec->object, "spec");
    return (struct candidate){
        .priority = value_get_int(spec, "priority", 0),
        .used = used_of[signal](evict, record),
        .requested = pod_needs_amount(spec, "requests", pressure_resource(signal)),
    };
}

static void quantity_text(int64_t amount, bool bytes, char ret[static 64])
{
    quantity_format(
        &(struct quantity){.units = amount, .format = bytes ? QUANTITY_BINARY : QUANTITY_DECIMAL},
        ret);
}

/* In a kubelet's words. */
static char *message_of(const struct evict *evict, const struct pressure_sample *sample,
                        enum pressure_signal signal, const struct candidate *c)
{
    const struct pressure_amount *amount = &sample->of[signal];
    bool bytes = signal == SIGNAL_MEMORY_AVAILABLE || signal == SIGNAL_NODEFS_AVAILABLE;
    const char *resource = pressure_resource(signal);
    char threshold[64], available[64], used[64], asked[64];
    quantity_text(pressure_threshold(&evict->spec.limits.of[signal], amount), bytes, threshold);
    quantity_text(amount->available, bytes, available);
    if (c->used <= c->requested)
        return xasprintf("The node was low on resource: %s. Threshold quantity: %s, available: %s.",
                         resource, threshold, available);
    quantity_text(c->used, bytes, used);
    quantity_text(c->requested, bytes, asked);
    return xasprintf("The node was low on resource: %s. Threshold quantity: %s, available: %s. "
                     "The pod was using %s, request is %s, has larger consumption of %s.",
                     resource, threshold, available, used, asked, resource);
}

static bool evict_one(struct evict *evict, const struct pressure_sample *sample,
                      enum pressure_signal signal)
{
    struct agent *agent = evict->spec.agent;
    struct pod_record **records = xcalloc(map_len(agent->records) + 1, sizeof(struct pod_record *));
    struct candidate *candidates = xcalloc(map_len(agent->records) + 1, sizeof(*candidates));
    int64_t threshold = pressure_threshold(&evict->spec.limits.of[signal], &sample->of[signal]);
    size_t count = 0, chosen;
    void *p;
    for (size_t i = 0; map_next(agent->records, &i, NULL, &p);) {
        if (!may_go(p))
            continue;
        records[count] = p;
        candidates[count] = candidate_of(evict, p, signal);
        /* Of memory even a little from each is what the kernel would take by force. */
        count += signal == SIGNAL_MEMORY_AVAILABLE || victim_helps(&candidates[count], threshold);
    }
    bool found = victim_choose(candidates, count, &chosen) == 0;
    if (found) {
        autofree char *message = message_of(evict, sample, signal, &candidates[chosen]);
        strcpy(evict->victim, records[chosen]->uid);
        evict->victim_until = agent_now(agent) + VICTIM_NS;
        condemn(records[chosen], "Evicted", message, true);
    }
    free(records);
    free(candidates);
    return found;
}

/* Its record may be gone before what it had on disk is. */
static bool victim_on_its_way(const struct evict *evict, enum pressure_signal signal)
{
    const struct agent *agent = evict->spec.agent;
    const struct pod_record *record = map_get(agent->records, evict->victim);
    bool on_disk = signal == SIGNAL_NODEFS_AVAILABLE || signal == SIGNAL_NODEFS_INODES_FREE;
    bool leaves = record && (record->keeper != POD_KEEPER_NONE || !record->volumes_released);
    return agent_now(agent) < evict->victim_until &&
           (leaves || (on_disk && reclaim_holds(agent->reclaim, evict->victim)));
}

/* ---- watching ---- */

static void update(struct evict *evict, const struct pressure_sample *sample)
{
    struct agent *agent = evict->spec.agent;
    if (!pressures_update(&evict->pressures, &evict->spec.limits, sample, agent_now(agent)))
        return;
    for (enum pressure p = 0; p < PRESSURE_COUNT; p++)
        if (evict->pressures.on[p])
            log_warn("the node runs out of something: condition=%s", pressure_name(p));
    if (evict->spec.changed)
        evict->spec.changed(evict->spec.ctx);
}

static void take_sample(const struct evict_spec *spec, struct pressure_sample *ret)
{
    if (spec->sample)
        spec->sample(spec->ctx, ret);
    else
        pressure_sample_read(spec->agent->spec.state_dir, ret);
}

static void look(void *ctx)
{
    struct evict *evict = ctx;
    struct pressure_sample sample;
    bool hurry = false;
    take_sample(&evict->spec, &sample);
    update(evict, &sample);
    for (enum pressure_signal s = 0; s < SIGNAL_COUNT && evict->spec.agent->started; s++) {
        if (!pressure_crossed(&evict->spec.limits, &sample, s))
            continue;
        hurry = true;
        if (victim_on_its_way(evict, s) || evict_one(evict, &sample, s))
            break;
    }
    loop_timer_after(evict->timer, hurry ? HURRY_NS : PERIOD_NS);
}

static void psi_told(void *ctx, int fd, uint32_t events)
{
    struct evict *evict = ctx;
    (void)fd;
    if (events & EPOLLERR) { /* its trigger is gone */
        loop_io_free(evict->psi);
        evict->psi = NULL;
        return;
    }
    look(evict);
    /* The kernel may tell before a threshold is crossed, and no more afterwards. */
    loop_timer_after(evict->timer, HURRY_NS);
}

static void watch_psi(struct evict *evict)
{
    struct err err = {0};
    evict->psi_fd = open(PSI_FILE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (evict->psi_fd < 0)
        return;
    if (write(evict->psi_fd, PSI_TRIGGER, sizeof(PSI_TRIGGER)) < 0 ||
        loop_io_new(evict->spec.agent->world.loop, evict->psi_fd, EPOLLPRI, psi_told, evict,
                    &evict->psi, &err) < 0) {
        close(evict->psi_fd);
        evict->psi_fd = -1;
    }
}

struct evict *evict_new(const struct evict_spec *spec)
{
    struct evict *evict = xcalloc(1, sizeof(*evict));
    struct err err = {0};
    struct pressure_sample sample;
    evict->spec = *spec;
    evict->timer = loop_timer_new(spec->agent->world.loop, look, evict);
    if (cgroup_detect(&evict->cgroups, &err) < 0)
        log_warn("what pods use is not known: error=%s", log_quote(err.msg));
    take_sample(spec, &sample);
    (void)pressures_update(&evict->pressures, &spec->limits, &sample, agent_now(spec->agent));
    spec->agent->pressures = &evict->pressures;
    watch_psi(evict);
    loop_timer_after(evict->timer, HURRY_NS);
    return evict;
}

void evict_free(struct evict *evict)
{
    if (!evict)
        return;
    evict->spec.agent->pressures = NULL;
    loop_timer_free(evict->timer);
    if (evict->psi)
        loop_io_free(evict->psi);
    if (evict->psi_fd >= 0)
        close(evict->psi_fd);
    free(evict);
}

bool evict_is_short(const struct evict *evict, enum pressure pressure)
{
    return evict->pressures.on[pressure];
}

struct value *evict_conditions(const struct evict *evict)
{
    return pressures_conditions(&evict->pressures);
}
