#pragma once
/* An answer that is a text, sent as there is room for it: the state of the stream of a method that
 * has these for its ready and its close. */

#include "agent/link/stream.h"
#include "common/base/buf.h"

struct told {
    struct buf text; /* empty until it is known */
    size_t sent;
};
struct told *told_new(struct stream *stream); /* the stream's */
void told_send(struct stream *stream);        /* what is left of it, and then the end */
void told_close(struct stream *stream);
