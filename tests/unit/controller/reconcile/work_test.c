#include "controller/reconcile/work.h"

#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Takes all that is due, as "a b c"; they stay held. */
static const char *take_all(struct work *work, int64_t now)
{
    static char text[200];
    const char *key;
    *text = '\0';
    while ((key = work_take(work, now)))
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", *text ? " " : "", key);
    return text;
}

static void test_work__once_and_in_order(void **state)
{
    static const struct {
        const char *key;
        int64_t priority;
    } puts[] = {{"a", 0}, {"b", 0}, {"c", 7}, {"a", 0}, {"d", -1}, {"b", 9}, {"e", 0}, {"d", -1}};
    struct work *work = work_new(10, 10);
    (void)state;
    assert_int_equal(work_next(work), INT64_MAX);
    for (size_t i = 0; i < ARRAY_LEN(puts); i++)
        work_put(work, puts[i].key, puts[i].priority);
    assert_int_equal(work_next(work), 0);
    assert_int_equal(work_count(work), 5);
    assert_string_equal(take_all(work, 0), "b c a e d");
    assert_int_equal(work_next(work), INT64_MAX);
    for (const char *key = "abcde"; *key; key++) {
        const char name[] = {*key, '\0'};
        work_end(work, name, WORK_DONE, 0);
    }
    assert_int_equal(work_count(work), 0);
    work_free(work);
}

static void test_work__later(void **state)
{
    struct work *work = work_new(10, 10);
    (void)state;
    work_put_at(work, "a", 50);
    work_put_at(work, "b", 30);
    work_put_at(work, "a", 40);
    work_put_at(work, "b", 60); /* the earlier time stands */
    assert_int_equal(work_next(work), 30);
    assert_string_equal(take_all(work, 29), "");
    assert_string_equal(take_all(work, 39), "b");
    assert_int_equal(work_next(work), 40);
    work_put(work, "a", 0); /* now is earlier still */
    assert_int_equal(work_next(work), 0);
    work_put_at(work, "a", 100);
    assert_string_equal(take_all(work, 39), "a");
    work_put_at(work, "c", 70);
    assert_true(work_waits(work, "c"));
    work_drop(work, "c");
    work_drop(work, "nobody");
    assert_false(work_waits(work, "c"));
    assert_int_equal(work_next(work), INT64_MAX);
    work_free(work);
}

/* Whatever happens to a key while it is held happens when the last has let go of it. */
static void test_work__held(void **state)
{
    struct work *work = work_new(10, 10);
    (void)state;
    work_put(work, "a", 3);
    assert_string_equal(take_all(work, 0), "a");
    work_hold(work, "a");
    work_put(work, "a", 5);
    work_put_at(work, "a", 99);
    assert_true(work_waits(work, "a"));
    assert_string_equal(take_all(work, 200), "");
    work_end(work, "a", WORK_DONE, 0);
    assert_string_equal(take_all(work, 200), "");
    work_end(work, "a", WORK_HELD, 0);
    work_put(work, "b", 4);
    work_end(work, "a", WORK_DONE, 0);
    assert_string_equal(take_all(work, 0), "a b");

    /* For a time; and not at all. */
    work_put_at(work, "a", 50);
    work_put(work, "b", 0);
    work_drop(work, "b");
    work_end(work, "a", WORK_DONE, 0);
    work_end(work, "b", WORK_DONE, 0);
    assert_int_equal(work_next(work), 50);
    assert_int_equal(work_count(work), 1);

    /* Held by a writer that nobody looked for: what was put comes after it. */
    work_put(work, "c", 8);
    work_hold(work, "a");
    work_hold(work, "c");
    assert_string_equal(take_all(work, 60), "");
    work_end(work, "c", WORK_DONE, 0);
    assert_int_equal(work_next(work), 0);
    assert_string_equal(take_all(work, 0), "c");
    work_end(work, "a", WORK_DONE, 0);
    assert_int_equal(work_next(work), 50);
    work_free(work);
}

static void test_work__failures_wait_longer(void **state)
{
    static const int64_t waits[] = {10, 20, 40, 70, 70};
    struct work *work = work_new(10, 70);
    int64_t now = 0;
    (void)state;
    work_put(work, "a", 0);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
            assert_string_equal(take_all(work, now), "a");
            work_hold(work, "a");
            assert_int_equal(work_end(work, "a", WORK_LATER, now), i + 1);
            assert_int_equal(work_end(work, "a", i % 2 ? WORK_LATER : WORK_DONE, now), i + 1);
            assert_int_equal(work_next(work), now + waits[i]);
            now += waits[i];
        }
        /* What is put meanwhile is looked at at once, and does not make good. */
        work_put(work, "a", 0);
        assert_string_equal(take_all(work, now), "a");
        work_put(work, "a", 0);
        work_end(work, "a", WORK_LATER, now);
        assert_int_equal(work_next(work), 0);
        assert_string_equal(take_all(work, now), "a");
        work_end(work, "a", WORK_AGAIN, now); /* this does */
    }
    work_free(work);
}

/* A look that wants another one later, and whose write fails, gets whichever comes first. */
static void test_work__a_failure_and_a_time(void **state)
{
    static const struct {
        int64_t at, wanted;
    } cases[] = {{3600, 10}, {7, 7}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct work *work = work_new(10, 70);
        work_put(work, "a", 0);
        assert_string_equal(take_all(work, 0), "a");
        work_hold(work, "a");
        work_put_at(work, "a", cases[i].at);
        work_end(work, "a", WORK_DONE, 0);  /* the look */
        work_end(work, "a", WORK_LATER, 0); /* the write */
        assert_int_equal(work_next(work), cases[i].wanted);
        work_free(work);
    }
}

/* Thousands of failures in a row do not overflow. */
static void test_work__fails_for_ever(void **state)
{
    struct work *work = work_new(1000000000, INT64_MAX / 4);
    int64_t now = 0;
    (void)state;
    work_put(work, "a", 0);
    for (int i = 0; i < 5000; i++) {
        assert_string_equal(take_all(work, INT64_MAX), "a");
        work_end(work, "a", WORK_LATER, now);
        assert_true(work_next(work) >= now && work_next(work) <= INT64_MAX / 4);
    }
    work_free(work);
}

/* What awaits a change waits for that, or for a time, with the priority that it has. */
static void test_work__awaits(void **state)
{
    struct work *work = work_new(10, 10);
    (void)state;
    assert_false(work_awaits(work));
    work_await(work, "a", 0);
    work_put(work, "b", 0);
    work_await(work, "b", 5);
    work_await(work, "c", 0);
    work_await(work, "d", 0);
    work_drop(work, "d");
    assert_true(work_awaits(work));
    assert_true(work_waits(work, "a"));
    assert_int_equal(work_count(work), 3);
    assert_int_equal(work_next(work), INT64_MAX);
    assert_string_equal(take_all(work, 1000), "");
    work_stir(work);
    assert_false(work_awaits(work));
    assert_string_equal(take_all(work, 0), "b a c");

    /* Begun while it is looked at, it lasts; what was put for meanwhile is no longer wanted. */
    work_put(work, "a", 0);
    work_await(work, "a", 0);
    work_end(work, "a", WORK_DONE, 0);
    work_end(work, "b", WORK_DONE, 0);
    assert_int_equal(work_count(work), 2);
    assert_int_equal(work_next(work), INT64_MAX);

    /* A change while it is held counts afterwards; a failure waits for its time, whatever else
       changes meanwhile, before it is let go of or after. */
    work_await(work, "c", 0);
    work_stir(work);
    assert_string_equal(take_all(work, 0), "a");
    work_end(work, "c", WORK_DONE, 0);
    assert_string_equal(take_all(work, 0), "c");
    for (int i = 0; i < 3; i++) {
        work_await(work, "a", 0);
        if (i == 1)
            work_stir(work);
        assert_true(work_waits(work, "a"));
        work_end(work, "a", WORK_LATER, i * 10);
        assert_false(work_awaits(work));
        work_stir(work);
        assert_int_equal(work_next(work), (i + 1) * 10);
        assert_string_equal(take_all(work, (i + 1) * 10), "a");
    }
    work_put(work, "a", 0); /* what is about itself does count */
    work_end(work, "a", WORK_LATER, 30);
    assert_string_equal(take_all(work, 30), "a");
    work_end(work, "a", WORK_DONE, 30);

    /* What it awaited before it awaits anew, or is dropped, is forgotten. */
    work_put(work, "a", 0);
    assert_string_equal(take_all(work, 30), "a");
    work_await(work, "a", 0);
    work_stir(work);
    work_await(work, "a", 0);
    work_end(work, "a", WORK_DONE, 30);
    assert_int_equal(work_next(work), INT64_MAX);
    assert_true(work_awaits(work));
    work_stir(work);
    assert_string_equal(take_all(work, 30), "a");
    work_await(work, "a", 0);
    work_stir(work);
    work_drop(work, "a");
    assert_false(work_waits(work, "a"));
    work_end(work, "a", WORK_DONE, 30);

    /* Whichever comes first. */
    work_await(work, "a", 1);
    work_put_at(work, "a", 50);
    work_await(work, "b", 0);
    work_put_at(work, "b", 20);
    work_await(work, "d", 9);
    work_put_at(work, "d", 50);
    assert_string_equal(take_all(work, 30), "b");
    assert_string_equal(take_all(work, 50), "d a");
    assert_false(work_awaits(work));
    work_free(work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_work__once_and_in_order),
        cmocka_unit_test(test_work__later),
        cmocka_unit_test(test_work__held),
        cmocka_unit_test(test_work__failures_wait_longer),
        cmocka_unit_test(test_work__a_failure_and_a_time),
        cmocka_unit_test(test_work__fails_for_ever),
        cmocka_unit_test(test_work__awaits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
