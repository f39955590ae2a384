#include "agent/keeper/core.h"
#include "agent/keeper/sizing.h"

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
    bool attempted;     /* and something was made: the next start is a restart */
    bool passed;        /* who comes after it may start */
    bool signalled;     /* this attempt was told to stop */
    bool renew;         /* and the next is to follow it at once */
    bool released;      /* it is not held back from the stop any more */
    int64_t started;    /* boot ns of the running attempt */
    int64_t next_delay; /* ns before the restart after the next exit */
    int64_t kill_at;    /* of this attempt; INT64_MAX: no kill is due */
};

struct keeper_core {
    const struct launch_plan *plan;
    struct keeper_report report;
    struct container *containers;
    bool ending;      /* nothing is started any more */
    bool finished;    /* it ends by itself: that is recorded */
    int64_t kill_at;  /* when ending; INT64_MAX: no kill is due */
    int64_t deadline; /* INT64_MAX: none */
    bool killed;      /* the grace is over */
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

/* Takes in the plan's containers from `first` on. */
static void add_containers(struct keeper_core *core, size_t first)
{
    struct keeper_report *report = &core->report;
    size_t count = core->plan->container_count;
    core->containers = xrealloc(core->containers, count * sizeof(*core->containers));
    report->containers = xrealloc(report->containers, count * sizeof(*report->containers));
    report->container_count = count;
    for (size_t i = first; i < count; i++) {
        const struct launch_container *plan = &core->plan->containers[i];
        core->containers[i] = (struct container){.kill_at = INT64_MAX};
        report->containers[i] =
            (struct keeper_container){.role = plan->role, .size = sizing_of(plan)};
        copy_text(report->containers[i].name, sizeof(report->containers[i].name), plan->name);
    }
}

struct keeper_core *keeper_core_new(const struct launch_plan *plan, const char *boot_id,
                                    pid_t keeper_pid, int64_t wall)
{
    struct keeper_core *core = xcalloc(1, sizeof(*core));
    struct keeper_report *report = &core->report;
    core->plan = plan;
    core->kill_at = core->deadline = INT64_MAX;
    add_containers(core, 0);
    report->keeper_pid = keeper_pid;
    report->started_wall_ns = wall;
    report->size = sizing_of_pod(plan);
    copy_text(report->pod_uid, sizeof(report->pod_uid), plan->pod_uid);
    copy_text(report->pod_ns, sizeof(report->pod_ns), plan->pod_ns);
    copy_text(report->pod_name, sizeof(report->pod_name), plan->pod_name);
    copy_text(report->spec_hash, sizeof(report->spec_hash), plan->spec_hash);
    copy_text(report->boot_id, sizeof(report->boot_id), boot_id);
    return core;
}

void keeper_core_free(struct keeper_core *core)
{
    if (!core)
        return;
    for (size_t i = 0; i < core->report.container_count; i++)
        free(core->report.containers[i].said);
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
    container->signalled = container->renew = container->released = false;
    container->kill_at = INT64_MAX;
    shown->state = phases[to].state;
    if (to != PHASE_RUNNING)
        shown->pid = 0;
    if (to != PHASE_BACKOFF)
        shown->restart_at_boot_ns = 0;
}

static enum launch_role role(const struct keeper_core *core, size_t i)
{
    return core->plan->containers[i].role;
}

static bool is_done(const struct keeper_core *core, size_t i)
{
    return core->containers[i].phase == PHASE_DONE;
}

/* Of any role in the set (bits). */
static bool all_done(const struct keeper_core *core, unsigned roles)
{
    for (size_t i = 0; i < core->report.container_count; i++)
        if ((roles & BIT(role(core, i))) && !is_done(core, i))
            return false;
    return true;
}

#define ROLES_ALL (~0U)
#define ROLES_MAIN BIT(LAUNCH_MAIN)
#define ROLES_SERVED (BIT(LAUNCH_MAIN) | BIT(LAUNCH_INIT)) /* sidecars are there for them */

static void start(struct keeper_core *core, size_t i, struct keeper_actions *actions)
{
    if (core->containers[i].attempted)
        core->report.containers[i].restarts++;
    core->containers[i].attempted = true;
    core->report.containers[i].marks = 0;
    move(core, i, PHASE_STARTING);
    act(actions, KEEPER_ACT_START, i, 0);
}

/* ---- the order ---- */

static void finish(struct keeper_core *core, int64_t now, struct keeper_actions *actions);
static void let_go(struct keeper_core *core, size_t i, struct keeper_actions *actions);
static void end_next(struct keeper_core *core, struct keeper_actions *actions);
static int64_t after(int64_t now, int64_t ns);

/* Whether who comes after container i may start. A sidecar that has come so far once is not waited
 * for again. */
static bool has_passed(struct keeper_core *core, size_t i)
{
    struct container *container = &core->containers[i];
    const struct launch_container *plan = &core->plan->containers[i];
    bool started = !plan->waits || (core->report.containers[i].marks & KEEPER_MARK_STARTED);
    if (plan->role == LAUNCH_SIDECAR)
        container->passed |= container->phase == PHASE_RUNNING && started;
    if (plan->role == LAUNCH_INIT)
        container->passed |= is_done(core, i) && core->report.containers[i].last.code == 0;
    return container->passed;
}

/* Starts who may start now: each init container and sidecar when all before it have passed, then
 * all others; debug containers at any time. */
static void advance(struct keeper_core *core, int64_t now, struct keeper_actions *actions)
{
    bool passed = true;
    if (core->ending || core->report.state != KEEPER_RUNNING)
        return;
    for (size_t i = 0; i < core->report.container_count; i++) {
        bool first = role(core, i) == LAUNCH_INIT || role(core, i) == LAUNCH_SIDECAR;
        bool may = passed || role(core, i) == LAUNCH_DEBUG || WEAKENED(INIT_ORDER);
        if (may && core->containers[i].phase == PHASE_IDLE)
            start(core, i, actions);
        if (first)
            passed = passed && has_passed(core, i);
    }
    if (passed && all_done(core, ROLES_MAIN))
        finish(core, now, actions);
}

/* Too late counts only for what has not ended. */
static void end_late(struct keeper_core *core, int64_t now, struct keeper_actions *actions)
{
    if (core->ending || core->report.state != KEEPER_RUNNING || core->deadline > now)
        return;
    copy_text(core->report.reason, sizeof(core->report.reason), "DeadlineExceeded");
    finish(core, now, actions);
    act(actions, KEEPER_ACT_REPORT, 0, 0);
}

void keeper_core_deadline(struct keeper_core *core, uint32_t seconds, int64_t at, int64_t now,
                          struct keeper_actions *actions)
{
    core->deadline = at;
    core->report.deadline_s = seconds;
    end_late(core, now, actions);
    act(actions, KEEPER_ACT_REPORT, 0, 0);
}

void keeper_core_go(struct keeper_core *core, int64_t now, struct keeper_actions *actions)
{
    if (core->report.state != KEEPER_SANDBOX)
        return;
    move_pod(core, KEEPER_RUNNING);
    end_late(core, now, actions);
    advance(core, now, actions);
    act(actions, KEEPER_ACT_REPORT, 0, 0);
}

void keeper_core_added(struct keeper_core *core, int64_t now, struct keeper_actions *actions)
{
    size_t first = core->report.container_count;
    add_containers(core, first);
    for (size_t i = first; core->ending && i < core->report.container_count; i++)
        move(core, i, PHASE_DONE);
    advance(core, now, actions);
    act(actions, KEEPER_ACT_REPORT, 0, 0);
}

static bool is_attempt(const struct keeper_core *core, size_t i, uint32_t attempt)
{
    return i < core->report.container_count && core->report.containers[i].restarts == attempt;
}

static void set_marks(struct keeper_core *core, size_t i, uint32_t marks, int64_t now,
                      struct keeper_actions *actions)
{
    if (core->report.containers[i].marks == marks)
        return;
    core->report.containers[i].marks = marks;
    advance(core, now, actions);
    let_go(core, i, actions);
    act(actions, KEEPER_ACT_REPORT, 0, 0);
}

void keeper_core_mark(struct keeper_core *core, size_t i, uint32_t attempt, uint32_t marks,
                      int64_t now, struct keeper_actions *actions)
{
    const uint32_t ours = KEEPER_MARK_ENDING | KEEPER_MARK_HOOK;
    if (!is_attempt(core, i, attempt))
        return;
    /* Once set, it stays: an agent that says its marks may not have heard yet that a hook ended. */
    uint32_t kept = core->report.containers[i].marks & (ours | KEEPER_MARK_MAY_STOP);
    set_marks(core, i, (marks & ~ours) | kept, now, actions);
}

void keeper_core_hook(struct keeper_core *core, size_t i, uint32_t attempt, bool runs, int64_t now,
                      struct keeper_actions *actions)
{
    if (!is_attempt(core, i, attempt))
        return;
    uint32_t marks = core->report.containers[i].marks;
    set_marks(core, i,
              runs ? marks | KEEPER_MARK_HOOK : (marks & ~KEEPER_MARK_HOOK) | KEEPER_MARK_MAY_STOP,
              now, actions);
}

/* ---- ending ---- */

static int64_t after(int64_t now, int64_t ns)
{
    int64_t at;
    return ns < 0 ? now : __builtin_add_overflow(now, ns, &at) ? INT64_MAX : at;
}

static void end_if_done(struct keeper_core *core)
{
    if (core->report.state == KEEPER_ENDED || !all_done(core, ROLES_ALL))
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

static bool has_hook(const struct keeper_core *core, size_t i)
{
    return core->plan->containers[i].pre_stop && !is_done(core, i) &&
           !(core->report.containers[i].marks & KEEPER_MARK_MAY_STOP);
}

/* Before it is told to stop there is something to do, which the agent does. */
static bool is_held(const struct keeper_core *core, size_t i)
{
    return (core->ending || core->containers[i].renew) && has_hook(core, i) &&
           !core->containers[i].released && !core->killed && !WEAKENED(PRE_STOP_FIRST);
}

/* What the agent adds to the grace of a stop, we add to the end that nobody asked for. */
static int64_t time_for(const struct keeper_core *core, size_t i, int64_t grace_ns)
{
    return grace_ns > 0 && has_hook(core, i) ? grace_ns + KEEPER_RELEASE_NS : grace_ns;
}

static void signal_once(struct keeper_core *core, size_t i, struct keeper_actions *actions)
{
    struct container *container = &core->containers[i];
    if (container->phase != PHASE_RUNNING || container->signalled || is_held(core, i))
        return;
    container->signalled = true;
    act(actions, KEEPER_ACT_SIGNAL, i, core->killed ? SIGKILL : stop_signal(core, i));
}

/* Tells those to stop whose turn it is: all but sidecars at once, then these from the last to the
 * first, each when all after it are gone. When nothing is left, that is the end. */
static void end_next(struct keeper_core *core, struct keeper_actions *actions)
{
    bool served = !all_done(core, ROLES_SERVED) && !WEAKENED(SIDECARS_LAST);
    for (size_t i = core->report.container_count; i-- > 0;) {
        bool is_sidecar = role(core, i) == LAUNCH_SIDECAR;
        if (is_sidecar && served && !core->killed)
            continue;
        signal_once(core, i, actions);
        served |= is_sidecar && !is_done(core, i);
    }
    if (!all_done(core, ROLES_ALL))
        return;
    /* A pod that was stopped is not finished: after a reboot it runs again. */
    if (core->finished)
        act(actions, KEEPER_ACT_RECORD, 0, 0);
    else
        end_if_done(core);
}

/* Whoever was held back is told to stop as soon as it is its turn. */
static void let_go(struct keeper_core *core, size_t i, struct keeper_actions *actions)
{
    if (core->ending && core->containers[i].phase == PHASE_RUNNING)
        end_next(core, actions);
    else if (core->containers[i].renew)
        signal_once(core, i, actions);
}

static void begin_end(struct keeper_core *core, int64_t kill_at, struct keeper_actions *actions)
{
    core->ending = true;
    core->kill_at = kill_at;
    for (size_t i = 0; i < core->report.container_count; i++) {
        if (core->containers[i].phase == PHASE_IDLE || core->containers[i].phase == PHASE_BACKOFF)
            move(core, i, PHASE_DONE);
        else if (!is_done(core, i))
            core->report.containers[i].marks |= KEEPER_MARK_ENDING;
    }
    end_next(core, actions);
}

/* By itself, with the grace of its plan. */
static void finish(struct keeper_core *core, int64_t now, struct keeper_actions *actions)
{
    int64_t grace_ns = core->plan->grace_s * NS_PER_S, most = grace_ns;
    for (size_t i = 0; i < core->report.container_count; i++)
        if (time_for(core, i, grace_ns) > most)
            most = time_for(core, i, grace_ns);
    core->finished = true;
    begin_end(core, after(now, most), actions);
}

void keeper_core_stop(struct keeper_core *core, int64_t grace_ns, int64_t now,
                      struct keeper_actions *actions)
{
    int64_t kill_at = after(now, grace_ns);
    if (core->report.state == KEEPER_ENDED)
        return;
    if (core->report.state == KEEPER_RUNNING)
        move_pod(core, KEEPER_STOPPING);
    if (!core->ending)
        begin_end(core, kill_at, actions);
    else if (kill_at < core->kill_at)
        core->kill_at = kill_at;
    act(actions, KEEPER_ACT_REPORT, 0, 0);
    if (core->report.state != KEEPER_ENDED)
        keeper_core_tick(core, now, actions);
}

static void end_attempt(struct keeper_core *core, size_t i, int64_t grace_ns, int64_t now,
                        struct keeper_actions *actions)
{
    int64_t kill_at = after(now, grace_ns);
    if (kill_at < core->containers[i].kill_at)
        core->containers[i].kill_at = kill_at;
    signal_once(core, i, actions);
    keeper_core_tick(core, now, actions);
}

void keeper_core_kill(struct keeper_core *core, size_t i, uint32_t attempt, int64_t grace_ns,
                      int64_t now, struct keeper_actions *actions)
{
    if (core->ending || !is_attempt(core, i, attempt) || core->containers[i].phase != PHASE_RUNNING)
        return;
    core->containers[i].released = true; /* whoever asks has done what there was to do */
    end_attempt(core, i, grace_ns, now, actions);
}

void keeper_core_renew(struct keeper_core *core, size_t i, int64_t grace_ns, int64_t now,
                       struct keeper_actions *actions)
{
    if (core->ending || core->containers[i].phase != PHASE_RUNNING)
        return;
    core->containers[i].renew = true;
    core->report.containers[i].marks |= KEEPER_MARK_ENDING;
    end_attempt(core, i, time_for(core, i, grace_ns), now, actions);
    act(actions, KEEPER_ACT_REPORT, 0, 0);
}

bool keeper_core_renews(const struct keeper_core *core, size_t i)
{
    return core->containers[i].renew;
}

void keeper_core_sized(struct keeper_core *core, size_t i, const struct keeper_size *size)
{
    if (i == SIZING_POD)
        core->report.size = *size;
    else
        core->report.containers[i].size = *size;
}

void keeper_core_misfit(struct keeper_core *core, const char *text)
{
    copy_text(core->report.misfit, sizeof(core->report.misfit), text);
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
    if (core->ending)
        end_next(core, actions);
    advance(core, now, actions);
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

static bool again(const struct keeper_core *core, size_t i, int code, bool retry)
{
    if (core->ending)
        return false;
    switch (core->plan->containers[i].restart) {
    case LAUNCH_RESTART_ALWAYS:
        return true;
    case LAUNCH_RESTART_ON_FAILURE:
        return code != 0 || retry;
    case LAUNCH_RESTART_NEVER:
        break;
    }
    return retry;
}

/* A container has ended for good. */
static void done(struct keeper_core *core, size_t i, int64_t now, struct keeper_actions *actions)
{
    move(core, i, PHASE_DONE);
    if (core->ending) {
        end_next(core, actions);
    } else if (role(core, i) == LAUNCH_INIT && !has_passed(core, i)) {
        finish(core, now, actions); /* and so has the pod, which has failed */
    } else {
        advance(core, now, actions);
    }
}

static void ended(struct keeper_core *core, size_t i, bool retry, int64_t now, int64_t ran,
                  struct keeper_actions *actions)
{
    struct container *container = &core->containers[i];
    struct keeper_container *shown = &core->report.containers[i];
    if (container->renew && !core->ending) {
        start(core, i, actions);
    } else if (!again(core, i, shown->last.code, retry)) {
        done(core, i, now, actions);
    } else {
        int64_t delay = next_delay(core, container, ran);
        if (delay == 0 || WEAKENED(RESTART_BACKOFF)) {
            start(core, i, actions);
        } else {
            move(core, i, PHASE_BACKOFF);
            shown->restart_at_boot_ns = now + delay;
        }
    }
    act(actions, KEEPER_ACT_REPORT, 0, 0);
}

static void set_said(struct keeper_container *shown, const char *said)
{
    free(shown->said);
    shown->said = said ? xstrdup(said) : NULL;
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
    set_said(&core->report.containers[i], NULL);
    core->containers[i].attempted = !retry;
    ended(core, i, retry, now, 0, actions);
}

void keeper_core_exited(struct keeper_core *core, size_t i, int status, bool oom, const char *said,
                        int64_t now, int64_t wall, struct keeper_actions *actions)
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
    set_said(shown, said);
    ended(core, i, false, now, now - container->started, actions);
}

/* ---- time ---- */

/* When container i, which is held back, is told to stop all the same: an agent that is dead does
 * not cost it its signal. INT64_MAX: it is not. */
static int64_t release_at(const struct keeper_core *core, size_t i)
{
    int64_t kill_at = core->ending ? core->kill_at : core->containers[i].kill_at;
    bool waits = core->containers[i].phase == PHASE_RUNNING && is_held(core, i);
    return waits && kill_at != INT64_MAX ? kill_at - KEEPER_RELEASE_NS : INT64_MAX;
}

int64_t keeper_core_next(const struct keeper_core *core)
{
    bool running = core->report.state == KEEPER_RUNNING;
    int64_t next = core->ending ? core->kill_at : running ? core->deadline : INT64_MAX;
    for (size_t i = 0; i < core->report.container_count; i++) {
        const struct container *container = &core->containers[i];
        int64_t at = container->phase == PHASE_BACKOFF
                         ? core->report.containers[i].restart_at_boot_ns
                         : container->kill_at;
        int64_t release = release_at(core, i);
        if (release < at)
            at = release;
        if (at < next)
            next = at;
    }
    return next;
}

/* The grace is over, of the pod or of one container. */
static void kill_due(struct keeper_core *core, int64_t now, struct keeper_actions *actions)
{
    bool all = core->ending && core->kill_at <= now;
    if (all) {
        core->kill_at = INT64_MAX;
        core->killed = true;
    }
    for (size_t i = 0; i < core->report.container_count; i++) {
        struct container *container = &core->containers[i];
        if (container->phase != PHASE_RUNNING || (!all && container->kill_at > now))
            continue;
        container->kill_at = INT64_MAX;
        container->signalled = true;
        if (!WEAKENED(STOP_KILL))
            act(actions, KEEPER_ACT_SIGNAL, i, SIGKILL);
    }
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
    end_late(core, now, actions);
    for (size_t i = 0; i < core->report.container_count; i++)
        if (release_at(core, i) <= now) {
            core->containers[i].released = true;
            let_go(core, i, actions);
        }
    kill_due(core, now, actions);
    if (changed)
        act(actions, KEEPER_ACT_REPORT, 0, 0);
}
