#pragma once
/* Enrolment from the node's side: keys are made here, the token opens the PSK listener, the answer
 * is checked against what the token pins and stored. */

#include "common/bus/enroll.h"
#include "common/fs/disk.h"
#include "common/loop/loop.h"

struct join_spec {
    struct disk *disk;
    const char *identity_dir;
    const char *name; /* of the node */
    const struct enroll_token *token;
    const char *host; /* of the gateway's enrolment listener */
    int port;
    const char *run_dir; /* private folder for the TLS relay's socket */
    struct rng *rng;
};

struct join;
/* What is only unreachable is tried again by itself, without end. */
struct join_handler {
    /* Once, with code 0 (node is the new id), or a negative errno and why: -EACCES: the token is
     * refused. */
    void (*done)(void *ctx, int code, const char *node, const char *message);
    /* Each attempt that came to nothing, and why. May be NULL. */
    void (*waiting)(void *ctx, const char *message);
};
nodiscard int join_new(struct loop *loop, const struct join_spec *spec,
                       const struct join_handler *handler, void *ctx, struct join **ret,
                       struct err *err);
void join_free(struct join *join);
