#include "controller/http/message_cut.h"

#include "common/base/buf.h"
#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define UPGRADED                                                                                   \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

/* Head and messages in pieces of any size: cuts stand at their ends and nowhere else. */
static void test_message_cut__ends(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 5, 125, 126, 200, 65535, 65536, 70000, 1};
    cleanup(buf_done) struct buf bytes = {0};
    size_t ends[ARRAY_LEN(sizes) + 1], count = 0;
    (void)buf_addstr(&bytes, UPGRADED);
    ends[count++] = bytes.len;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        size_t size = sizes[i];
        uint8_t head[10] = {0x82, size < 126 ? (uint8_t)size : size < 65536 ? 126 : 127};
        size_t head_len = size < 126 ? 2 : size < 65536 ? 4 : 10;
        for (size_t b = 2; b < head_len; b++)
            head[b] = (uint8_t)(size >> (8 * (head_len - 1 - b)));
        (void)buf_add(&bytes, head, head_len);
        for (size_t b = 0; b < size; b++)
            (void)buf_addc(&bytes, (char)b);
        ends[count++] = bytes.len;
    }
    static const size_t pieces[] = {1, 2, 3, 1000, 16384, 1 << 20};
    for (size_t p = 0; p < ARRAY_LEN(pieces); p++) {
        struct message_cut cut = {0};
        /* The head comes at once. */
        size_t at = message_cut(&cut, (const uint8_t *)bytes.data, bytes.len), next = 1;
        assert_int_equal(at, ends[0]);
        while (at < bytes.len) {
            size_t len = bytes.len - at < pieces[p] ? bytes.len - at : pieces[p];
            size_t n = message_cut(&cut, (const uint8_t *)bytes.data + at, len);
            assert_in_range(n, 1, len);
            at += n;
            assert_true(at <= ends[next]);
            assert_true(n == len || at == ends[next]);
            next += at == ends[next];
        }
        assert_int_equal(next, count);
    }
}

static void test_message_cut__of_other_answers(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\x82\0",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\n\r\n\x82\0",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n",
        "x",
    };
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct message_cut cut = {0};
        size_t len = strlen(answers[i]) + 1;
        assert_int_equal(message_cut(&cut, (const uint8_t *)answers[i], len), len);
        assert_false(cut.messages);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_cut__ends),
        cmocka_unit_test(test_message_cut__of_other_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
