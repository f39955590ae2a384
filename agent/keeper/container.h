#pragma once
/* One container of a keeper, the doing half: its process, its pipes, its log. What happens is told
 * to the handler from the loop. */

#include "agent/keeper/exec_request.h"
#include "agent/keeper/sandbox.h"
#include "common/loop/loop.h"

#include <sys/types.h>

struct container;

struct container_handler {
    void (*started)(void *ctx, size_t i, pid_t pid);
    /* Its process has ended (reaped), or it never ran. */
    void (*failed)(void *ctx, size_t i, int code, const char *reason, const char *message,
                   bool retry);
    /* said: its last words (lastwords.h), borrowed; NULL: none. */
    void (*exited)(void *ctx, size_t i, int status, bool oom, const char *said);
};

/* All borrowed. */
struct container *container_new(struct loop *loop, const struct sandbox *sandbox, size_t i,
                                const struct container_handler *handler, void *ctx);
void container_free(struct container *container);
/* One more attempt. target: the process whose PID namespace it shares; 0: it gets its own; -1: that
 * process does not run, and the attempt fails. The answer comes from the loop, never from inside
 * the call; a failure is answered too. */
void container_start(struct container *container, pid_t target);
void container_signal(struct container *container, int signo); /* SIGKILL: all of it */
pid_t container_pid(const struct container *container);        /* 0: no process */
/* Attaches somebody (attaches.h) to its process; fds as in exec_request.h, owned. */
void container_attach(struct container *container, const struct exec_request *request,
                      const int *fds);
/* Takes what its process has said so far: it may have become another one. */
void container_listen(struct container *container);
/* The process that container_pid gave was reaped. */
void container_reaped(struct container *container, int status);
