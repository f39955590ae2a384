#pragma once
/* One call of grpc.health.v1.Health/Check over cleartext HTTP/2, both ways: pure. As much of HTTP/2
 * (RFC 9113), HPACK (RFC 7541) and gRPC as that takes: the bytes to send are made once, what comes
 * is read frame by frame and not believed. Frames are at most GRPC_FRAME_MAX, all of them together
 * GRPC_TOTAL_MAX. */

#include "common/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRPC_FRAME_MAX 16384
#define GRPC_TOTAL_MAX ((size_t)64 * 1024)
#define GRPC_MESSAGE_MAX 4096
#define GRPC_SERVICE_MAX 4096

enum grpc_state {
    GRPC_WAITING, /* for the server's preface */
    GRPC_TALKING,
    GRPC_DONE, /* the answer is whole: code, serving */
    GRPC_BAD,  /* it is none: problem */
};

struct grpc_call {
    enum grpc_state state;
    uint8_t head[9]; /* of the frame that is being read */
    size_t head_len;
    struct buf payload; /* of that frame */
    struct buf block;   /* header fields, until they are whole */
    bool block_ends;    /* they end the stream */
    bool in_block;
    struct buf message; /* what the answer says, with gRPC's prefix */
    struct buf reply;   /* to be sent: the caller takes it out */
    size_t total;
    int code;            /* grpc-status; -1: none came */
    uint64_t serving;    /* HealthCheckResponse.status */
    const char *problem; /* GRPC_BAD: in words */
};

void grpc_call_init(struct grpc_call *call);
void grpc_call_done(struct grpc_call *call);
/* All that is sent at first: preface, settings, the call. authority: "10.0.0.1:9000". -E2BIG. */
nodiscard int grpc_call_ask(const char *authority, const char *service, struct buf *ret);
void grpc_call_take(struct grpc_call *call, const void *data, size_t len);
/* The connection has ended. */
void grpc_call_end(struct grpc_call *call);
bool grpc_call_is_over(const struct grpc_call *call);

/* "NotFound", of a grpc-status; "SERVING", of a HealthCheckResponse. */
const char *grpc_code_name(int code);
const char *grpc_serving_name(uint64_t serving);
