#pragma once
/* What a keeper tells of its pod: the observed half of the agent's plan. A value type. */

#include "agent/runtime/launch.h"

#include <stdbool.h>
#include <stdint.h>

enum keeper_pod_state {
    KEEPER_SANDBOX,  /* namespaces and cgroup exist; waits for `start` (the agent wires the network
                        first) */
    KEEPER_RUNNING,  /* start was given; containers come and go */
    KEEPER_STOPPING, /* stop was asked */
    KEEPER_ENDED,    /* no container runs and none will be started again */
};

enum keeper_container_state {
    KEEPER_WAITING, /* never started yet, or in backoff (restart_at_boot_ns) */
    KEEPER_STARTED,
    KEEPER_TERMINATED, /* for good */
};

struct keeper_exit {
    bool valid;
    int code;   /* exit code, 128 + signal when killed */
    int signal; /* 0 */
    bool oom;   /* OOMKilled */
    int64_t started_wall_ns, finished_wall_ns;
    char reason[32];   /* Completed, Error, OOMKilled, ContainerCannotRun, StartError,
                          DeadlineExceeded */
    char message[192]; /* e.g. `exec: "/nope": no such file or directory` */
};

/* Of the marks that an agent sets, one that the keeper acts on: the container has started, by
 * its startup probe and its hook, so that who waits for it goes on. */
#define KEEPER_MARK_STARTED 1U
/* Another: what was to be done before it is told to stop is done (launch.h: pre_stop). Nobody takes
 * it away from the attempt. */
#define KEEPER_MARK_MAY_STOP 2U
/* One that the keeper sets itself: the attempt is to end, as one of a pod that ends by itself or to
 * start anew, and what is to be done before that is due. No agent takes it away. */
#define KEEPER_MARK_ENDING (1U << 16)
/* And another: a program that was begun as lasting (exec_request.h) runs. When it has ended,
 * KEEPER_MARK_MAY_STOP stands there. */
#define KEEPER_MARK_HOOK (1U << 17)

/* Cpu and memory of a control group, in the words of launch.h; 0: no limit. */
struct keeper_size {
    int64_t memory_bytes, cpu_quota_us, cpu_shares;
};

struct keeper_container {
    char name[64];
    enum launch_role role; /* of a keeper before protocol 3: LAUNCH_MAIN */
    enum keeper_container_state state;
    uint32_t restarts;          /* also the number of the attempt that runs, or was the last */
    int64_t started_wall_ns;    /* of the running attempt */
    int64_t restart_at_boot_ns; /* in backoff: when; else 0 */
    pid_t pid;                  /* 0 when not running; in the agent's pid namespace */
    struct keeper_exit last;    /* the last exit, if any */
    char *said;                 /* its last words at that exit; owned, may be NULL */
    uint32_t marks;             /* the agent's, of this attempt; 0 in each new one */
    struct keeper_size size;    /* that its control group has now */
};

struct keeper_report {
    char pod_uid[64];
    char pod_ns[64], pod_name[254];
    char spec_hash[72];
    char boot_id[40]; /* of the boot in which the keeper was started */
    enum keeper_pod_state state;
    pid_t keeper_pid;
    int64_t started_wall_ns;
    uint32_t deadline_s;     /* its activeDeadlineSeconds, as it was told; 0: none */
    struct keeper_size size; /* that its control group has now */
    char misfit[160];        /* why one of them has not got the size that was asked for yet; "" */
    char reason[32]; /* why it ends as failed whatever its containers say: DeadlineExceeded; "" */
    size_t container_count;
    struct keeper_container
        *containers; /* borrowed with the report, or owned: keeper_report_free */
};

struct keeper_report *keeper_report_copy(const struct keeper_report *report);
void keeper_report_free(struct keeper_report *report);
nodiscard int keeper_report_encode(const struct keeper_report *report, struct buf *ret);
nodiscard int keeper_report_decode(const void *bytes, size_t len, struct keeper_report **ret,
                                   struct err *err);
