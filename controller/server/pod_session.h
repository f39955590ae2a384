#pragma once
/* A live stream between a client of the API and a pod: exec, attach, one connection of a
 * port-forward. The server speaks to clients (WebSocket, SPDY), the link to nodes; this is what
 * stands between them. All calls and callbacks are on the loop; no callback comes from inside a
 * call. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As in v4.channel.k8s.io. Of a port-forward POD_STDIN is what the client sends and POD_STDOUT what
 * the pod does. */
enum pod_channel {
    POD_STDIN,
    POD_STDOUT,
    POD_STDERR,
    POD_STATUS, /* the server's own */
    POD_RESIZE, /* "{"Width":80,"Height":24}" and a line feed, whole, once a message */
    POD_CHANNELS,
};

#define POD_SESSION_CREDIT ((size_t)64 * 1024) /* on its way from the node, not yet taken */

/* What is asked of the node. Strings are borrowed for the call. */
struct pod_dial {
    const char *what;                  /* "exec", "attach", "portforward" */
    const char *ns, *pod, *uid, *node; /* of the pod as it is stored; node never "" */
    const char *container;             /* of exec and attach: one of the pod's */
    const char *const *command;        /* of exec: NULL-terminated, at least one word; else NULL */
    bool stdin_open, stdout_open, stderr_open, tty;
    uint16_t port; /* of portforward */
};

/* How it ended. */
struct pod_end {
    int code;            /* 0, or an HTTP code: it could not be, or was cut off */
    int exit_code;       /* with code 0, of exec: of the program; 128 + N if signal N ended it */
    const char *message; /* with another code: why; borrowed */
};

struct pod_session_handler {
    /* The node has begun it. Before that only end comes. */
    void (*opened)(void *ctx);
    /* All of it is taken, but counts as on its way until `took` says otherwise: never more than
     * POD_SESSION_CREDIT is. */
    void (*data)(void *ctx, enum pod_channel channel, const void *data, size_t len);
    /* Nothing more comes on that channel. */
    void (*eof)(void *ctx, enum pod_channel channel);
    /* After a send that took less than everything: there is room again. */
    void (*room)(void *ctx);
    /* Over; the session is freed. After it no callback. */
    void (*end)(void *ctx, const struct pod_end *end);
};

struct pod_session;
struct pod_session_ops {
    /* How many bytes were taken: 0 to len. POD_RESIZE: all or nothing. */
    size_t (*send)(struct pod_session *session, enum pod_channel channel, const void *data,
                   size_t len);
    /* The client sends no more on that channel; what was sent before still arrives. */
    void (*eof)(struct pod_session *session, enum pod_channel channel);
    void (*took)(struct pod_session *session, size_t bytes);
    /* The client is gone, or may not any more: the node ends what it began for it. The session is
     * freed, no callback follows. */
    void (*close)(struct pod_session *session);
};
/* The head of whatever the link keeps of one. */
struct pod_session {
    const struct pod_session_ops *ops;
};
