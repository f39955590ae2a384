#pragma once
/* Who is attached to one container: what it writes from now on is copied to them. Nothing is kept
 * for a reader beyond what its pipe holds and one piece more. Somebody at a terminal, or who types
 * into the container, is waited for, as a terminal does, but not for long when nothing is taken at
 * all; a service is never kept waiting by who looks at it: a reader that is too slow is cut off. */

#include "agent/keeper/exec_request.h"
#include "common/loop/loop.h"

struct attaches;

#define ATTACHES_MAX 8 /* at once, to one container */

struct attaches_handler {
    void (*drained)(void *ctx);    /* what was waited for is taken: read on */
    void (*stdin_left)(void *ctx); /* one that had stdin is gone */
};
/* patient: readers are waited for. */
struct attaches *attaches_new(struct loop *loop, bool patient,
                              const struct attaches_handler *handler, void *ctx);
void attaches_free(struct attaches *attaches);
/* One more. fds as in exec_request.h, owned; in: the container's stdin or its terminal, or -1;
 * borrowed; open: it may be typed into. A failure is told over the socket; one more than
 * ATTACHES_MAX is one. */
void attaches_add(struct attaches *attaches, const struct exec_request *request, const int *fds,
                  int in, bool open);
/* The container wrote on stream 1 or 2. */
void attaches_write(struct attaches *attaches, unsigned stream, const char *data, size_t len);
/* Somebody is waited for: nothing more may be written. */
bool attaches_waits(const struct attaches *attaches);
/* The container has ended, and with it all of them. */
void attaches_end(struct attaches *attaches);
