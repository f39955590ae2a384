#pragma once
/* SPDY/3.1 frames (draft-mbelshe-httpbis-spdy-00 section 2) as far as Kubernetes' clients use them:
 * streams, data, resets, pings. Settings and windows are read over. Pure; hostile input. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum spdy_type {
    SPDY_SYN_STREAM = 1,
    SPDY_SYN_REPLY = 2,
    SPDY_RST_STREAM = 3,
    SPDY_SETTINGS = 4,
    SPDY_PING = 6,
    SPDY_GOAWAY = 7,
    SPDY_HEADERS = 8,
    SPDY_WINDOW_UPDATE = 9,
};
/* Of RST_STREAM (section 2.6.3). */
enum spdy_status {
    SPDY_PROTOCOL_ERROR = 1,
    SPDY_INVALID_STREAM = 2,
    SPDY_REFUSED_STREAM = 3,
    SPDY_CANCEL = 5,
    SPDY_STREAM_ALREADY_CLOSED = 9,
};

#define SPDY_FIN 1
#define SPDY_HEAD 8                      /* of every frame */
#define SPDY_MAX_CONTROL (16 * 1024)     /* of a control frame behind its head */
#define SPDY_MAX_DATA ((size_t)0xffffff) /* of a frame */

struct spdy_handler {
    /* A header block, packed: of SYN_STREAM, SYN_REPLY or HEADERS. False: the connection is broken.
     * All of them must be unpacked, in order. */
    bool (*headers)(void *ctx, enum spdy_type type, uint32_t id, bool fin, const uint8_t *block,
                    size_t len);
    /* Bytes of a stream, len 0 of an empty frame; fin: the client sends no more on it. Returns how
     * many were taken; less than all stops the reading. */
    size_t (*data)(void *ctx, uint32_t id, const uint8_t *data, size_t len, bool fin);
    void (*reset)(void *ctx, uint32_t id, uint32_t status);
    void (*ping)(void *ctx, uint32_t id);
    void (*goaway)(void *ctx);
};

/* Zeroed to begin with; spdy_done at the end. */
struct spdy_reader {
    uint8_t head[SPDY_HEAD];
    size_t head_len;
    bool in_frame;
    uint32_t len, at; /* of the frame behind its head */
    uint8_t *control; /* of a control frame; NULL of data */
};

/* Reads frames: 0, or -EPROTO (after which nothing more may be read). *ret_used: as ws_read. */
int spdy_read(struct spdy_reader *reader, const void *data, size_t len, size_t *ret_used,
              const struct spdy_handler *handler, void *ctx);
void spdy_done(struct spdy_reader *reader);

/* What a server writes; each returns the length. len of data at most SPDY_MAX_DATA. */
size_t spdy_data_head(uint32_t id, size_t len, bool fin, uint8_t ret[static SPDY_HEAD]);
#define SPDY_SMALL 16
size_t spdy_rst(uint32_t id, enum spdy_status status, uint8_t ret[static SPDY_SMALL]);
size_t spdy_ping(uint32_t id, uint8_t ret[static SPDY_SMALL]);
size_t spdy_goaway(uint32_t last, uint8_t ret[static SPDY_SMALL]);
