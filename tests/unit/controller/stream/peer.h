#pragma once
/* The client's side of SPDY and WebSocket, as bytes. */

#include "common/base/buf.h"

#include <stdbool.h>
#include <zlib.h>

struct peer {
    z_stream packer, unpacker;
};
void peer_init(struct peer *peer);
void peer_done(struct peer *peer);

/* Frames of SPDY. pairs: names and values in turn, ends with NULL. */
void peer_syn(struct peer *peer, struct buf *ret, uint32_t id, bool fin, const char *const *pairs);
/* A SYN_STREAM whose header block, unpacked, is that. */
void peer_syn_block(struct peer *peer, struct buf *ret, uint32_t id, const void *block, size_t len);
void peer_data(struct buf *ret, uint32_t id, const void *data, size_t len, bool fin);
void peer_control(struct buf *ret, uint16_t type, const void *body, size_t len);
/* Unpacks a header block that the server has written; fails the test if it is none. */
void peer_unpack(struct peer *peer, const void *block, size_t len, struct buf *ret);

/* A whole message of WebSocket (opcode 1, 2, 8, 9), masked. */
void peer_message(struct buf *ret, uint8_t opcode, const void *data, size_t len);
