#pragma once
/* A type of attempt, for the files of this folder: the field of a handler that asks for it. */

#include "agent/probe/attempt.h"

struct attempt_type {
    const char *field;
    /* Begins; ends in attempt_end, here or later. Negative: it cannot be tried. */
    int (*begin)(struct attempt *attempt, struct err *err);
    /* The time is over: what is said about it; the caller's string. */
    char *(*late)(const struct attempt *attempt);
    void (*close)(struct attempt *attempt); /* frees what begin has made, if it was called */
};

extern const struct attempt_type attempt_exec, attempt_http_get, attempt_tcp_socket, attempt_grpc,
    attempt_sleep;

struct attempt {
    const struct attempt_type *type; /* NULL: the handler names none */
    struct attempt_spec spec;        /* handler and address are owned; container is not valid */
    const struct value *action;      /* the field's value */
    char *name;                      /* of the container */
    struct value *ports;             /* of the container; may be NULL */
    struct loop_defer *start;
    struct loop_timer *timer;
    void *state; /* the type's */
};

/* Ends it; frees it maybe: the last thing in its caller. Takes message (NULL: ""). */
void attempt_end(struct attempt *attempt, enum probe_outcome outcome, char *message);

/* Whom an action asks: its host, else the pod's address (borrowed); its port, by number or by the
 * name of one of the container's ports. -EINVAL in Kubernetes' words; -EADDRNOTAVAIL: the pod has
 * none yet. */
nodiscard int attempt_peer(const struct attempt *attempt, const char **ret_host, int *ret_port,
                           struct err *err);
/* How long connecting may take. */
int64_t attempt_dial_ns(const struct attempt *attempt);
/* "10.0.0.1:80", "[fd00::1]:80"; the caller's. */
char *attempt_endpoint(const char *host, int port);
/* "dial tcp 10.0.0.1:80: connect: connection refused", as Go's net says it; the caller's. */
char *attempt_refusal(const char *endpoint, int errno_value);
/* "1s", "500ms": a duration of whole milliseconds; the caller's. */
char *attempt_duration(int64_t ns);
