#include "controller/stream/spdy.h"

#include "peer.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/stream/spdy_headers.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* What was read, as text. */
struct log {
    struct buf text;
    struct spdy_unpacker *unpacker;
    size_t take;
};

static bool on_headers(void *ctx, enum spdy_type type, uint32_t id, bool fin, const uint8_t *block,
                       size_t len)
{
    struct log *log = ctx;
    struct spdy_headers headers;
    if (spdy_unpack(log->unpacker, block, len, &headers) != 0)
        return false;
    buf_addf(&log->text, "[%d %u%s", (int)type, id, fin ? " fin" : "");
    for (size_t i = 0; i < headers.count; i++)
        buf_addf(&log->text, " %s=%s", headers.names[i], headers.values[i]);
    buf_addc(&log->text, ']');
    return true;
}

static size_t on_data(void *ctx, uint32_t id, const uint8_t *data, size_t len, bool fin)
{
    struct log *log = ctx;
    size_t n = len < log->take ? len : log->take;
    log->take -= n;
    if (n > 0 || len == 0)
        buf_addf(&log->text, "(%u %.*s%s)", id, (int)n, (const char *)data,
                 fin && n == len ? " fin" : "");
    return n;
}

static void on_reset(void *ctx, uint32_t id, uint32_t status)
{
    struct log *log = ctx;
    buf_addf(&log->text, "[reset %u %u]", id, status);
}

static void on_ping(void *ctx, uint32_t id)
{
    struct log *log = ctx;
    buf_addf(&log->text, "[ping %u]", id);
}

static void on_goaway(void *ctx)
{
    struct log *log = ctx;
    buf_addstr(&log->text, "[goaway]");
}

static const struct spdy_handler handler = {on_headers, on_data, on_reset, on_ping, on_goaway};

static int read_all(const struct buf *bytes, size_t piece, struct buf *ret)
{
    struct spdy_reader reader = {0};
    struct log log = {.unpacker = spdy_unpacker_new(), .take = SIZE_MAX};
    int r = 0;
    for (size_t at = 0; at < bytes->len && r == 0; at += piece) {
        size_t n = bytes->len - at < piece ? bytes->len - at : piece, used;
        r = spdy_read(&reader, bytes->data + at, n, &used, &handler, &log);
        assert_true(r != 0 || used == n);
    }
    spdy_done(&reader);
    spdy_unpacker_free(log.unpacker);
    if (ret)
        *ret = log.text;
    else
        buf_done(&log.text);
    return r;
}

static void test_spdy__frames(void **state)
{
    (void)state;
    static const char *const stdin_headers[] = {"streamtype", "stdin", "x", "y", NULL};
    static const char *const error_headers[] = {"streamtype", "error", NULL};
    struct peer peer;
    cleanup(buf_done) struct buf bytes = {0};
    peer_init(&peer);
    peer_syn(&peer, &bytes, 1, false, error_headers);
    peer_syn(&peer, &bytes, 3, true, stdin_headers);
    peer_control(&bytes, 4, "\0\0\0\0", 4);         /* SETTINGS */
    peer_control(&bytes, 9, "\0\0\0\1\0\0\1\0", 8); /* WINDOW_UPDATE */
    peer_control(&bytes, 77, "?", 1);               /* unknown */
    peer_data(&bytes, 1, "hello", 5, false);
    peer_data(&bytes, 1, "", 0, true);
    peer_control(&bytes, 6, "\0\0\0\5", 4);
    peer_control(&bytes, 3, "\0\0\0\3\0\0\0\5", 8);
    peer_control(&bytes, 7, "\0\0\0\0\0\0\0\0", 8);
    cleanup(buf_done) struct buf text = {0};
    assert_int_equal(read_all(&bytes, bytes.len, &text), 0);
    assert_string_equal(buf_str(&text),
                        "[1 1 streamtype=error][1 3 fin streamtype=stdin x=y](1 hello)(1  fin)"
                        "[ping 5][reset 3 5][goaway]");
    for (size_t piece = 1; piece < 40; piece++)
        assert_int_equal(read_all(&bytes, piece, NULL), 0);
    peer_done(&peer);
}

static void test_spdy__stops_where_it_is_told(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf bytes = {0};
    struct spdy_reader reader = {0};
    struct log log = {{0}};
    size_t used, at = 0;
    peer_data(&bytes, 5, "abc", 3, true);
    for (int i = 0; i < 4; i++) {
        log.take = i == 0 ? 0 : 1;
        assert_int_equal(spdy_read(&reader, bytes.data + at, bytes.len - at, &used, &handler, &log),
                         0);
        at += used;
    }
    assert_string_equal(buf_str(&log.text), "(5 a)(5 b)(5 c fin)");
    assert_int_equal(at, bytes.len);
    buf_done(&log.text);
}

static void test_spdy__broken_frames(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\x80\x02\0\1\0\0\0\0", 8},                          /* another version */
        {"\x80\3\0\1\0\xff\xff\xff", 8},                      /* a control frame of 16 MiB */
        {"\0\0\0\0\0\0\0\1x", 9},                             /* data of stream 0 */
        {"\x80\3\0\1\0\0\0\4\0\0\0\1", 12},                   /* SYN_STREAM too short */
        {"\x80\3\0\6\0\0\0\2\0\0", 10},                       /* PING too short */
        {"\x80\3\0\3\0\0\0\4\0\0\0\1", 12},                   /* RST_STREAM too short */
        {"\x80\3\0\1\0\0\0\x0e\0\0\0\1\0\0\0\0\0\0junk", 22}, /* no header block */
        {"\x80\3\0\1\0\0\0\x0a\0\0\0\1\0\0\0\0\0\0", 18},     /* an empty one */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf bytes = {0};
        buf_add(&bytes, cases[i].bytes, cases[i].len);
        if (read_all(&bytes, bytes.len, NULL) != -EPROTO)
            fail_msg("case %zu was read", i);
    }
}

static void assert_block(const void *block, size_t len, int want)
{
    struct peer peer;
    cleanup(buf_done) struct buf bytes = {0};
    peer_init(&peer);
    peer_syn_block(&peer, &bytes, 1, block, len);
    assert_int_equal(read_all(&bytes, bytes.len, NULL), want);
    peer_done(&peer);
}

static void test_spdy__header_blocks(void **state)
{
    (void)state;
    static const struct {
        const char *block;
        size_t len;
        int want;
    } cases[] = {
        {"\0\0\0\0", 4, 0},
        {"\0\0\0\1\0\0\0\1a\0\0\0\1b", 14, 0},
        {"\0\0\0\1\0\0\0\1a\0\0\0\0", 13, 0},
        {"\0\0\0\1\0\0\0\1a\0\0\0\3b\0c", 16, 0},                      /* two values */
        {"\0\0\0\1\0\0\0\0\0\0\0\1b", 13, -EPROTO},                    /* no name */
        {"\0\0\0\1\0\0\0\1A\0\0\0\1b", 14, -EPROTO},                   /* upper case */
        {"\0\0\0\2\0\0\0\1a\0\0\0\1b\0\0\0\1a\0\0\0\1c", 24, -EPROTO}, /* twice */
        {"\0\0\0\2\0\0\0\1a\0\0\0\1b", 14, -EPROTO},                   /* one less */
        {"\0\0\0\0x", 5, -EPROTO},                                     /* one more */
        {"\xff\xff\xff\xff", 4, -EPROTO},
        {"\0\0\0\1\xff\xff\xff\xff"
         "a",
         9, -EPROTO},
        {"\0\0\0\1\0\0\0\1a\x7f\xff\xff\xff", 13, -EPROTO},
        {"\0\0", 2, -EPROTO},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_block(cases[i].block, cases[i].len, cases[i].want);
}

/* Many headers, and few bytes that become many. */
static void test_spdy__header_bombs(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf many = {0};
    buf_add(&many, "\0\0\0\x41", 4);
    for (int i = 0; i < 65; i++)
        buf_addf(&many, "%c%c%c%cn%02d%c%c%c%c", 0, 0, 0, 3, i, 0, 0, 0, 0);
    assert_block(many.data, many.len, -EPROTO);
    size_t len = 1024 * 1024;
    autofree char *zeros = xcalloc(1, len);
    memcpy(zeros, "\0\0\0\1\0\0\0\1a\0\x0f\xff\xf3", 13);
    assert_block(zeros, len, -EPROTO);
    assert_block(zeros, SPDY_MAX_HEADERS, -EPROTO);
}

/* After a block that is none nothing is unpacked any more. */
static void test_spdy__a_broken_context_stays_broken(void **state)
{
    (void)state;
    static const char *const headers[] = {"a", "b", NULL};
    struct peer peer;
    struct spdy_headers got;
    cleanup(buf_done) struct buf bytes = {0};
    struct spdy_unpacker *unpacker = spdy_unpacker_new();
    peer_init(&peer);
    peer_syn(&peer, &bytes, 1, false, headers);
    assert_int_equal(spdy_unpack(unpacker, "junk", 4, &got), -EPROTO);
    assert_int_equal(spdy_unpack(unpacker, bytes.data + 18, bytes.len - 18, &got), -EPROTO);
    spdy_unpacker_free(unpacker);
    peer_done(&peer);
}

static void test_spdy__what_is_written(void **state)
{
    (void)state;
    uint8_t frame[SPDY_REPLY_MAX];
    struct peer peer;
    peer_init(&peer);
    assert_int_equal(spdy_data_head(7, 0x010203, true, frame), 8);
    assert_memory_equal(frame, "\0\0\0\7\1\1\2\3", 8);
    assert_int_equal(spdy_rst(3, SPDY_REFUSED_STREAM, frame), 16);
    assert_memory_equal(frame, "\x80\3\0\3\0\0\0\x8\0\0\0\3\0\0\0\3", 16);
    assert_int_equal(spdy_ping(9, frame), 12);
    assert_memory_equal(frame, "\x80\3\0\6\0\0\0\4\0\0\0\x9", 12);
    assert_int_equal(spdy_goaway(9, frame), 16);
    for (uint32_t id = 1; id < 7; id += 2) { /* one packer's stream, as zlib reads it */
        cleanup(buf_done) struct buf block = {0};
        size_t len = spdy_reply(id, id == 1, frame);
        assert_memory_equal(frame, "\x80\3\0\2\0\0\0", 7);
        assert_int_equal(frame[7], len - 8);
        assert_int_equal(frame[11], id);
        peer_unpack(&peer, frame + 12, len - 12, &block);
        assert_int_equal(block.len, 4);
        assert_memory_equal(block.data, "\0\0\0\0", 4);
    }
    peer_done(&peer);
}

/* By the sum that the draft's stream heads carry. */
static void test_spdy__dictionary(void **state)
{
    (void)state;
    size_t len;
    const uint8_t *words = spdy_dictionary(&len);
    assert_int_equal(len, 1423);
    assert_int_equal(adler32(adler32(0, NULL, 0), words, (uInt)len), 0xe3c6a7c2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spdy__frames),
        cmocka_unit_test(test_spdy__stops_where_it_is_told),
        cmocka_unit_test(test_spdy__broken_frames),
        cmocka_unit_test(test_spdy__header_blocks),
        cmocka_unit_test(test_spdy__header_bombs),
        cmocka_unit_test(test_spdy__a_broken_context_stays_broken),
        cmocka_unit_test(test_spdy__what_is_written),
        cmocka_unit_test(test_spdy__dictionary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
