#pragma once
/* Other programs in a keeper's containers, while they run: begun as the container's first one, told
 * of over a socket of each, ended with it. */

#include "agent/keeper/exec_request.h"
#include "agent/keeper/sandbox.h"
#include "common/loop/loop.h"

struct execs;

#define EXECS_MAX 128 /* at once, of all containers of the pod */

/* A lasting program of that attempt of container i has begun, or has ended. */
typedef void execs_hook_fn(void *ctx, size_t i, uint32_t attempt, bool runs);

/* All borrowed. */
struct execs *execs_new(struct loop *loop, const struct sandbox *sandbox, execs_hook_fn *hook,
                        void *ctx);
void execs_free(struct execs *execs); /* what runs still runs */
/* Begins one in that attempt of container i, whose first process is `target`. fds as in
 * exec_request.h, owned. A failure is told over the socket; one more than EXECS_MAX is one. */
void execs_start(struct execs *execs, const struct exec_request *request, size_t i,
                 uint32_t attempt, pid_t target, const int *fds);
/* A child was reaped: true if it was one of them. */
bool execs_reaped(struct execs *execs, pid_t pid, int status);
/* Everything of container i is about to end, or has. */
void execs_kill(struct execs *execs, size_t i);
