#include "controller/stream/coded.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct taker {
    struct buf got;
    size_t most; /* that it takes at once */
    bool stopped, ended;
};

static size_t take(void *ctx, const uint8_t *data, size_t len, bool first, bool last)
{
    struct taker *taker = ctx;
    size_t n = len < taker->most ? len : taker->most;
    assert_int_equal(first, taker->got.len == 0);
    buf_add(&taker->got, data, n);
    taker->stopped = n < len;
    taker->ended = last && n == len;
    return n;
}

/* One message in pieces of that size to a taker that takes so much at once. */
static bool read_all(const char *message, size_t piece, struct taker *taker)
{
    struct coded coded = {.digits_len = 3, .skip = 2, .padded = true}; /* of the one before */
    size_t len = strlen(message), at = 0;
    bool wrong = false;
    for (bool first = true; (at < len || taker->stopped) && !wrong; first = false) {
        size_t n = len - at < piece ? len - at : piece;
        at += coded_read(&coded, (const uint8_t *)message + at, n, first, at + n == len, take,
                         taker, &wrong);
    }
    return !wrong;
}

static void test_coded__any_cut(void **state)
{
    static const char *const texts[] = {
        "", "a", "ab", "abc", "abcd", "abcde", "abcdef", "\n", "the quick brown fox jumps over it"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        cleanup(buf_done) struct buf message = {0};
        coded_write((unsigned)i, texts[i], strlen(texts[i]), &message);
        for (size_t piece = 1; piece < 12; piece++)
            for (size_t most = 1; most < 12; most++) {
                struct taker taker = {.most = most};
                assert_true(read_all(buf_str(&message), piece, &taker));
                assert_int_equal(taker.got.len, strlen(texts[i]) + 1);
                assert_int_equal(taker.got.data[0], i);
                assert_memory_equal(taker.got.data + 1, texts[i], strlen(texts[i]));
                assert_true(taker.ended);
                buf_done(&taker.got);
            }
    }
}

static void test_coded__words(void **state)
{
    cleanup(buf_done) struct buf message = {0};
    (void)state;
    coded_write(0, "", 0, &message);
    coded_write(1, "hi", 2, &message);
    coded_write(65, "\0\377", 2, &message);
    assert_string_equal(buf_str(&message), "01aGk=qAP8=");
}

static void test_coded__wrong(void **state)
{
    static const char *const wrong[] = {
        "1a",      "1ab",   "1abc",  "1a===", "1YQ==YQ==",           "1YQ==Y",       "1aG k",
        "1aGk=\n", "1aG-_", "1aGl=", "1====", "1aGkaGkaGkaGk?GkaGk", "1aGk=aGk=aGk="};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        for (size_t piece = 1; piece < 24; piece++) {
            struct taker taker = {.most = SIZE_MAX};

            if (read_all(wrong[i], piece, &taker))
                fail_msg("%s in pieces of %zu", wrong[i], piece);
            buf_done(&taker.got);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coded__any_cut),
        cmocka_unit_test(test_coded__words),
        cmocka_unit_test(test_coded__wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
