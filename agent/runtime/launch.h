#pragma once
/* The launch plan: everything a keeper needs to make a pod's sandbox and to start, restart and stop
 * its containers, compiled once by the agent into bytes. The keeper replays it with system calls
 * only: it reads no YAML, no JSON, no image. Versioned: a keeper of an older release keeps the plan
 * it was given. */

#include "agent/runtime/huge_pages.h"
#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAUNCH_VERSION 6
#define LAUNCH_MAX_BYTES (4 * 1024 * 1024)
#define LAUNCH_MAX_CONTAINERS 64

enum launch_restart { LAUNCH_RESTART_ALWAYS, LAUNCH_RESTART_ON_FAILURE, LAUNCH_RESTART_NEVER };

/* When a container runs. In a plan all INITs and SIDECARs stand before the MAINs, in the order in
 * which they start; DEBUGs come last. */
enum launch_role {
    LAUNCH_MAIN,
    LAUNCH_INIT,    /* to its end, before those after it start */
    LAUNCH_SIDECAR, /* an init container that goes on running; ended after the MAINs */
    LAUNCH_DEBUG,   /* an ephemeral container */
};

/* One mount inside a container, in order. The target is resolved inside the container's root and
 * never outside it (openat2 RESOLVE_IN_ROOT); it is created if missing. */
enum launch_mount_type {
    LAUNCH_MOUNT_BIND,  /* source: a host path (file or directory), opened by the keeper without
                           following  symbolic links in its last component */
    LAUNCH_MOUNT_TMPFS, /* options: "size=...,mode=..." */
};
/* Whether mounts that are made later on one side are seen on the other. */
enum launch_propagation {
    LAUNCH_PROPAGATION_PRIVATE, /* no */
    LAUNCH_PROPAGATION_SLAVE,   /* the host's are seen in the container */
    LAUNCH_PROPAGATION_SHARED,  /* and the container's on the host */
};
/* Whether read_only holds for what is mounted below as well: on a kernel that can (5.12), or not to
 * start at all. */
enum launch_read_only_below {
    LAUNCH_READ_ONLY_TOP,
    LAUNCH_READ_ONLY_IF_POSSIBLE,
    LAUNCH_READ_ONLY_BELOW,
};
struct launch_mount {
    enum launch_mount_type type;
    const char *source;
    const char *target;
    const char *options;  /* tmpfs data; NULL */
    const char *sub_path; /* bind: below source, resolved inside it; NULL */
    bool make_sub_path;   /* where nothing is: a directory with the mode of the source */
    bool read_only;
    bool recursive; /* rbind */
    enum launch_read_only_below read_only_below;
    enum launch_propagation propagation;
};

struct launch_container {
    const char *name;
    enum launch_role role;
    enum launch_restart restart;
    bool waits; /* of a SIDECAR: those after it start when the agent has marked it as started; else
                   when it runs */
    bool pre_stop; /* there is something to do before it is told to stop: the agent does it, and
                      marks it then */
    const char *target; /* of a DEBUG: the container whose processes it shares; NULL */
    /* Root file system: overlay of the layers (lowest first), an upper directory of this attempt's
     * own below `state_dir`. */
    const char *const *layers; /* NULL-terminated host paths */
    bool read_only_root;
    const char *const
        *argv; /* NULL-terminated; argv[0] is looked up in the container's PATH if it has no '/' */
    const char *const *env; /* NULL-terminated "K=V" */
    const char *cwd;        /* created if missing */
    /* User as in image and manifest, resolved inside the container's own /etc/passwd and /etc/group
     * by the child when not numeric: "", "1000", "1000:1000", "app", "app:staff". */
    const char *user;
    bool run_as_non_root;   /* refuse uid 0 (reason CreateContainerConfigError) */
    const uint32_t *groups; /* supplementary */
    size_t group_count;
    bool strict_groups;    /* no others: not those of the image's /etc/group */
    uint64_t capabilities; /* bit mask: bounding, permitted, effective (when uid 0); inheritable and
                              ambient are empty */
    bool privileged;
    bool unmasked; /* all of /proc and /sys; only with user_base */
    bool no_new_privs;
    const char *apparmor;      /* the profile that it runs under; NULL: its parent's */
    const char *selinux;       /* the label that it runs under; NULL: its parent's */
    const char *selinux_files; /* and that of its root and of what is mounted in it alone; NULL: as
                                  their file systems have it */
    const void *seccomp;       /* struct sock_filter array, or NULL = unconfined */
    size_t seccomp_len;        /* bytes */
    const struct launch_mount *mounts;
    size_t mount_count;
    /* Limits; 0 = none. */
    int64_t memory_bytes;
    int64_t cpu_quota_us; /* per 100,000 us */
    int64_t cpu_shares;   /* 2-262144, v1 words; converted for v2 */
    int64_t pids;
    int64_t huge[HUGE_SIZES]; /* as in struct cgroup_limits */
    int huge_bounded;
    bool tty, stdin_open;
    bool stdin_once;       /* the first who was attached with it has closed it */
    const char *log_path;  /* host path of the current log file */
    int64_t log_max_bytes; /* rotation */
    int log_max_files;
    int stop_signal; /* 0 = SIGTERM */
    /* Where it finds a file, of each attempt alone, that it may leave last words in; NULL: nowhere.
     */
    const char *message_path;
    bool message_log; /* of one that failed and left none, the end of its log is taken */
    int oom_score_adj;
};

struct launch_plan {
    const char *pod_uid;
    const char *pod_ns, *pod_name;
    const char *spec_hash; /* of the manifest it was compiled from: adoption compares it */
    const char *hostname;
    const char
        *state_dir;      /* host path, of this pod alone: uppers, exit records; survives a reboot */
    const char *run_dir; /* host path on tmpfs, of this pod alone: socket, pid file */
    const char
        *cgroup; /* path of the pod below every controller's mount, e.g. "limpet/<inst>/pod<uid>" */
    bool host_network, host_pid, host_ipc;
    int64_t user_base; /* the pod has a user namespace: its ids 0 to 65535 are these of the host and
                          those that follow; 0: none */
    bool share_pids;   /* its containers see each other's processes; not with host_pid */
    const char *const *sysctls; /* "name=value"; NULL-terminated; may be NULL */
    const char *selinux_files; /* the label of /dev/shm and /dev/mqueue, which its containers share;
                                  NULL: as their file systems have it */
    int64_t grace_s;
    int64_t backoff_min_ms, backoff_max_ms, backoff_reset_ms; /* 10 s, 5 min, 10 min */
    int64_t memory_bytes, cpu_quota_us, cpu_shares, pids;     /* of the whole pod; 0 = none */
    int64_t huge[HUGE_SIZES];
    int huge_bounded;
    const struct launch_container *containers;
    size_t container_count;
};

/* Compiles. -EINVAL with the field named, -E2BIG. */
nodiscard int launch_encode(const struct launch_plan *plan, struct buf *ret, struct err *err);
/* Checks every bound; the result points into `bytes` and one block of its own. Free with
 * launch_free. */
nodiscard int launch_decode(const void *bytes, size_t len, struct launch_plan **ret,
                            struct err *err);
void launch_free(struct launch_plan *plan);
