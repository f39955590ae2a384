#pragma once
/* A server on 127.0.0.1 that says what a test wants, on the test's own loop. */

#include "common/loop/loop.h"
#include "common/tls/relay.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVER_CONNS 16

struct server;
struct server_conn {
    struct server *server;
    int fd;
    struct loop_io *io;
    struct tls_relay *relay;
    bool told;
};
struct server {
    struct loop *loop;
    int fd;
    uint16_t port;
    struct loop_io *io;
    struct tls_config *tls; /* NULL: plain */
    struct server_conn conns[SERVER_CONNS];
    size_t count; /* of connections that came */
    /* Sent after the first bytes have come; the connection is then closed, unless held. */
    const char *answer, *next; /* next: to connections after the first; NULL: answer */
    size_t len;                /* 0: strlen */
    bool hold;
    char heard[4096]; /* the last request */
    size_t heard_len;
};
void server_init(struct server *server, struct loop *loop);
void server_done(struct server *server);
