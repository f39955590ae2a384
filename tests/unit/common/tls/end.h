#pragma once
/* One end of a connection through a relay, for tests: sends a pattern, checks the one it gets. */

#include "test.h"

struct end {
    struct loop *loop;
    struct tls_relay *relay;
    int fd; /* the plain end; -1 before it is ready and after it is closed */
    struct loop_io *io;
    size_t to_send, sent, received;
    bool paused;      /* does not read */
    bool shut_at_end; /* half-closes when all is sent */
    bool free_at_ready, free_at_eof;
    bool ready, eof /* of the plain end */, relay_eof, closed;
    struct err err; /* as given to closed */
    char who[65], group[65], refused[160], cipher[64];
};

extern const struct tls_relay_handler end_handler;

void end_accept(struct end *end, struct loop *loop, struct tls_config *config, int net_fd);
void end_connect(struct end *end, struct loop *loop, struct tls_config *config, int net_fd);
/* After to_send, paused, shut_at_end were changed. */
void end_update(struct end *end);
void end_close(struct end *end); /* the plain end */
void end_done(struct end *end);
