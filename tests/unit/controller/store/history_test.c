#include "controller/store/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void push(struct history *history, int64_t revision, size_t len)
{
    static const char zeros[1000];
    struct item *item = item_new("/pods/default/a", zeros, len);
    item->mod_revision = revision;
    history_push(history, item, NULL);
    item_unref(item);
}

static void test_history__capped_by_count(void **state)
{
    (void)state;
    struct history history;
    history_init(&history, 100, 1 << 20, 10);
    assert_int_equal(history.compacted, 10);
    for (int64_t revision = 11; revision <= 1000; revision++)
        push(&history, revision, 10);
    assert_int_equal(history.count, 100);
    assert_int_equal(history.compacted, 900);
    static const struct {
        int64_t from;
        size_t index;
    } cases[] = {{0, 0}, {900, 0}, {901, 1}, {999, 99}, {1000, 100}, {2000, 100}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(history_find(&history, cases[i].from), cases[i].index);
    assert_int_equal(history_at(&history, 0)->item->mod_revision, 901);
    history_done(&history);
}

static void test_history__capped_by_bytes(void **state)
{
    (void)state;
    struct history history;
    history_init(&history, 100, 3000, 0);
    for (int64_t revision = 1; revision <= 20; revision++)
        push(&history, revision, 900);
    assert_in_range(history.bytes, 1000, 3000);
    assert_int_equal(history.compacted, 20 - (int64_t)history.count);
    /* One that is bigger than the cap is kept, alone. */
    history.max_bytes = 500;
    push(&history, 21, 900);
    assert_int_equal(history.count, 1);
    assert_int_equal(history.compacted, 20);
    history_done(&history);
}

/* Revisions have gaps: failed writes and reservations take numbers that nobody sees. */
static void test_history__gaps(void **state)
{
    (void)state;
    struct history history;
    history_init(&history, 100, 1 << 20, 5);
    push(&history, 10, 1);
    push(&history, 20, 1);
    assert_int_equal(history_find(&history, 9), 0);
    assert_int_equal(history_find(&history, 10), 1);
    assert_int_equal(history_find(&history, 15), 1);
    history_done(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history__capped_by_count),
        cmocka_unit_test(test_history__capped_by_bytes),
        cmocka_unit_test(test_history__gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
