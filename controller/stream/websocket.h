#pragma once
/* WebSocket frames as a server reads and writes them (RFC 6455 section 5), and its handshake's
 * answer (section 4.2.2). No extensions. Messages are streams of bytes: text is not looked at.
 * Pure; hostile input. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};
/* Why a connection is closed (section 7.4.1). */
enum ws_code { WS_NORMAL = 1000, WS_PROTOCOL = 1002, WS_TOO_BIG = 1009, WS_INTERNAL = 1011 };

#define WS_MAX_FRAME                                                                               \
    ((uint64_t)32 * 1024 * 1024) /* of payload; its bytes are passed on as they come */
#define WS_MAX_CONTROL 125
#define WS_HEAD_MAX 10 /* of a server's frame */

struct ws_handler {
    /* Bytes of a message, len 0 of an empty frame: `first` begins it, `last` ends it. Returns how
     * many were taken; less than all stops the reading. */
    size_t (*data)(void *ctx, const uint8_t *data, size_t len, bool first, bool last);
    /* A whole frame of WS_CLOSE, WS_PING or WS_PONG. After WS_CLOSE nothing is read. */
    void (*control)(void *ctx, enum ws_opcode opcode, const uint8_t *data, size_t len);
};

/* Zeroed to begin with. */
struct ws_reader {
    uint8_t head[14]; /* as much of a frame's as has come */
    size_t head_len;
    bool in_frame, fin, in_message, fresh, closed;
    enum ws_opcode opcode;
    uint8_t mask[4];
    uint64_t len, at; /* of the frame's payload */
    uint8_t control[WS_MAX_CONTROL];
};

/* Reads frames: 0, or the code to close with (after which nothing more may be read). *ret_used is
 * how many bytes were taken: all of them unless data stopped it. */
int ws_read(struct ws_reader *reader, const void *data, size_t len, size_t *ret_used,
            const struct ws_handler *handler, void *ctx);
/* Head of a whole, unmasked message of that length; returns the head's. */
size_t ws_head(enum ws_opcode opcode, size_t len, uint8_t ret[static WS_HEAD_MAX]);

/* Whether that is a Sec-WebSocket-Key: 16 bytes in base64. */
bool ws_key_valid(const char *key);
#define WS_ACCEPT 29 /* with NUL */
/* The Sec-WebSocket-Accept for it. */
void ws_accept(const char *key, char ret[static WS_ACCEPT]);
