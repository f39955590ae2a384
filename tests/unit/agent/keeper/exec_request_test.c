#include "agent/keeper/exec_request.h"

#include "agent/runtime/wire.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const char *words[] = {"sh", "-c", "echo \"$1\"", "", NULL};

static void test_exec_request__round_trip(void **state)
{
    (void)state;
    static const struct {
        struct exec_request request;
        size_t fds;
    } cases[] = {
        {{.container = "app", .argv = words, .streams = EXEC_IN | EXEC_OUT | EXEC_ERR}, 4},
        {{.container = "app", .argv = words, .streams = EXEC_ERR}, 2},
        {{.container = "app", .argv = words, .tty = true, .streams = EXEC_IN | EXEC_OUT}, 1},
        {{.container = "app", .attach = true, .streams = EXEC_IN | EXEC_OUT | EXEC_ERR}, 3},
        {{.container = "app", .attach = true, .tty = true, .streams = EXEC_OUT}, 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct exec_request *request = &cases[i].request;
        struct exec_request back;
        cleanup(buf_done) struct buf bytes;
        buf_init(&bytes, EXEC_MAX_BYTES);
        assert_int_equal(exec_request_encode(request, &bytes), 0);
        assert_int_equal(exec_request_decode(bytes.data, bytes.len, &back), 0);
        assert_string_equal(back.container, "app");
        assert_int_equal(back.attach, request->attach);
        assert_int_equal(back.tty, request->tty);
        assert_int_equal(back.streams, request->streams);
        assert_int_equal(exec_request_fds(&back), cases[i].fds);
        assert_false(back.lasting);
        assert_false(back.of_attempt);
        for (size_t k = 0; request->argv && k < ARRAY_LEN(words); k++)
            assert_true(!words[k] ? !back.argv[k] : str_eq(back.argv[k], words[k]));
        exec_request_done(&back);
        for (size_t len = 0; len < bytes.len; len++)
            assert_int_equal(exec_request_decode(bytes.data, len, &back), -EINVAL);
    }
}

/* A word at the end, which an earlier keeper passes over. */
static void test_exec_request__lasting(void **state)
{
    (void)state;
    const struct exec_request request = {.container = "app", .argv = words, .lasting = true};
    struct exec_request back;
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, EXEC_MAX_BYTES);
    assert_int_equal(exec_request_encode(&request, &bytes), 0);
    assert_int_equal(exec_request_decode(bytes.data, bytes.len, &back), 0);
    assert_true(back.lasting);
    exec_request_done(&back);
    assert_int_equal(exec_request_decode(bytes.data, bytes.len - 1, &back), -EINVAL);
}

/* Another behind it. */
static void test_exec_request__of_an_attempt(void **state)
{
    (void)state;
    for (int lasting = 0; lasting < 2; lasting++) {
        const struct exec_request request = {.container = "app",
                                             .argv = words,
                                             .lasting = lasting,
                                             .of_attempt = true,
                                             .attempt = 4000000000U};
        struct exec_request back;
        cleanup(buf_done) struct buf bytes;
        buf_init(&bytes, EXEC_MAX_BYTES);
        assert_int_equal(exec_request_encode(&request, &bytes), 0);
        assert_int_equal(exec_request_decode(bytes.data, bytes.len, &back), 0);
        assert_int_equal(back.lasting, lasting);
        assert_true(back.of_attempt);
        assert_int_equal(back.attempt, request.attempt);
        exec_request_done(&back);
        assert_int_equal(exec_request_decode(bytes.data, bytes.len - 1, &back), -EINVAL);
    }
}

static void test_exec_request__fits(void **state)
{
    (void)state;
    static const struct {
        struct exec_request request;
        struct keeper_container container;
        bool fits;
    } cases[] = {
        {{0}, {.pid = 7}, true},
        {{0}, {.pid = 7, .restarts = 3}, true}, /* of an agent that does not say */
        {{0}, {.pid = 0, .restarts = 3}, false},
        {{.of_attempt = true}, {.pid = 7}, true},
        {{.of_attempt = true, .attempt = 3}, {.pid = 7, .restarts = 3}, true},
        {{.of_attempt = true, .attempt = 3}, {.pid = 0, .restarts = 3}, false},
        {{.of_attempt = true, .attempt = 2}, {.pid = 7, .restarts = 3}, false},
        {{.of_attempt = true}, {.pid = 7, .restarts = 1}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(exec_request_fits(&cases[i].request, &cases[i].container), cases[i].fits);
}

static void put(struct buf *bytes, uint32_t attach, const char *container, uint32_t streams,
                uint32_t count, const char *word)
{
    buf_init(bytes, 4096);
    assert_int_equal(wire_put_u32(bytes, attach), 0);
    assert_int_equal(wire_put_str(bytes, container), 0);
    assert_int_equal(wire_put_u32(bytes, 0), 0);
    assert_int_equal(wire_put_u32(bytes, streams), 0);
    assert_int_equal(wire_put_u32(bytes, count), 0);
    for (uint32_t i = 0; i < count && i < 2; i++)
        assert_int_equal(wire_put_str(bytes, word), 0);
}

static void test_exec_request__refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t attach;
        const char *container;
        uint32_t streams, count;
        const char *word;
    } cases[] = {
        {2, "app", 0, 1, "true"},
        {0, NULL, 0, 1, "true"},
        {0, "app", 8, 1, "true"},
        {0, "app", 0, 0, "true"},
        {1, "app", 0, 1, "true"},
        {0, "app", 0, 1, ""},
        {0, "app", 0, 1, NULL},
        {0, "app", 0, UINT32_MAX, "true"},
        {0, "app", 0, EXEC_MAX_WORDS, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exec_request back;
        cleanup(buf_done) struct buf bytes;
        put(&bytes, cases[i].attach, cases[i].container, cases[i].streams, cases[i].count,
            cases[i].word);
        assert_int_equal(exec_request_decode(bytes.data, bytes.len, &back), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exec_request__round_trip),
        cmocka_unit_test(test_exec_request__lasting),
        cmocka_unit_test(test_exec_request__of_an_attempt),
        cmocka_unit_test(test_exec_request__fits),
        cmocka_unit_test(test_exec_request__refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
