#pragma once
/* Messages of Kubernetes' base64 protocols: the channel as a digit, then the payload in base64.
 * Pure; hostile input. */

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Of one direction; zeroed to begin with. */
struct coded {
    char digits[4]; /* of a group that is not whole yet */
    size_t digits_len;
    size_t skip;       /* bytes of the next group that were taken already */
    bool channel_next; /* the message's first byte */
    bool padded;       /* nothing may follow in this message */
};

/* As ws_handler.data: the message as it is meant, its first byte the channel's number. */
typedef size_t coded_fn(void *ctx, const uint8_t *data, size_t len, bool first, bool last);
/* Reads what came of a message, likewise, and hands on what it says. *ret_wrong: it is not base64;
 * then all is taken, and no more may be read. */
size_t coded_read(struct coded *coded, const uint8_t *data, size_t len, bool first, bool last,
                  coded_fn *fn, void *ctx, bool *ret_wrong);
/* Appends a whole message; channel below 80, so that its digit is a character. */
void coded_write(unsigned channel, const void *data, size_t len, struct buf *ret);
