#pragma once
/* Control groups, v2, v1 and hybrid, behind one set of verbs. A group is a relative path
 * ("limpet/a/pod1") that is made below every tree in use: the unified one if there is any
 * (cgroup.kill and CLONE_INTO_CGROUP work there on a hybrid host too), and each v1 tree with a
 * controller that is wanted. Nothing here waits longer than the kernel takes for one write. */

#include "agent/runtime/huge_pages.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CGROUP_MOUNT_MAX 64
#define CGROUP_PATH_MAX 1024
#define CGROUP_MAX_TREES 8

enum cgroup_controller {
    CGROUP_MEMORY = 1,
    CGROUP_CPU = 2,
    CGROUP_PIDS = 4,
    CGROUP_ALL = 7,
    CGROUP_FREEZER = 8, /* of v1, where there is no unified tree, which freezes by itself */
    CGROUP_IO = 16,     /* v1: blkio */
    CGROUP_HUGETLB = 32 /* where huge pages are set aside */
};

struct cgroup_tree {
    char mount[CGROUP_MOUNT_MAX];
    unsigned controllers; /* of those above */
    bool unified;
    char names[CGROUP_MOUNT_MAX]; /* v1: the mount's controllers as mounted, "cpu,cpuacct" */
};
struct cgroup_host {
    struct cgroup_tree trees[CGROUP_MAX_TREES];
    size_t count;
};

/* 0 = no limit. cpu_quota_us is for 100,000 us; cpu_shares in v1's words. */
struct cgroup_limits {
    int64_t memory_bytes, cpu_quota_us, cpu_shares, pids;
    int64_t huge[HUGE_SIZES]; /* bytes */
    int huge_bounded;         /* bit i: huge[i] is a limit, 0 too */
    bool dies_whole;          /* out of memory, none of it is left over (v2) */
};

/* Finds the trees of this mount namespace. A host without any is no error: count is 0. */
nodiscard int cgroup_detect(struct cgroup_host *ret, struct err *err);
/* The pure half: reads the text of /proc/self/mountinfo. Of the unified tree the controllers are
 * unknown. */
void cgroup_parse_mountinfo(const char *text, struct cgroup_host *ret);
/* Keeps of the unified tree's controllers those that the existing group `path` was delegated. */
void cgroup_narrow(struct cgroup_host *host, const char *path);
/* As a line of text, for a keeper: looking is the agent's, once. Caller frees. */
char *cgroup_print(const struct cgroup_host *host);
/* Reads such a line; -EINVAL. */
nodiscard int cgroup_scan(const char *text, struct cgroup_host *ret);
/* The controllers that this host does not have (bits of enum cgroup_controller): what a limit
 * cannot promise here. */
unsigned cgroup_missing(const struct cgroup_host *host);
/* "memory", "memory, pids", ...: for messages; "" for none. */
const char *cgroup_controller_names(unsigned controllers);

/* Makes the group and those above it, with their controllers enabled, and sets the limits that the
 * host can keep. An existing group is fine. */
nodiscard int cgroup_create(const struct cgroup_host *host, const char *path,
                            const struct cgroup_limits *limits, struct err *err);
/* Makes a group without limits of its own right below an existing one that has processes, or will:
 * on v2 such a group must not hand controllers down, or neither it nor its children can have
 * processes (kernel, cgroup-v2: "No Internal Process Constraint", "Threads"). */
nodiscard int cgroup_create_within(const struct cgroup_host *host, const char *path,
                                   struct err *err);
/* Sets the limits, those that are not 0, of a group that there is; one that is gone is success. */
nodiscard int cgroup_limit(const struct cgroup_host *host, const char *path,
                           const struct cgroup_limits *limits, struct err *err);
/* It is there, in every tree. */
bool cgroup_exists(const struct cgroup_host *host, const char *path);
/* The group's directory in the unified tree for CLONE_INTO_CGROUP; -ENOENT if there is no such
 * tree. */
nodiscard int cgroup_open_unified(const struct cgroup_host *host, const char *path);
/* The caller joins the v1 trees' groups, by itself (moving another process takes a lock that costs
 * 10 ms), and the unified one too if `unified` (at that price: only where CLONE_INTO_CGROUP was not
 * to be had). */
nodiscard int cgroup_join(const struct cgroup_host *host, const char *path, bool unified,
                          struct err *err);
/* Sends SIGKILL to all in the group and below; repeat until cgroup_populated says no. Missing is
 * success. */
int cgroup_kill(const struct cgroup_host *host, const char *path);
bool cgroup_populated(const struct cgroup_host *host, const char *path);
/* Removes the group and those below it from every tree. Missing is success; -EBUSY while a process,
 * zombies included, is in it. */
nodiscard int cgroup_remove(const struct cgroup_host *host, const char *path);
/* Removes the group and then those above it, as far as they are empty of processes and groups. */
void cgroup_prune(const struct cgroup_host *host, const char *path);
/* Stops everything in the group and below where it stands, or lets it go on. What is killed while
 * it is frozen dies: v1 lets it go for that. -ENOTSUP: this host cannot. */
nodiscard int cgroup_freeze(const struct cgroup_host *host, const char *path, bool frozen);
bool cgroup_is_frozen(const struct cgroup_host *host, const char *path);
/* Processes of the group that the kernel killed for lack of memory, so far; 0 where it is not
 * counted. */
uint64_t cgroup_oom_kills(const struct cgroup_host *host, const char *path);
/* What a group and those below it have used: CPU time since it was made, and memory as Kubernetes
 * counts it (the working set: without the page cache that could go at once). -1: not counted here.
 */
struct cgroup_usage {
    int64_t cpu_ns, memory_bytes;
};
void cgroup_usage(const struct cgroup_host *host, const char *path, struct cgroup_usage *ret);
/* Processes and threads of the group and those below it; -1: not counted here. */
int64_t cgroup_pids(const struct cgroup_host *host, const char *path);
/* The number behind `key` at the start of a line of `text` ("usage_usec 123"); -1 if there is none.
 */
int64_t cgroup_stat_find(const char *text, const char *key);
/* Calls fn for each group directly below `path`, in each tree: a name may come several times. */
void cgroup_list(const struct cgroup_host *host, const char *path,
                 void (*fn)(void *ctx, const char *name), void *ctx);

/* cpu.weight for v1's cpu.shares: 2-262144 to 1-10000, as every runtime converts them. */
int64_t cgroup_weight(int64_t shares);
