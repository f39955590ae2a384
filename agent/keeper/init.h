#pragma once
/* The first process of a PID namespace that a pod's containers share: it is there, and takes in
 * those whose parents have ended. It sees no file and has none open, so that a container that may
 * look into other processes (CAP_SYS_PTRACE) finds nothing of the host's through it. */

#include "agent/runtime/userns.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct init {
    pid_t pid; /* 0: there is none */
    int life;  /* what it sees our end by */
};

void init_init(struct init *init);
/* If there is none; dir: a directory, for the moment of its start; userns: who owns the namespace,
 * NULL: the host. It ends with us. */
nodiscard int init_start(struct init *init, const char *dir, const struct userns *userns,
                         struct err *err);
/* A child was reaped: true if it was that. */
bool init_reaped(struct init *init, pid_t pid);
void init_done(struct init *init); /* ends it */
