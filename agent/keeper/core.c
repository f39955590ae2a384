#include "agent/keeper/core.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

enum phase { PHASE_IDLE, PHASE_STARTING, PHASE_RUNNING, PHASE_BACKOFF, PHASE_DONE };

#define BIT(phase) (1U << (phase))
static const struct {
    unsigned next;                     /* allowed */
    enum keeper_container_state state; /* in the report */
} phases[] = {
    [PHASE_IDLE] = {BIT(PHASE_STARTING) | BIT(PHASE_DONE), KEEPER_WAITING},
    [PHASE_STARTING] = {BIT(PHASE_RUNNING) | BIT(PHASE_STARTING) | BIT(PHASE_BACKOFF) |
                            BIT(PHASE_DONE),
                        KEEPER_WAITING},
    [PHASE_RUNNING] = {BIT(PHASE_STARTING) | BIT(PHASE_BACKOFF) | BIT(PHASE_DONE), KEEPER_STARTED},
    [PHASE_BACKOFF] = {BIT(PHASE_STARTING) | BIT(PHASE_DONE), KEEPER_WAITING},
    [PHASE_DONE] = {0, KEEPER_TERMINATED},
};

static const unsigned pod_next[] = {
    [KEEPER_SANDBOX] = BIT(KEEPER_RUNNING) | BIT(KEEPER_ENDED),
    [KEEPER_RUNNING] = BIT(KEEPER_STOPPING) | BIT(KEEPER_ENDED),
    [KEEPER_STOPPING] = BIT(KEEPER_ENDED),
    [KEEPER_ENDED] = 0,
};

struct container {
    enum phase phase;
    bool attempted;     /* at least once: the next start is a restart */
    int64_t started;    /* boot ns of the running attempt */
    int64_t next_delay; /* ns before the restart after the next exit */
};

struct keeper_core {
    const struct launch_plan *plan;
    struct keeper_report report;
    struct container *containers;
    int64_t kill_at; /* when stopping; INT64_MAX: no kill is due */
    bool killed;     /* the grace is over */
};

/* In release builds too: a keeper that has lost track is better started anew than trusted. */
static void must(bool truth)
{
    if (!truth)
        abort();
}

static void copy_text(char *ret, size_t size, const char *text)
{
    snprintf(ret, size, "%s", text ? text : "");
}

struct keeper_core *keeper_core_new(const struct launch_plan *plan, const char *boot_id,
                                    pid_t keeper_pid, int64_t wall)
{
    struct keeper_core *core = xcalloc(1, sizeof(*core));
    struct keeper_report *report = &core->report;
    core->plan = plan;
    core->kill_at = INT64_MAX;
    core->containers = xcalloc(plan->container_count, sizeof(*core->containers));
    report->containers = xcalloc(plan->container_count, sizeof(*report->containers));
    report->container_count = plan->container_count;
    report->keeper_pid = keeper_pid;
    report->started_wall_ns = wall;
    copy_text(report->pod_uid, sizeof(report->pod_uid), plan->pod_uid);
    copy_text(report->pod_ns, sizeof(report->pod_ns), plan->pod_ns);
    copy_text(report->pod_name, sizeof(report->pod_name), plan->pod_name);
    copy_text(report->spec_hash, sizeof(report->spec_hash), plan->spec_hash);
    copy_text(report->boot_id, sizeof(report->boot_id), boot_id);
    for (size_t i = 0; i < plan->container_count; i++)
        copy_text(report->containers[i].name, sizeof(report->containers[i].name),
                  plan->containers[i].name);
    return core;
}

void keeper_core_free(struct keeper_core *core)
{
    if (!core)
        return;
    free(core->report.containers);
    free(core->containers);
    free(core);
}

const struct keeper_report *keeper_core_report(const struct keeper_core *core)
{
    return &core->report;
}

static void act(struct keeper_actions *actions, enum keeper_act what, size_t container, int signo)
{
    must(actions->count < KEEPER_ACTIONS_MAX);
    actions->list[actions->count++] =
        (struct keeper_action){.act = what, .container = container, .signal = signo};
}

static void move_pod(struct keeper_core *core, enum keeper_pod_state to)
{
    must(pod_next[core->report.state] & BIT(to));
    core->report.state = to;
}

static void move(struct keeper_core *core, size_t i, enum phase to)
{
    struct container *container = &core->containers[i];
    struct keeper_container *shown = &core->report.containers[i];
    must(phases[container->phase].next & BIT(to));
    container->phase = to;
    shown->state = phases[to].state;
    if (to != PHASE_RUNNING)
        shown->pid = 0;
    if (to != PHASE_BACKOFF)
        shown->restart_at_boot_ns = 0;
}

static void start(struct keeper_core *core, size_t i, struct keeper_actions *actions)
{
    if (core->containers[i].attempted)
        core->report.containers[i].restarts++;
    core->containers[i].attempted = true;
    move(core, i, PHASE_STARTING);
    act(actions, KEEPER_ACT_START, i, 0);
}

void keeper_core_go(struct keeper_core *core, int64_t now, struct keeper_actions *actions)
{
    (void)now;
    if (core->report.state != KEEPER_SANDBOX)
        return;
    move_pod(core, KEEPER_RUNNING);
    for (size_t i = 0; i < core->report.container_count; i++)
        start(core, i, actions);
    act(actions, KEEPER_ACT_REPORT, 0, 0);
}

/* ---- ending ---- */

static bool all_done(const struct keeper_core *core)
{
    for (size_t i = 0; i < core->report.container_count; i++)
        if (core->containers[i].phase != PHASE_DONE)
            return false;
    return true;
}

static void end_if_done(struct keeper_core *core)
{
    if (core->report.state == KEEPER_ENDED || !all_done(core))
        return;
    core->kill_at = INT64_MAX;
    move_pod(core, KEEPER_ENDED);
}

void keeper_core_recorded(struct keeper_core *core, struct keeper_actions *actions)
{
    if (core->report.state == KEEPER_ENDED)
        return;
    end_if_done(core);
    act(actions, KEEPER_ACT_REPORT, 0, 0);
}

static int stop_signal(const struct keeper_core *core, size_t i)
{
    int signo = core->plan->containers[i].stop_signal;
    return signo ? signo : SIGTERM;
}

void keeper_core_stop(struct keeper_core *core, int64_t grace_ns, int64_t now,
                      struct keeper_actions *actions)
{
    if (core->report.state == KEEPER_ENDED)
        return;
    bool first = core->report.state != KEEPER_STOPPING;
    int64_t kill_at;
    if (grace_ns < 0 || __builtin_add_overflow(now, grace_ns, &kill_at))
        kill_at = grace_ns < 0 ? now : INT64_MAX;
    if (core->report.state == KEEPER_RUNNING)
        move_pod(core, KEEPER_STOPPING);
    for (size_t i = 0; first && i < core->report.container_count; i++) {
        enum phase phase = core->containers[i].phase;
        if (phase == PHASE_IDLE || phase == PHASE_BACKOFF)
            move(core, i, PHASE_DONE);
        else if (phase == PHASE_RUNNING)
            act(actions, KEEPER_ACT_SIGNAL, i, stop_signal(core, i));
    }
    if (first || kill_at < core->kill_at)
        core->kill_at = kill_at;
    end_if_done(core);
    act(actions, KEEPER_ACT_REPORT, 0, 0);
    if (core->report.state != KEEPER_ENDED)
        keeper_core_tick(core, now, actions);
}

/* ---- what containers do ---- */

void keeper_core_started(struct keeper_core *core, size_t i, pid_t pid, int64_t now, int64_t wall,
                         struct keeper_actions *actions)
{
    if (core->containers[i].phase != PHASE_STARTING)
        return;
    move(core, i, PHASE_RUNNING);
    core->containers[i].started = now;
    core->report.containers[i].pid = pid;
    core->report.containers[i].started_wall_ns = wall;
    if (core->report.state == KEEPER_STOPPING)
        act(actions, KEEPER_ACT_SIGNAL, i, core->killed ? SIGKILL : stop_signal(core, i));
    act(actions, KEEPER_ACT_REPORT, 0, 0);
}

/* The delay before the next attempt, and the one after that. */
static int64_t next_delay(const struct keeper_core *core, struct container *container, int64_t ran)
{
    const struct launch_plan *plan = core->plan;
    int64_t min = plan->backoff_min_ms * NS_PER_MS, max = plan->backoff_max_ms * NS_PER_MS;
    if (plan->backoff_reset_ms > 0 && ran >= plan->backoff_reset_ms * NS_PER_MS)
        container->next_delay = 0;
    int64_t delay = container->next_delay;
    container->next_delay = delay == 0 ? min : delay * 2;
    if (container->next_delay > max)
        container->next_delay = max;
    return delay;
}

static bool again(const struct keeper_core *core, int code, bool retry)
{
    if (core->report.state == KEEPER_STOPPING)
        return false;
    switch (core->plan->restart) {
    case LAUNCH_RESTART_ALWAYS:
        return true;
    case LAUNCH_RESTART_ON_FAILURE:
        return code != 0 || retry;
    case LAUNCH_RESTART_NEVER:
        break;
    }
    return retry;
}

static void ended(struct keeper_core *core, size_t i, bool retry, int64_t now, int64_t ran,
                  struct keeper_actions *actions)
{
    struct container *container = &core->containers[i];
    struct keeper_container *shown = &core->report.containers[i];
    if (again(core, shown->last.code, retry)) {
        int64_t delay = next_delay(core, container, ran);
        if (delay == 0 || WEAKENED(RESTART_BACKOFF)) {
            start(core, i, actions);
        } else {
            move(core, i, PHASE_BACKOFF);
            shown->restart_at_boot_ns = now + delay;
        }
    } else {
        move(core, i, PHASE_DONE);
        /* A pod that was stopped is not finished: after a reboot it runs again. */
        if (core->report.state == KEEPER_STOPPING)
            end_if_done(core);
        else if (all_done(core))
            act(actions, KEEPER_ACT_RECORD, i, 0);
    }
    act(actions, KEEPER_ACT_REPORT, 0, 0);
}

void keeper_core_start_failed(struct keeper_core *core, size_t i, int code, const char *reason,
                              const char *message, bool retry, int64_t now, int64_t wall,
                              struct keeper_actions *actions)
{
    struct keeper_exit *last = &core->report.containers[i].last;
    if (core->containers[i].phase != PHASE_STARTING)
        return;
    *last = (struct keeper_exit){
        .valid = true, .code = code, .started_wall_ns = wall, .finished_wall_ns = wall};
    copy_text(last->reason, sizeof(last->reason), reason);
    copy_text(last->message, sizeof(last->message), message);
    ended(core, i, retry, now, 0, actions);
}

void keeper_core_exited(struct keeper_core *core, size_t i, int status, bool oom, int64_t now,
                        int64_t wall, struct keeper_actions *actions)
{
    struct container *container = &core->containers[i];
    struct keeper_container *shown = &core->report.containers[i];
    if (container->phase != PHASE_RUNNING)
        return;
    struct keeper_exit last = {
        .valid = true, .started_wall_ns = shown->started_wall_ns, .finished_wall_ns = wall};
    if (WIFSIGNALED(status)) {
        last.signal = WTERMSIG(status);
        last.code = 128 + last.signal;
    } else {
        last.code = WEXITSTATUS(status);
    }
    last.oom = oom && last.code != 0;
    copy_text(last.reason, sizeof(last.reason),
              last.oom    ? "OOMKilled"
              : last.code ? "Error"
                          : "Completed");
    shown->last = last;
    ended(core, i, false, now, now - container->started, actions);
}

/* ---- time ---- */

int64_t keeper_core_next(const struct keeper_core *core)
{
    int64_t next = core->report.state == KEEPER_STOPPING ? core->kill_at : INT64_MAX;
    for (size_t i = 0; i < core->report.container_count; i++)
        if (core->containers[i].phase == PHASE_BACKOFF &&
            core->report.containers[i].restart_at_boot_ns < next)
            next = core->report.containers[i].restart_at_boot_ns;
    return next;
}

void keeper_core_tick(struct keeper_core *core, int64_t now, struct keeper_actions *actions)
{
    bool changed = false;
    for (size_t i = 0; i < core->report.container_count; i++)
        if (core->containers[i].phase == PHASE_BACKOFF &&
            core->report.containers[i].restart_at_boot_ns <= now) {
            start(core, i, actions);
            changed = true;
        }
    if (core->report.state == KEEPER_STOPPING && core->kill_at <= now) {
        core->kill_at = INT64_MAX;
        core->killed = true;
        for (size_t i = 0; i < core->report.container_count; i++)
            if (core->containers[i].phase == PHASE_RUNNING && !WEAKENED(STOP_KILL))
                act(actions, KEEPER_ACT_SIGNAL, i, SIGKILL);
    }
    if (changed)
        act(actions, KEEPER_ACT_REPORT, 0, 0);
}
