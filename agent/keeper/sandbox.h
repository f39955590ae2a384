#pragma once
/* What a pod's containers share and its keeper holds: the run folder with its lock, namespaces, the
 * pod's control group, /dev/shm. */

#include "agent/runtime/cgroup.h"
#include "agent/runtime/launch.h"
#include "agent/runtime/userns.h"
#include "common/base/err.h"

struct sandbox {
    const struct launch_plan *plan; /* may grow: plans.h */
    struct cgroup_host cgroups;
    struct userns userns; /* fd -1: the host's */
    int lock_fd;    /* keeper.pid, locked for as long as the keeper lives: what says that it does */
    bool one_group; /* a pod of one container needs one group, not two in each tree: half the work
                       of its start. Containers that are added have groups below it, without limits.
                       Not where a container is ended by its group */
    char *shm;      /* the shared /dev/shm on the host side; NULL with one container at first */
};

/* Everything up to the namespaces. -EBUSY: the pod has a keeper already. On failure, what was made
 * is removed by sandbox_remove. */
nodiscard int sandbox_make(const struct launch_plan *plan, const char *cgroups, struct sandbox *ret,
                           struct err *err);
void sandbox_done(struct sandbox *sandbox);
/* Writes pidfile.h's text anew, over what is there: when the plan has grown it begins the same, and
 * is not whole before its end. */
nodiscard int sandbox_write_pidfile(const struct sandbox *sandbox);
/* The group of container i, made before its first start. */
nodiscard int sandbox_make_container(const struct sandbox *sandbox, size_t i, struct err *err);
/* Before each start: makes the group again, with its limits and those of the pod, if somebody has
 * taken it away meanwhile. 1: made anew; 0: it was there. */
nodiscard int sandbox_restore_container(const struct sandbox *sandbox, size_t i, struct err *err);
/* "<pod's group>/c<i>", or with one container the pod's own. Caller frees. */
char *sandbox_container_cgroup(const struct sandbox *sandbox, size_t i);
/* Of attempt n of container i. Caller frees. */
char *sandbox_attempt_dir(const struct sandbox *sandbox, size_t i, unsigned n);
/* Removes the control groups: -EBUSY while something is in them. */
nodiscard int sandbox_remove_cgroups(const struct sandbox *sandbox);
/* Removes the writable layers and the run folder: the last act. */
void sandbox_remove_files(const struct sandbox *sandbox);
/* The pod's user namespace; NULL: the host's. */
const struct userns *sandbox_userns(const struct sandbox *sandbox);
