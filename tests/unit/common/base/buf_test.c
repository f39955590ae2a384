#include "common/base/buf.h"

#include "common/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_buf__grows_and_stays_terminated(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf buf;
    buf_init(&buf, 0);
    assert_string_equal(buf_str(&buf), "");
    assert_null(buf.data);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(buf_addf(&buf, "%03d,", i), 0);
        assert_int_equal(buf.data[buf.len], '\0');
    }
    assert_int_equal(buf.len, 4000);
    assert_memory_equal(buf.data + 4 * 517, "517,", 4);
    assert_int_equal(buf_add(&buf, NULL, 0), 0);
    assert_int_equal(buf_add(&buf, "\0z", 2), 0);
    assert_memory_equal(buf.data + 4000, "\0z", 3);
}

static void test_buf__cap_holds(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf buf;
    buf_init(&buf, 10);
    assert_int_equal(buf_addstr(&buf, "12345678"), 0);
    assert_int_equal(buf_addstr(&buf, "abc"), -E2BIG);
    assert_int_equal(buf_addf(&buf, "%d", 100), -E2BIG);
    assert_null(buf_reserve(&buf, 3));
    assert_null(buf_reserve(&buf, SIZE_MAX));
    assert_int_equal(buf_add(&buf, "x", SIZE_MAX - 2), -E2BIG);
    assert_string_equal(buf_str(&buf), "12345678"); /* unchanged */
    assert_int_equal(buf_addstr(&buf, "90"), 0);    /* up to the cap itself */
    assert_int_equal(buf_addc(&buf, 'x'), -E2BIG);
    assert_int_equal(buf_addstr(&buf, ""), 0);
    assert_string_equal(buf_str(&buf), "1234567890");
}

static void test_buf__reserve_then_commit(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf buf;
    buf_init(&buf, 100);
    (void)buf_addstr(&buf, "ab");
    char *to = buf_reserve(&buf, 98);
    assert_non_null(to);
    memcpy(to, "cd", 2);
    buf.len += 2;
    assert_string_equal(buf_str(&buf), "abcd");
}

static void test_buf__drop(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf buf;
    buf_init(&buf, 0);
    buf_drop(&buf, 3); /* of nothing */
    (void)buf_addstr(&buf, "hello");
    buf_drop(&buf, 2);
    assert_string_equal(buf_str(&buf), "llo");
    buf_drop(&buf, 99);
    assert_string_equal(buf_str(&buf), "");
    assert_int_equal(buf.len, 0);
}

static void test_buf__steal_and_reuse(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf buf;
    buf_init(&buf, 5);
    size_t len = 9;
    autofree char *empty = buf_steal(&buf, &len);
    assert_string_equal(empty, "");
    assert_int_equal(len, 0);
    (void)buf_addstr(&buf, "abc");
    autofree char *full = buf_steal(&buf, &len);
    assert_string_equal(full, "abc");
    assert_int_equal(len, 3);
    assert_int_equal(buf_addstr(&buf, "abcdef"), -E2BIG); /* the cap is still there */
    assert_int_equal(buf_addstr(&buf, "abcde"), 0);
    buf_done(&buf);
    assert_int_equal(buf_addstr(&buf, "again"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf__grows_and_stays_terminated),
        cmocka_unit_test(test_buf__cap_holds),
        cmocka_unit_test(test_buf__reserve_then_commit),
        cmocka_unit_test(test_buf__drop),
        cmocka_unit_test(test_buf__steal_and_reuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
