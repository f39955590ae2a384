#include "agent/probe/grpc_call.h"

#include "common/base/str.h"
#include "common/data/wire.h"

#include <errno.h>

#define STREAM 1 /* of the call: the first of a client */

enum {
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH_PROMISE,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION
};
enum { END_STREAM = 0x1, ACK = 0x1, END_HEADERS = 0x4, PADDED = 0x8, HAS_PRIORITY = 0x20 };

struct frame {
    uint8_t type, flags;
    uint32_t stream;
    const uint8_t *data;
    size_t len;
};

void grpc_call_init(struct grpc_call *call)
{
    *call = (struct grpc_call){.code = -1};
    buf_init(&call->payload, GRPC_FRAME_MAX);
    buf_init(&call->block, GRPC_FRAME_MAX);
    buf_init(&call->message, GRPC_MESSAGE_MAX);
    buf_init(&call->reply, GRPC_TOTAL_MAX);
}

void grpc_call_done(struct grpc_call *call)
{
    buf_done(&call->payload);
    buf_done(&call->block);
    buf_done(&call->message);
    buf_done(&call->reply);
}

bool grpc_call_is_over(const struct grpc_call *call)
{
    return call->state == GRPC_DONE || call->state == GRPC_BAD;
}

static void bad(struct grpc_call *call, const char *problem)
{
    call->state = GRPC_BAD;
    call->problem = problem;
}

/* ---- asking ---- */

static int put_frame(struct buf *ret, uint8_t type, uint8_t flags, uint32_t stream,
                     const void *data, size_t len)
{
    const uint8_t head[9] = {
        (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, type, flags, 0, 0, 0,
        (uint8_t)stream};
    int r = buf_add(ret, head, sizeof(head));
    return r < 0 ? r : buf_add(ret, data, len);
}

/* RFC 7541 section 5.2, not in Huffman's code. */
static void put_text(struct buf *block, const char *text)
{
    size_t len = strlen(text);
    if (len < 127) {
        (void)buf_addc(block, (char)len);
    } else {
        (void)buf_addc(block, 127);
        for (len -= 127; len >= 128; len >>= 7)
            (void)buf_addc(block, (char)(len | 128));
        (void)buf_addc(block, (char)len);
    }
    (void)buf_addstr(block, text);
}

/* A field that is not to be remembered; name: its index in the static table, below 15 + 128. */
static void put_field(struct buf *block, unsigned name, const char *value)
{
    if (name < 15) {
        (void)buf_addc(block, (char)name);
    } else {
        (void)buf_addc(block, 15);
        (void)buf_addc(block, (char)(name - 15));
    }
    put_text(block, value);
}

static void put_headers(struct buf *block, const char *authority)
{
    (void)buf_addc(block, (char)0x83); /* :method POST */
    (void)buf_addc(block, (char)0x86); /* :scheme http */
    put_field(block, 4, "/grpc.health.v1.Health/Check");
    put_field(block, 1, authority);
    put_field(block, 31, "application/grpc"); /* content-type */
    put_field(block, 58, "kube-probe/1.33");  /* user-agent */
    (void)buf_addc(block, 0);
    put_text(block, "te");
    put_text(block, "trailers");
}

int grpc_call_ask(const char *authority, const char *service, struct buf *ret)
{
    /* Nothing is pushed to us, and nothing of a header is remembered: each is whole. */
    static const uint8_t settings[] = {0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0};
    cleanup(buf_done) struct buf block, message, data;
    buf_init(&block, GRPC_FRAME_MAX);
    buf_init(&message, 0);
    buf_init(&data, GRPC_FRAME_MAX);
    if (strlen(service) > GRPC_SERVICE_MAX || strlen(authority) > GRPC_SERVICE_MAX)
        return -E2BIG;
    put_headers(&block, authority);
    if (!str_empty(service))
        wire_add_str(&message, 1, service);
    const uint8_t prefix[5] = {0, 0, 0, (uint8_t)(message.len >> 8), (uint8_t)message.len};
    int r = buf_add(&data, prefix, sizeof(prefix));
    if (r == 0)
        r = buf_add(&data, message.data, message.len);
    if (r == 0)
        r = buf_addstr(ret, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    if (r == 0)
        r = put_frame(ret, SETTINGS, 0, 0, settings, sizeof(settings));
    if (r == 0)
        r = put_frame(ret, HEADERS, END_HEADERS, STREAM, block.data, block.len);
    return r < 0 ? r : put_frame(ret, DATA, END_STREAM, STREAM, data.data, data.len);
}

/* ---- the fields of a header ---- */

struct fields {
    const uint8_t *at, *end;
    bool bad;
};

/* RFC 7541 section 5.1; bounded by what a frame holds. */
static uint32_t get_number(struct fields *fields, unsigned bits)
{
    uint32_t mask = (1U << bits) - 1, n, shift = 0;
    if (fields->at >= fields->end) {
        fields->bad = true;
        return 0;
    }
    n = *fields->at++ & mask;
    if (n < mask)
        return n;
    while (fields->at < fields->end && shift <= 14) {
        uint8_t byte = *fields->at++;
        n += (uint32_t)(byte & 127) << shift;
        shift += 7;
        if (!(byte & 128))
            return n;
    }
    fields->bad = true;
    return 0;
}

struct text {
    const uint8_t *data;
    size_t len;
    bool huffman;
};

static struct text get_text(struct fields *fields)
{
    struct text text = {.huffman = fields->at < fields->end && *fields->at & 128};
    text.len = get_number(fields, 7);
    if (fields->bad || text.len > (size_t)(fields->end - fields->at)) {
        fields->bad = true;
        return (struct text){0};
    }
    text.data = fields->at;
    fields->at += text.len;
    return text;
}

/* "grpc-status", plain and in Huffman's code: the only name that matters here. */
static bool is_status(const struct text *name)
{
    static const uint8_t coded[] = {0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f};
    return name->huffman ? name->len == sizeof(coded) && memcmp(name->data, coded, name->len) == 0
                         : name->len == 11 && memcmp(name->data, "grpc-status", 11) == 0;
}

/* The next digit of a text in Huffman's code (RFC 7541 appendix B): 0-2 have five bits, 3-9 six. */
static int get_digit(const struct text *text, size_t *bit)
{
    unsigned code = 0;
    for (unsigned n = 1; n <= 6 && *bit < text->len * 8; n++, ++*bit) {
        code = code << 1 | (text->data[*bit / 8] >> (7 - *bit % 8) & 1);
        if (n == 5 && code <= 2) {
            ++*bit;
            return (int)code;
        }
        if (n == 6 && code >= 0x19 && code <= 0x1f) {
            ++*bit;
            return (int)code - 0x19 + 3;
        }
    }
    return -1; /* padding, or no digit */
}

/* 0-16, or -1. */
static int code_of(const struct text *value)
{
    int code = -1;
    size_t bit = 0;
    for (size_t i = 0; i < 3; i++) {
        int digit = -1;
        if (value->huffman)
            digit = get_digit(value, &bit);
        else if (i < value->len && value->data[i] >= '0' && value->data[i] <= '9')
            digit = value->data[i] - '0';
        if (digit < 0)
            break;
        code = (code < 0 ? 0 : code * 10) + digit;
    }
    return code <= 16 ? code : -1;
}

static void take_field(struct grpc_call *call, struct fields *fields)
{
    uint8_t first = *fields->at;
    if (first & 0x80) { /* of the static table: none that matters */
        (void)get_number(fields, 7);
        return;
    }
    if ((first & 0xe0) == 0x20) { /* the size of a table that we do not have */
        (void)get_number(fields, 5);
        return;
    }
    uint32_t index = get_number(fields, first & 0x40 ? 6 : 4);
    struct text name = {0};
    if (index == 0 && !fields->bad)
        name = get_text(fields);
    struct text value = get_text(fields);
    if (!fields->bad && index == 0 && is_status(&name))
        call->code = code_of(&value);
}

static void take_block(struct grpc_call *call)
{
    struct fields fields = {.at = (const uint8_t *)call->block.data,
                            .end = (const uint8_t *)call->block.data + call->block.len};
    while (fields.at < fields.end && !fields.bad)
        take_field(call, &fields);
    call->in_block = false;
    call->block.len = 0;
    if (fields.bad)
        bad(call, "the header of its answer is damaged");
}

/* ---- frames ---- */

/* The stream is over: the answer, if it is one. */
static void finish(struct grpc_call *call)
{
    const uint8_t *message = (const uint8_t *)call->message.data;
    call->state = GRPC_DONE;
    if (call->code < 0) {
        bad(call, "its answer has no grpc-status");
        return;
    }
    if (call->code > 0)
        return;
    size_t len = call->message.len < 5 ? 0 : (size_t)message[3] << 8 | message[4];
    if (call->message.len < 5 || message[0] || message[1] || message[2] ||
        len != call->message.len - 5) {
        bad(call, "its answer is no message");
        return;
    }
    struct wire wire = wire_of(message + 5, len);
    struct wire_field field;
    int r;
    while ((r = wire_next(&wire, &field)) > 0)
        if (field.number == 1 && field.type == WIRE_VARINT)
            call->serving = field.scalar;
    if (r < 0)
        bad(call, "its answer is no HealthCheckResponse");
}

/* Takes off what a frame has before and behind its content. */
static bool unpad(struct frame *frame, bool may_have_priority)
{
    size_t pad = 0, before = 0;
    if (frame->flags & PADDED) {
        if (frame->len == 0)
            return false;
        pad = frame->data[0];
        before = 1;
    }
    if (may_have_priority && frame->flags & HAS_PRIORITY)
        before += 5;
    if (before + pad > frame->len)
        return false;
    frame->data += before;
    frame->len -= before + pad;
    return true;
}

static void take_fragment(struct grpc_call *call, const struct frame *frame)
{
    if (buf_add(&call->block, frame->data, frame->len) < 0) {
        bad(call, "the header of its answer is too long");
        return;
    }
    if (frame->flags & END_HEADERS)
        take_block(call);
    if (!call->in_block && call->block_ends && call->state != GRPC_BAD)
        finish(call);
}

static void take_headers(struct grpc_call *call, struct frame *frame)
{
    if (frame->stream != STREAM || !unpad(frame, true)) {
        bad(call, "a frame of its answer is damaged");
        return;
    }
    call->in_block = true;
    call->block_ends = frame->flags & END_STREAM;
    take_fragment(call, frame);
}

static void take_continuation(struct grpc_call *call, struct frame *frame)
{
    if (!call->in_block || frame->stream != STREAM)
        bad(call, "a frame of its answer is damaged");
    else
        take_fragment(call, frame);
}

static void take_data(struct grpc_call *call, struct frame *frame)
{
    if (frame->stream != STREAM || !unpad(frame, false))
        bad(call, "a frame of its answer is damaged");
    else if (buf_add(&call->message, frame->data, frame->len) < 0)
        bad(call, "its answer is too long");
    else if (frame->flags & END_STREAM)
        finish(call);
}

static void take_settings(struct grpc_call *call, struct frame *frame)
{
    if (frame->stream != 0 || frame->len % 6 || (frame->flags & ACK && frame->len > 0))
        bad(call, "its settings are damaged");
    else if (!(frame->flags & ACK) && put_frame(&call->reply, SETTINGS, ACK, 0, "", 0) < 0)
        bad(call, "it says too much");
}

static void take_ping(struct grpc_call *call, struct frame *frame)
{
    if (frame->stream != 0 || frame->len != 8)
        bad(call, "a ping of it is damaged");
    else if (!(frame->flags & ACK) &&
             put_frame(&call->reply, PING, ACK, 0, frame->data, frame->len) < 0)
        bad(call, "it says too much");
}

static void take_reset(struct grpc_call *call, struct frame *frame)
{
    if (frame->stream == STREAM)
        bad(call, "stream terminated by RST_STREAM");
}

/* It goes away: streams up to the last one that it names are still answered. */
static void take_goaway(struct grpc_call *call, struct frame *frame)
{
    if (frame->len < 8 || (frame->data[0] == 0 && frame->data[1] == 0 && frame->data[2] == 0 &&
                           frame->data[3] < STREAM))
        bad(call, "the connection is being drained (GOAWAY)");
}

static void take_push(struct grpc_call *call, struct frame *frame)
{
    (void)frame;
    bad(call, "it pushes what nobody asked for");
}

static void take_frame(struct grpc_call *call, struct frame *frame)
{
    static void (*const takers[])(struct grpc_call * call, struct frame * frame) = {
        [DATA] = take_data,         [HEADERS] = take_headers,           [RST_STREAM] = take_reset,
        [SETTINGS] = take_settings, [PUSH_PROMISE] = take_push,         [PING] = take_ping,
        [GOAWAY] = take_goaway,     [CONTINUATION] = take_continuation,
    };
    if (call->state == GRPC_WAITING && frame->type != SETTINGS) {
        bad(call, "error reading server preface: it speaks no HTTP/2");
        return;
    }
    call->state = GRPC_TALKING;
    if (call->in_block && frame->type != CONTINUATION)
        bad(call, "a frame of its answer is damaged");
    else if (frame->type < ARRAY_LEN(takers) && takers[frame->type])
        takers[frame->type](call, frame);
}

static size_t frame_len(const struct grpc_call *call)
{
    return (size_t)call->head[0] << 16 | (size_t)call->head[1] << 8 | call->head[2];
}

/* The bytes of one frame: how many of them it takes. */
static size_t take_part(struct grpc_call *call, const uint8_t *data, size_t len)
{
    size_t head = sizeof(call->head) - call->head_len;
    head = head < len ? head : len;
    memcpy(call->head + call->head_len, data, head);
    call->head_len += head;
    if (call->head_len < sizeof(call->head))
        return head;
    size_t whole = frame_len(call);
    if (whole > GRPC_FRAME_MAX) {
        bad(call, call->state == GRPC_WAITING ? "error reading server preface: it speaks no HTTP/2"
                                              : "a frame of its answer is too long");
        return len;
    }
    size_t rest = whole - call->payload.len;
    rest = rest < len - head ? rest : len - head;
    if (buf_add(&call->payload, data + head, rest) < 0 || call->payload.len < whole)
        return head + rest;
    struct frame frame = {.type = call->head[3],
                          .flags = call->head[4],
                          .stream = (uint32_t)(call->head[5] & 127) << 24 |
                                    (uint32_t)call->head[6] << 16 | (uint32_t)call->head[7] << 8 |
                                    call->head[8],
                          .data = (const uint8_t *)buf_str(&call->payload),
                          .len = whole};
    take_frame(call, &frame);
    call->head_len = 0;
    call->payload.len = 0;
    return head + rest;
}

void grpc_call_take(struct grpc_call *call, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    call->total += len;
    if (!grpc_call_is_over(call) && call->total > GRPC_TOTAL_MAX) {
        bad(call, "it says too much");
        return;
    }
    for (size_t i = 0; i < len && !grpc_call_is_over(call);)
        i += take_part(call, bytes + i, len - i);
}

void grpc_call_end(struct grpc_call *call)
{
    if (!grpc_call_is_over(call))
        bad(call, call->state == GRPC_WAITING ? "error reading server preface: EOF"
                                              : "error reading from server: EOF");
}

/* ---- words ---- */

const char *grpc_code_name(int code)
{
    static const char *const names[] = {
        "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
        "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
        "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
        "DataLoss", "Unauthenticated"};
    return code >= 0 && code < (int)ARRAY_LEN(names) ? names[code] : "Unknown";
}

const char *grpc_serving_name(uint64_t serving)
{
    static const char *const names[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
    return serving < ARRAY_LEN(names) ? names[serving] : "UNKNOWN";
}
