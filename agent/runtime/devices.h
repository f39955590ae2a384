#pragma once
/* A container's /dev: a tmpfs of its own on which device nodes made by the container (it may have
 * CAP_MKNOD) are dead, with the few that everybody needs. */

#include "agent/runtime/launch.h"
#include "agent/runtime/userns.h"
#include "common/base/err.h"

struct devices {
    int null; /* our own /dev/null, known to be 1:3: what masked files are covered with */
    int tty;  /* with a terminal: its container side, else -1 */
    int ptmx; /* with a terminal: its keeper side, else -1 */
};

/* What is the pod's. */
struct devices_pod {
    const char *shm;   /* a host directory that its containers share as /dev/shm, or NULL for one of
                          each's own */
    const char *label; /* of SELinux, of /dev/mqueue; NULL: as that has it */
    const struct userns *userns; /* whose ids terminals have; NULL: the host's */
};
/* The descriptors stay open until exec. */
nodiscard int devices_make(int root_fd, const struct launch_container *container,
                           const struct devices_pod *pod, struct devices *ret, struct err *err);
/* Our own /dev/null of a root that devices_make filled, once more; a negative errno. */
nodiscard int devices_open_null(int root_fd);
