#include "agent/pod/pull_progress.h"

#include "common/base/clock.h"
#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define MB INT64_C(1000000)

/* What is told over a pull of 100 MB at so many bytes a second. */
static void pull(int64_t bytes_s, int *ret_statuses, int *ret_events)
{
    struct pull_progress p;
    int64_t now = 1000 * NS_PER_S;
    pull_progress_ask(&p, now);
    *ret_statuses = *ret_events = 0;
    assert_int_equal(pull_progress_step(&p, now, 0, 0), PULL_TELL_BEGUN);
    for (int64_t done = 0; done < 100 * MB; done += bytes_s / 5) {
        now += NS_PER_S / 5;
        int tell = pull_progress_step(&p, now, done, 100 * MB);
        *ret_statuses += (tell & PULL_TELL_STATUS) != 0;
        *ret_events += (tell & PULL_TELL_EVENT) != 0;
    }
}

static void test_pull_progress__is_bounded(void **state)
{
    (void)state;
    static const struct {
        int64_t bytes_s;
        int statuses_min, statuses_max, events;
    } cases[] = {
        {20 * MB, 0, 0, 0}, /* 5 s: nobody waits for that */
        {2 * MB, 3, 5, 1},  /* 50 s */
        {MB, 4, 7, 3},
        {8000, 10, 31, 3}, /* 3.5 h */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int statuses = 0, events = 0;
        pull(cases[i].bytes_s, &statuses, &events);
        assert_in_range(statuses, cases[i].statuses_min, cases[i].statuses_max);
        assert_int_equal(events, cases[i].events);
    }
}

static void test_pull_progress__words(void **state)
{
    (void)state;
    struct pull_progress p;
    cleanup(buf_done) struct buf text = {0};
    pull_progress_ask(&p, NS_PER_S);
    assert_string_equal(p.text, "");
    pull_progress_end(&p, 9 * NS_PER_S, "web:1", 7, &text);
    assert_string_equal(buf_str(&text), "Container image \"web:1\" already present on machine");
    buf_drop(&text, text.len);
    (void)pull_progress_step(&p, 3 * NS_PER_S, 0, 0);
    assert_string_equal(p.text, "");
    assert_int_equal(pull_progress_step(&p, 20 * NS_PER_S, 30 * MB, 120500000), PULL_TELL_STATUS);
    assert_string_equal(p.text, "24% of 120.5 MB");
    pull_progress_end(&p, 8 * NS_PER_S + NS_PER_S / 4, "web:1", 7, &text);
    assert_string_equal(buf_str(&text), "Successfully pulled image \"web:1\" in 5.250s (7.250s "
                                        "including waiting). Image size: 7 bytes.");
}

/* What a hostile registry makes of its sizes is told as some per cent. */
static void test_pull_progress__odd_numbers(void **state)
{
    (void)state;
    static const int64_t cases[][2] = {
        {-1, 7}, {9, 7}, {INT64_MAX, 1}, {INT64_MIN, INT64_MAX}, {5, -5}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pull_progress p;
        pull_progress_ask(&p, 0);
        (void)pull_progress_step(&p, NS_PER_S, 0, 0);
        (void)pull_progress_step(&p, 60 * NS_PER_S, cases[i][0], cases[i][1]);
        assert_in_range(p.told + 1, 0, 101);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pull_progress__is_bounded),
        cmocka_unit_test(test_pull_progress__words),
        cmocka_unit_test(test_pull_progress__odd_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
