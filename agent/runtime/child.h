#pragma once
/* A container's process from clone to exec. Everything that can fail is told to the keeper through
 * a socket, which closes by itself when the program starts. */

#include "agent/runtime/cgroup.h"
#include "agent/runtime/launch.h"
#include "agent/runtime/userns.h"

#include <signal.h>
#include <stdint.h>

enum child_stage {
    CHILD_SETUP,  /* namespaces, mounts, limits: reason StartError, exit code 128 */
    CHILD_CONFIG, /* the user: CreateContainerConfigError, 128 */
    CHILD_EXEC,   /* the program: ContainerCannotRun, 127 if it is not there, else 126 */
};

/* What comes over the socket, whole: first, with a terminal, one message of stage -1 that carries
 * the keeper's side of it as a descriptor; then either the end of the file (the program runs) or a
 * failure. */
#define CHILD_TERMINAL (-1)
/* Of a pod with a user namespace, once and first: the container is not this process but another
 * child of the keeper's, error is its id. This one ends. */
#define CHILD_MOVED (-2)
struct child_message {
    int32_t stage;
    int32_t error; /* errno; CHILD_MOVED: a process */
    char text[192];
};

struct child_spec {
    const struct launch_plan *plan;
    const struct launch_container *container;
    const struct cgroup_host *cgroups;
    const char *cgroup;          /* of the container */
    bool join_unified;           /* it was not cloned into it */
    const char *dir;             /* for its writable layer; of this attempt alone */
    const char *shm;             /* the pod's /dev/shm on the host, or NULL */
    int report;                  /* the socket */
    int in, out, err;            /* its stdio without a terminal */
    const struct userns *userns; /* the pod's; NULL: the host's */
    bool own_pids; /* with a user namespace: it was not forked into a PID namespace, and gets its
                      own */
    const sigset_t *ignored; /* by the caller, which the container does not inherit; NULL: none */
    /* Of child_enter alone. */
    pid_t target;            /* the container's first process, not reaped yet */
    const char *const *argv; /* instead of the container's */
    bool tty;                /* a terminal of its own */
};

/* Called in the child of sys_fork(NEWPID | NEWNS ...). Never returns. */
_Noreturn void child_run(const struct child_spec *spec);
/* Another program in a container that runs, as its first one but for argv: the same namespaces,
 * root, control group, user, capabilities, filter, environment, working directory. Called in a
 * child that was forked into the container's PID namespace and is not dumpable, so that nobody in
 * the container can look at what it has open before its exec (CVE-2016-9962, CVE-2019-5736). */
_Noreturn void child_enter(const struct child_spec *spec);
