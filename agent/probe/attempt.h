#pragma once
/* One attempt of a probe, or one run of a hook: whatever of exec, httpGet, tcpSocket, grpc and
 * sleep its handler names. On the loop and without blocking; no thread, and a process for exec
 * alone (and for a `host` that is a name: it is looked up by one). What comes from the other side
 * is an attack until parsed: it is bounded in time by the timeout, in bytes by each type. */

#include "agent/keeper/exec_client.h"
#include "agent/probe/probe.h"
#include "common/loop/loop.h"

struct attempt;

/* Once, from the loop, never from inside attempt_new; the attempt is freed here or later. message:
 * in the words of the kubelet, UTF-8, at most ATTEMPT_TEXT_MAX bytes; borrowed. */
typedef void attempt_fn(void *ctx, enum probe_outcome outcome, const char *message);
#define ATTEMPT_TEXT_MAX 900

struct attempt_spec {
    struct loop *loop;
    const struct value *handler;   /* a Probe or LifecycleHandler; copied */
    const struct value *container; /* whose name it is and whose ports have names; for the call */
    uint32_t container_attempt;    /* a program is begun in this attempt of it, and no other */
    const char *address;           /* the pod's, "" if it has none yet; copied */
    int64_t timeout_ns;            /* 0: none */
    bool
        lasting; /* an exec goes on when it is broken off, and nothing is heard of what it writes */
    bool hook;   /* any answer by HTTP will do, and an exec's timeout is the caller's affair */
    /* Gives the keeper a request for the container (exec_client.h): called from the loop, once. */
    exec_client_ask_fn *ask;
    void *ask_ctx;
    attempt_fn *done;
    void *ctx;
};
struct attempt *attempt_new(const struct attempt_spec *spec);
void attempt_free(struct attempt *attempt); /* breaks it off; a program of it is killed */
