#pragma once
/* From a descriptor into a channel of a stream: reads only what may be sent, so that who writes
 * into it is slowed down by who reads at the other end. */

#include "agent/link/stream.h"

struct tap {
    struct stream *stream;
    int fd; /* -1: it has ended, or never was */
    unsigned channel;
    struct loop_io *io;
    char *held; /* read, and not taken by the bus after all; NULL: nothing */
    size_t held_len;
    bool last; /* what is there now is all */
    void (*ended)(void *ctx);
    void *ctx;
};

/* fd: owned, made non-blocking. ended: the end was read and said, or an error was. */
nodiscard int tap_open(struct tap *tap, struct stream *stream, int fd, unsigned channel,
                       void (*ended)(void *ctx), void *ctx, struct err *err);
void tap_done(struct tap *tap);  /* no callback; one that is zeroes with fd -1, too */
void tap_ready(struct tap *tap); /* the stream may have room */
/* Whoever wrote into it has ended; others that hold its other end are not waited for. */
void tap_finish(struct tap *tap);
