#pragma once
/* Where the messages of WebSocket end in what the server sends on a connection, so that each goes
 * in TLS records of its own: clients that wait for the socket, and not for their TLS library (as
 * python3-kubernetes does), would not see one that came together with another. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message_cut {
    bool messages;   /* the connection was upgraded */
    uint8_t head[2]; /* of a frame, as much as has passed */
    size_t head_len;
    uint64_t left; /* of the frame, that have not passed */
    uint8_t skip;  /* bytes of a longer length that have not passed */
};

/* How many of these bytes, which are sent next, may go in one record: 1 to len. */
size_t message_cut(struct message_cut *cut, const uint8_t *data, size_t len);
