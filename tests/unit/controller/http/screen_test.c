#include "controller/http/screen.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/http/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define POST "POST /x HTTP/1.1\r\nHost: x\r\n"
#define CHUNKS "Transfer-Encoding: chunked\r\n"
#define GET "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
#define REFUSED "GET / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n"

struct result {
    struct buf out;
    struct screen *screen;
};

/* In pieces of that many bytes. */
static struct result pass(const char *in, size_t len, size_t piece, bool ends)
{
    struct result result = {{0}, screen_new()};
    for (size_t at = 0; at < len; at += piece)
        screen_pass(result.screen, in + at, len - at < piece ? len - at : piece, &result.out);
    if (ends)
        screen_end(result.screen, &result.out);
    return result;
}

static void done(struct result *result)
{
    buf_done(&result->out);
    screen_unref(result->screen);
}

static void test_screen__good_requests_are_made_plain(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {GET GET, GET GET},
        {"\r\n" GET "\r\n" GET, GET GET},
        {"GET /x HTTP/1.0\r\n\r\n", "GET /x HTTP/1.0\r\n\r\n"},
        {"GET /x HTTP/1.1\r\nHost:x\r\nX-A: \t a b \t\r\nX-B:\r\nCookie: a;b;c\r\n\r\n",
         "GET /x HTTP/1.1\r\nHost: x\r\nX-A: a b\r\nX-B: \r\n\r\n"},
        {POST "Content-Length: 0\r\n\r\n" GET, POST "\r\n" GET},
        {POST "content-length: 3\r\n\r\nabc" GET, POST CHUNKS "\r\n3\r\nabc\r\n0\r\n\r\n" GET},
        {"POST /x HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
         "POST /x HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc"},
        {POST
         "Transfer-Encoding: CHUNKED\r\n\r\n03;a=b;c\r\nabc\r\nA \r\n0123456789\r\n0\r\nX: y\r\n"
         "Content-Length: 7\r\n\r\n" GET,
         POST CHUNKS "\r\n3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n" GET},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *why;
        struct result whole = pass(cases[i].in, strlen(cases[i].in), 10000, true);
        assert_string_equal(buf_str(&whole.out), cases[i].out);
        for (uint64_t n = 0; n < 3; n++)
            assert_int_equal(screen_refusal(whole.screen, n, &why), 0);
        done(&whole);
    }
}

#define S64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
static const struct {
    const char *in;
    int code;
} bad_heads[] = {
    {POST "Content-Length: 3\r\nContent-Length: 5\r\n\r\n", 400},
    {POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400},
    {POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {POST CHUNKS "Transfer-Encoding: identity\r\n\r\n", 400},
    {POST CHUNKS CHUNKS "\r\n", 400},
    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 400},
    {POST "Transfer-Encoding:\r\n chunked\r\n\r\n", 400},
    {"POST /x HTTP/1.0\r\n" CHUNKS "\r\n", 400},
    {POST "Content-Length: 3x\r\n\r\n", 400},
    {POST "Content-Length: -3\r\n\r\n", 400},
    {POST "Content-Length: +3\r\n\r\n", 400},
    {POST "Content-Length: \r\n\r\n", 400},
    {POST "Content-Length: 3, 3\r\n\r\n", 400},
    {POST "Content-Length: 9999999\r\n\r\n", 413},
    {POST "Content-Length: 99999999999999999999999\r\n\r\n", 413},
    {POST "Content-Length : 5\r\n\r\n", 400},
    {POST "Content-Length\t: 5\r\n\r\n", 400},
    {POST "Host: y\r\n\r\n", 400},
    {POST "X-A: a\x01"
          "b\r\n\r\n",
     400},
    {POST "X-A: a\rContent-Length: 5\r\n\r\n", 400},
    {POST "X-A: b\r\n Content-Length: 5\r\n\r\n", 400},
    {POST "nothing\r\n\r\n", 400},
    {POST ": nothing\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\nHost: x\n\n", 400},
    {"GET\r\n\r\n", 400},
    {"GET /\r\n\r\n", 400},
    {"GET  HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET / x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {S64 " / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET / HTTP/1.x\r\nHost: x\r\n\r\n", 505},
    {"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505},
    {"GET / http/1.1\r\nHost: x\r\n\r\n", 400},
    {"\r\n\r\n\r\n" GET, 400},
    {"\x16\x03\x01\x02\x00\x01\x00", 400},
};

static void test_screen__bad_heads_are_refused_in_their_turn(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_heads); i++) {
        for (size_t piece = 1; piece < 2000; piece += 1999) {
            const char *why = NULL;
            cleanup(buf_done) struct buf in = {0};
            print_message("case %zu\n", i);
            buf_addf(&in, "%s%s" GET, GET, bad_heads[i].in);
            struct result result = pass(in.data, in.len, piece, true);
            assert_string_equal(buf_str(&result.out), GET REFUSED);
            assert_int_equal(screen_refusal(result.screen, 0, &why), 0);
            assert_int_equal(screen_refusal(result.screen, 1, &why), bad_heads[i].code);
            assert_non_null(why);
            done(&result);
        }
    }
}

static void test_screen__bad_bodies_end_where_they_are_known(void **state)
{
    static const struct {
        const char *in, *out;
        int code;
    } cases[] = {
        {CHUNKS "\r\nzz\r\n", "0\r\n\r\n", 400},
        {CHUNKS "\r\n-1\r\n", "0\r\n\r\n", 400},
        {CHUNKS "\r\n0x3\r\nabc\r\n", "0\r\n\r\n", 400},
        {CHUNKS "\r\n\r\n", "0\r\n\r\n", 400},
        {CHUNKS "\r\n3\nabc", "0\r\n\r\n", 400},
        {CHUNKS "\r\n3;a\x01\r\nabc", "0\r\n\r\n", 400},
        {CHUNKS "\r\nfffffffffffffffff\r\n", "0\r\n\r\n", 413},
        {CHUNKS "\r\n3\r\nabcdef\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n", 400},
        {CHUNKS "\r\n3\r\nabc\r\r", "3\r\nabc\r\n0\r\n\r\n", 400},
        {CHUNKS "\r\n3\r\nabc\r\n0\r\nX\n\n", "3\r\nabc\r\n0\r\n\r\n", 400},
        {CHUNKS "\r\n3\r\nab", "2\r\nab\r\n0\r\n\r\n", 400},
        {CHUNKS "\r\n3\r\nabc\r\n0\r\n", "3\r\nabc\r\n0\r\n\r\n", 400},
        {"Content-Length: 5\r\n\r\nabc", "3\r\nabc\r\n0\r\n\r\n", 400},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *why = NULL;
        cleanup(buf_done) struct buf in = {0}, out = {0};
        print_message("case %zu\n", i);
        buf_addf(&in, POST "%s", cases[i].in);
        buf_addf(&out, POST CHUNKS "\r\n%s", cases[i].out);
        struct result result = pass(in.data, in.len, in.len, true);
        assert_string_equal(buf_str(&result.out), buf_str(&out));
        assert_int_equal(screen_refusal(result.screen, 0, &why), cases[i].code);
        assert_non_null(why);
        done(&result);
    }
}

/* However much comes, a bounded part of a head is held. */
static void test_screen__long_heads(void **state)
{
    static const struct {
        const char *begin, *more;
        int code;
    } cases[] = {
        {"GET /", "a", 414},
        {"GET /x HTTP/1.1\r\nHost: x\r\nX-A: ", "a", 431},
        {"GET /x HTTP/1.1\r\nHost: x\r\n", "X-A: b\r\n", 431},
        {"", "GET / HTTP/1.1", 414},
        {"GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: ", "0", 431},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *why;
        struct result result = pass(cases[i].begin, strlen(cases[i].begin), 100, false);
        for (int j = 0; j < 100000; j++) {
            screen_pass(result.screen, cases[i].more, strlen(cases[i].more), &result.out);
            assert_true(result.out.len < 200);
        }
        assert_string_equal(buf_str(&result.out), REFUSED);
        assert_int_equal(screen_refusal(result.screen, 0, &why), cases[i].code);
        done(&result);
    }
}

static void test_screen__counted(void **state)
{
    static const struct {
        const char *begin, *more, *end;
        int most, code;
    } cases[] = {
        {"GET /x HTTP/1.1\r\nHost: x\r\n", "A: b\r\n", "\r\n", SCREEN_MAX_HEADERS - 1, 431},
        {"GET /x?a", "&b", " HTTP/1.1\r\nHost: x\r\n\r\n", SCREEN_MAX_PARAMS, 400},
        {"GET ", "/", " HTTP/1.1\r\nHost: x\r\n\r\n", SCREEN_MAX_TARGET, 414},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int more = 0; more < 2; more++) {
            const char *why;
            cleanup(buf_done) struct buf in = {0};
            buf_addstr(&in, cases[i].begin);
            for (int j = 0; j < cases[i].most + more; j++)
                buf_addstr(&in, cases[i].more);
            buf_addstr(&in, cases[i].end);
            struct result result = pass(in.data, in.len, in.len, false);
            assert_int_equal(screen_refusal(result.screen, 0, &why), more ? cases[i].code : 0);
            done(&result);
        }
    }
}

static void test_screen__upgraded(void **state)
{
    (void)state;
    static const char raw[] = "\0\n GET \r\r\x7f";
    struct result good = pass(GET, strlen(GET), 7, false);
    screen_upgrade(good.screen);
    buf_drop(&good.out, good.out.len);
    screen_pass(good.screen, raw, sizeof(raw), &good.out);
    screen_end(good.screen, &good.out);
    assert_int_equal(good.out.len, sizeof(raw));
    assert_memory_equal(good.out.data, raw, sizeof(raw));
    done(&good);

    /* One that did not wait: what it sent may be half a request. */
    struct result early = pass(GET "GET /", strlen(GET "GET /"), 7, false);
    screen_upgrade(early.screen);
    buf_drop(&early.out, early.out.len);
    screen_pass(early.screen, raw, sizeof(raw), &early.out);
    assert_int_equal(early.out.len, 0);
    done(&early);
    screen_upgrade(NULL);
}

/* The first request decides whose a connection is; a guest's bodies may be large, and how large is
 * told. */
static void test_screen__guests(void **state)
{
#define V2 "PUT /v2/x HTTP/1.1\r\nHost: x\r\n"
    static const struct {
        const char *in, *out;
        enum screen_side side;
        int code; /* of the second */
    } cases[] = {
        {GET, GET, SCREEN_OWN, 0},
        {"GET /v2/", "", SCREEN_UNDECIDED, 0},
        {"", "", SCREEN_UNDECIDED, 0},
        {"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n", "GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n", SCREEN_GUEST,
         0},
        {"GET /v2?n=1 HTTP/1.1\r\nHost: x\r\n\r\n", "GET /v2?n=1 HTTP/1.1\r\nHost: x\r\n\r\n",
         SCREEN_GUEST, 0},
        {"GET /v20 HTTP/1.1\r\nHost: x\r\n\r\n", "GET /v20 HTTP/1.1\r\nHost: x\r\n\r\n", SCREEN_OWN,
         0},
        {V2 "Content-Length: 99000000\r\nLimpet-Body-Length: 1\r\n\r\nab",
         V2 CHUNKS "Limpet-Body-Length: 99000000\r\n\r\n2\r\nab\r\n", SCREEN_GUEST, 0},
        {V2 "Content-Length: 100000001\r\n\r\n",
         "GET /refused/413 HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n", SCREEN_GUEST,
         413},
        {V2 "\r\n" GET,
         V2 "\r\nGET /refused/421 HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n",
         SCREEN_GUEST, 421},
        {GET V2 "\r\n", GET REFUSED, SCREEN_OWN, 421},
        {"GET\r\n\r\n", REFUSED, SCREEN_OWN, 400},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct result result = {{0}, screen_new()};
        const char *why;
        int code = 0;
        screen_guest(result.screen, "/v2", 100 * 1000 * 1000);
        screen_pass(result.screen, cases[i].in, strlen(cases[i].in), &result.out);
        assert_string_equal(buf_str(&result.out), cases[i].out);
        assert_int_equal(screen_side(result.screen), cases[i].side);
        for (uint64_t n = 0; n < 2; n++)
            code = code ? code : screen_refusal(result.screen, n, &why);
        assert_int_equal(code, cases[i].code);
        done(&result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_screen__good_requests_are_made_plain),
        cmocka_unit_test(test_screen__bad_heads_are_refused_in_their_turn),
        cmocka_unit_test(test_screen__bad_bodies_end_where_they_are_known),
        cmocka_unit_test(test_screen__long_heads),
        cmocka_unit_test(test_screen__counted),
        cmocka_unit_test(test_screen__upgraded),
        cmocka_unit_test(test_screen__guests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
