#pragma once
/* From a channel of a stream into a descriptor: keeps at most what the client was granted, and
 * grants again what was written. */

#include "agent/link/stream.h"
#include "common/base/buf.h"

struct drain {
    struct stream *stream;
    int fd; /* -1: closed, or never was */
    struct loop_io *io;
    struct buf waiting;
    bool eof;
    bool half; /* a socket: only this direction ends */
    void (*ended)(void *ctx);
    void *ctx;
};

/* fd: owned, made non-blocking. ended: all was written and the end passed on, or nobody
 * reads any more; may be NULL. */
nodiscard int drain_open(struct drain *drain, struct stream *stream, int fd, bool half,
                         void (*ended)(void *ctx), void *ctx, struct err *err);
void drain_done(struct drain *drain); /* no callback */
/* With nobody who reads, it is as if it were written. */
void drain_write(struct drain *drain, const void *data, size_t len);
void drain_eof(struct drain *drain);
