#include "controller/stream/websocket.h"

#include "common/base/buf.h"
#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* What was read, as text: "<first><data><last>" a piece, "!opcode:data" a control frame. */
struct log {
    struct buf text;
    size_t take; /* bytes of data that are taken */
};

static size_t on_data(void *ctx, const uint8_t *data, size_t len, bool first, bool last)
{
    struct log *log = ctx;
    size_t n = len < log->take ? len : log->take;
    log->take -= n;
    if (first && (n > 0 || len == 0))
        buf_addc(&log->text, '<');
    buf_add(&log->text, data, n);
    if (last && n == len)
        buf_addc(&log->text, '>');
    return n;
}

static void on_control(void *ctx, enum ws_opcode opcode, const uint8_t *data, size_t len)
{
    struct log *log = ctx;
    buf_addf(&log->text, "!%d:%.*s!", (int)opcode, (int)len, (const char *)data);
}

static const struct ws_handler handler = {on_data, on_control};

/* A frame as a client sends it, its payload masked. */
static void add_frame(struct buf *buf, uint8_t first, const char *payload)
{
    static const uint8_t mask[4] = {1, 2, 3, 0xff};
    size_t len = strlen(payload);
    buf_addc(buf, (char)first);
    if (len < 126) {
        buf_addc(buf, (char)(0x80 | len));
    } else {
        buf_addc(buf, (char)(0x80 | 126));
        buf_addc(buf, (char)(len >> 8));
        buf_addc(buf, (char)len);
    }
    buf_add(buf, mask, 4);
    for (size_t i = 0; i < len; i++)
        buf_addc(buf, (char)((uint8_t)payload[i] ^ mask[i & 3]));
}

/* Reads the bytes in pieces of that size; returns the code. */
static int read_all(const struct buf *bytes, size_t piece, struct log *log)
{
    struct ws_reader reader = {0};
    log->take = SIZE_MAX;
    for (size_t at = 0; at < bytes->len; at += piece) {
        size_t n = bytes->len - at < piece ? bytes->len - at : piece, used = 0;
        int code = ws_read(&reader, bytes->data + at, n, &used, &handler, log);
        if (code)
            return code;
        assert_int_equal(used, n);
    }
    return 0;
}

static void test_websocket__messages(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf bytes = {0};
    char long_text[300 + 1];
    memset(long_text, 'x', 300);
    long_text[300] = '\0';
    add_frame(&bytes, 0x82, "one");
    add_frame(&bytes, 0x01, "te");    /* text, not the last piece */
    add_frame(&bytes, 0x89, "hello"); /* a ping in between */
    add_frame(&bytes, 0x00, "");
    add_frame(&bytes, 0x80, "xt");
    add_frame(&bytes, 0x82, "");
    add_frame(&bytes, 0x82, long_text);
    add_frame(&bytes, 0x8a, "");
    add_frame(&bytes, 0x88, "\3\xe8");
    add_frame(&bytes, 0x82, "not read");
    cleanup(buf_done) struct buf want = {0};
    buf_addf(&want, "<one><te!9:hello!xt><><%s>!10:!!8:\3\xe8!", long_text);
    for (size_t piece = 1; piece <= bytes.len; piece += piece < 20 ? 1 : 97) {
        struct log log = {{0}};
        assert_int_equal(read_all(&bytes, piece, &log), 0);
        assert_string_equal(buf_str(&log.text), buf_str(&want));
        buf_done(&log.text);
    }
}

/* What is not taken is offered again, with its place in the message. */
static void test_websocket__stops_where_it_is_told(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf bytes = {0};
    struct ws_reader reader = {0};
    struct log log = {{0}};
    size_t used, at = 0;
    add_frame(&bytes, 0x82, "abcdef");
    for (int i = 0; i < 7; i++) {
        log.take = i == 0 ? 0 : 1;
        assert_int_equal(ws_read(&reader, bytes.data + at, bytes.len - at, &used, &handler, &log),
                         0);
        at += used;
    }
    assert_string_equal(buf_str(&log.text), "<abcdef>");
    assert_int_equal(at, bytes.len);
    buf_done(&log.text);
}

static void test_websocket__broken_rules(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int code;
    } cases[] = {
        {"\x82\x01x", 3, 1002},                                     /* not masked */
        {"\xc2\x80mask", 6, 1002},                                  /* a reserved bit: packed */
        {"\x83\x80mask", 6, 1002},                                  /* an opcode that is none */
        {"\x8b\x80mask", 6, 1002},                                  /* likewise */
        {"\x80\x80mask", 6, 1002},                                  /* goes on with nothing */
        {"\x02\x80mask\x82\x80mask", 12, 1002},                     /* one message in another */
        {"\x09\x80mask", 6, 1002},                                  /* a ping in pieces */
        {"\x89\xfe\x00\x7emask", 8, 1002},                          /* a long ping */
        {"\x82\xfe\x00\x7dmask", 8, 1002},                          /* a length in too many bytes */
        {"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xffmask", 14, 1002}, /* likewise */
        {"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00mask", 14, 1002}, /* 2^63 */
        {"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xffmask", 14, 1002},
        {"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask", 14, 1009}, /* 2^63 - 1 */
        {"\x82\xff\x00\x00\x00\x00\x02\x00\x00\x01mask", 14, 1009}, /* 32 MiB and one */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t piece = 1; piece <= cases[i].len; piece++) {
            struct log log = {{0}};
            cleanup(buf_done) struct buf bytes = {0};
            buf_add(&bytes, cases[i].bytes, cases[i].len);
            int code = read_all(&bytes, piece, &log);
            if (code != cases[i].code)
                fail_msg("case %zu: %d", i, code);
            buf_done(&log.text);
        }
}

/* Pieces of nothing cost nothing but their bytes. */
static void test_websocket__a_flood_of_fragments(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf bytes = {0};
    struct log log = {{0}};
    add_frame(&bytes, 0x02, "");
    for (int i = 0; i < 100000; i++)
        add_frame(&bytes, 0x00, "");
    add_frame(&bytes, 0x80, "x");
    assert_int_equal(read_all(&bytes, 16384, &log), 0);
    assert_string_equal(buf_str(&log.text), "<x>");
    buf_done(&log.text);
}

static void test_websocket__heads(void **state)
{
    (void)state;
    uint8_t head[WS_HEAD_MAX];
    assert_int_equal(ws_head(WS_BINARY, 125, head), 2);
    assert_memory_equal(head, "\x82\x7d", 2);
    assert_int_equal(ws_head(WS_BINARY, 126, head), 4);
    assert_memory_equal(head, "\x82\x7e\x00\x7e", 4);
    assert_int_equal(ws_head(WS_PONG, 65536, head), 10);
    assert_memory_equal(head, "\x8a\x7f\0\0\0\0\0\1\0\0", 10);
}

/* The example of RFC 6455 section 1.3. */
static void test_websocket__handshake(void **state)
{
    (void)state;
    char accept[WS_ACCEPT];
    ws_accept("dGhlIHNhbXBsZSBub25jZQ==", accept);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_true(ws_key_valid("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_false(ws_key_valid(NULL));
    assert_false(ws_key_valid(""));
    assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25jZQ="));
    assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25jZTEy"));
    assert_false(ws_key_valid("dGhlIHNhbXBsZ\r\nBub25jZQ=="));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_websocket__messages),
        cmocka_unit_test(test_websocket__stops_where_it_is_told),
        cmocka_unit_test(test_websocket__broken_rules),
        cmocka_unit_test(test_websocket__a_flood_of_fragments),
        cmocka_unit_test(test_websocket__heads),
        cmocka_unit_test(test_websocket__handshake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
