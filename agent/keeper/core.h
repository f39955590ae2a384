#pragma once
/* What a keeper decides: when containers start, in which order, are signalled, started again, are
 * done for good (agent/decisions/0006-order-in-the-keeper.md).
 * Pure: no system call and no clock; the keeper's executor and the simulator carry out the actions
 * and feed back what happened. Times are boot ns (`now`, for deciding) and wall ns (`wall`, for the
 * report).
 *
 * Restarts back off as Kubernetes does: the first at once, then backoff_min_ms, doubling to
 * backoff_max_ms; an attempt that ran for backoff_reset_ms starts over. */

#include "agent/keeper/report.h"
#include "agent/runtime/launch.h"
#include "common/base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum keeper_act {
    KEEPER_ACT_START,  /* start container; answer with keeper_core_started or _start_failed */
    KEEPER_ACT_SIGNAL, /* send `signal` to container's process; SIGKILL: to all of the container */
    KEEPER_ACT_RECORD, /* the pod has finished by itself: write the exit records and answer with
                          keeper_core_recorded. KEEPER_ENDED is reported only then, so that what the
                          agent passes on as finished is never run again; the exits are reported
                          before */
    KEEPER_ACT_REPORT, /* the report has changed */
};

struct keeper_action {
    enum keeper_act act;
    size_t container;
    int signal;
};

/* Appended to by every input below; at most this many an input. */
#define KEEPER_ACTIONS_MAX (3 * LAUNCH_MAX_CONTAINERS + 4)
struct keeper_actions {
    struct keeper_action list[KEEPER_ACTIONS_MAX];
    size_t count;
};

struct keeper_core;

/* `plan` is borrowed for the life of the core. keeper_pid, boot_id, wall: what the report says. */
struct keeper_core *keeper_core_new(const struct launch_plan *plan, const char *boot_id,
                                    pid_t keeper_pid, int64_t wall);
void keeper_core_free(struct keeper_core *core);

/* A container with pre_stop in its plan is told to stop, whoever ends it but for keeper_core_kill,
 * when it is marked with KEEPER_MARK_MAY_STOP, or this long before the grace is over. */
#define KEEPER_RELEASE_NS (2 * NS_PER_S)

/* The network is wired. Again, or when stopping: nothing. */
void keeper_core_go(struct keeper_core *core, int64_t now, struct keeper_actions *actions);
/* Also shortens the grace of a stop that is under way. */
void keeper_core_stop(struct keeper_core *core, int64_t grace_ns, int64_t now,
                      struct keeper_actions *actions);
/* When it is ended as failed, boot ns; seconds: for the report. */
void keeper_core_deadline(struct keeper_core *core, uint32_t seconds, int64_t at, int64_t now,
                          struct keeper_actions *actions);
/* The plan, which stands where it stood, has more containers of role LAUNCH_DEBUG at its end. */
void keeper_core_added(struct keeper_core *core, int64_t now, struct keeper_actions *actions);
/* Of the attempt of container i that had so many restarts before it; of another: nothing. */
void keeper_core_mark(struct keeper_core *core, size_t i, uint32_t attempt, uint32_t marks,
                      int64_t now, struct keeper_actions *actions);
/* A lasting program (exec_request.h) of that attempt runs, or has ended. */
void keeper_core_hook(struct keeper_core *core, size_t i, uint32_t attempt, bool runs, int64_t now,
                      struct keeper_actions *actions);
/* Ends that attempt, and only that, at once: its hook is the caller's; what follows is as after an
 * exit. A shorter grace overtakes. */
void keeper_core_kill(struct keeper_core *core, size_t i, uint32_t attempt, int64_t grace_ns,
                      int64_t now, struct keeper_actions *actions);
/* Ends the attempt of container i that runs, if one does, its hook first; the next starts when it
 * has ended, at once and whatever its restart policy. */
void keeper_core_renew(struct keeper_core *core, size_t i, int64_t grace_ns, int64_t now,
                       struct keeper_actions *actions);
/* It has not ended yet. */
bool keeper_core_renews(const struct keeper_core *core, size_t i);
/* For the report: what the control group of container i, or of the pod (SIZING_POD), has now, and
 * why one has not got what was asked for (sizing.h). */
void keeper_core_sized(struct keeper_core *core, size_t i, const struct keeper_size *size);
void keeper_core_misfit(struct keeper_core *core, const char *text);
/* The program of container i runs. */
void keeper_core_started(struct keeper_core *core, size_t i, pid_t pid, int64_t now, int64_t wall,
                         struct keeper_actions *actions);
/* It never came to run. retry: the fault is in the set-up, not in the program: tried again whatever
 * the restart policy says, and no restart is counted. message is cut to what a report holds. */
void keeper_core_start_failed(struct keeper_core *core, size_t i, int code, const char *reason,
                              const char *message, bool retry, int64_t now, int64_t wall,
                              struct keeper_actions *actions);
/* status as from waitpid(2); said: its last words, copied; NULL: none. */
void keeper_core_exited(struct keeper_core *core, size_t i, int status, bool oom, const char *said,
                        int64_t now, int64_t wall, struct keeper_actions *actions);
/* The exit records are on disk, or cannot be. */
void keeper_core_recorded(struct keeper_core *core, struct keeper_actions *actions);
/* When keeper_core_tick wants to be called; INT64_MAX: not. */
int64_t keeper_core_next(const struct keeper_core *core);
void keeper_core_tick(struct keeper_core *core, int64_t now, struct keeper_actions *actions);

const struct keeper_report *keeper_core_report(const struct keeper_core *core);
