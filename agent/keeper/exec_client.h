#pragma once
/* The asking end of one exec or attach (exec_request.h): beside a keeper's connection, or by one of
 * its own. */

#include "agent/keeper/exec_request.h"
#include "common/base/err.h"
#include "common/loop/loop.h"

struct exec_client;

struct exec_client_end {
    bool refused; /* it was never begun */
    /* refused: as of a shell (126, 127) if it is a fault of the program, else 0. Else of the
     * program, 128 + N after signal N. */
    int code;
    const char *message; /* refused, or cut off: why; "" */
};
struct exec_client_handler {
    /* It runs. fd: of its terminal, or the container's stdin (open: it may be written to), or -1:
     * the handler's. */
    void (*begun)(void *ctx, int fd, bool open);
    /* Over; from the loop. What it wrote may still be in the pipes. */
    void (*ended)(void *ctx, const struct exec_client_end *end);
};
/* Gives the keeper the encoded request and the descriptors. */
typedef int exec_client_ask_fn(void *ctx, const void *request, size_t len, const int *fds,
                               size_t count, struct err *err);
struct exec_client_spec {
    struct loop *loop;
    const struct exec_request *request; /* borrowed for the call */
    int ends[3]; /* what the other side has as stdin, stdout, stderr, where it wants them; borrowed
                  */
    exec_client_ask_fn *ask;
    void *ask_ctx;
    const struct exec_client_handler *handler;
    void *ctx;
};
nodiscard int exec_client_new(const struct exec_client_spec *spec, struct exec_client **ret,
                              struct err *err);
/* Nothing more is typed: what was given for that is closed. Of an attach. */
void exec_client_eof(struct exec_client *client);
/* Ends it, if it runs. */
void exec_client_free(struct exec_client *client);
/* An exec_client_ask_fn by a connection of its own, which the caller closes once it is begun or
 * over; ctx: this. */
struct exec_lone {
    const char *run_dir; /* of the pod */
    int socket;          /* -1 before */
};
nodiscard int exec_client_ask_alone(void *ctx, const void *request, size_t len, const int *fds,
                                    size_t count, struct err *err);
