#include "agent/fetch/inflow.h"

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/str.h"

#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SEGMENT 1448
#define FIRST (4 * SEGMENT)

/* A line that carries `rate` bytes a second, with a queue without end before it, and a sender that
 * sends all that it may. */
struct line {
    int64_t rate, base_ns;
    int64_t now, free_ns; /* free_ns: when the line has carried what was sent so far */
    int64_t received;
    int limit;
    struct inflow flow;
    struct {
        int64_t at;
    } flying[1 << 16]; /* a ring of segments: when each arrives */
    unsigned head, tail;
    int64_t queue_ns; /* what the last one waited */
};

static void send_all(struct line *line)
{
    while ((int64_t)(line->tail - line->head + 1) * SEGMENT <= line->limit &&
           line->tail - line->head < ARRAY_LEN(line->flying)) {
        int64_t at = line->now + line->base_ns;
        line->queue_ns = line->free_ns > at ? line->free_ns - at : 0;
        at = line->free_ns > at ? line->free_ns : at;
        line->free_ns = at + (int64_t)((double)SEGMENT * 1e9 / (double)line->rate);
        line->flying[line->tail++ % ARRAY_LEN(line->flying)].at = line->free_ns;
    }
}

static void run(struct line *line, int64_t ns)
{
    int64_t until = line->now + ns;
    while (line->now < until) {
        send_all(line);
        line->now = line->flying[line->head++ % ARRAY_LEN(line->flying)].at;
        line->received += SEGMENT;
        const struct inflow_sample sample = {.now_ns = line->now,
                                             .bytes = line->received,
                                             .rtt_ns = line->base_ns,
                                             .segment = SEGMENT};
        int limit = inflow_limit(&line->flow, &sample);
        line->limit = limit > 0 ? limit : line->limit;
    }
}

static void line_new(struct line *line, int64_t rate, int64_t base_ms)
{
    *line = (struct line){
        .rate = rate, .base_ns = base_ms * NS_PER_MS, .now = NS_PER_S, .limit = FIRST};
    inflow_init(&line->flow);
}

static void test_inflow__a_queue_is_short_and_the_line_is_full(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int64_t rate, base_ms, queue_ms; /* the longest that may stand */
    } cases[] = {
        {"64 kbit/s", 8000, 20, 360}, /* two segments */
        {"64 kbit/s, far", 8000, 300, 450}, {"64 kbit/s by satellite", 8000, 2000, 700},
        {"1 Mbit/s", 125000, 40, 130},      {"10 Mbit/s, far", 1250000, 300, 130},
        {"100 Mbit/s", 12500000, 10, 130},
    };
    static struct line line;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        line_new(&line, cases[i].rate, cases[i].base_ms);
        run(&line, 30 * NS_PER_S);
        int64_t before = line.received, from = line.now;
        run(&line, 30 * NS_PER_S);
        double used = (double)(line.received - before) /
                      ((double)line.rate * (double)(line.now - from) / 1e9);
        if (used < 0.95 || line.queue_ns > cases[i].queue_ms * NS_PER_MS)
            fail_msg("%s: used %.2f, queue %lld ms", cases[i].what, used,
                     (long long)(line.queue_ns / NS_PER_MS));
    }
}

static void test_inflow__a_wide_line_is_soon_full(void **state)
{
    (void)state;
    static struct line line;
    line_new(&line, 12500000, 50);
    run(&line, 3 * NS_PER_S);
    int64_t before = line.received;
    run(&line, NS_PER_S);
    assert_true(line.received - before > line.rate * 9 / 10);
}

static void test_inflow__a_line_that_got_narrow(void **state)
{
    (void)state;
    static struct line line;
    line_new(&line, 1250000, 50);
    run(&line, 5 * NS_PER_S);
    line.rate = 16000;
    run(&line, 60 * NS_PER_S);
    assert_true(line.queue_ns < 400 * NS_PER_MS);
}

static void test_inflow__a_stall_is_forgotten(void **state)
{
    (void)state;
    static struct line line;
    line_new(&line, 125000, 50);
    run(&line, 5 * NS_PER_S);
    int before = line.limit;
    line.now += 20 * NS_PER_S; /* nothing comes */
    line.free_ns = line.now;
    run(&line, 100 * NS_PER_MS);
    assert_true(line.limit > before / 2);
    run(&line, 3 * NS_PER_S);
    assert_true(line.limit > before * 8 / 10);
}

/* Who keeps its answers back to look far away. */
static void test_inflow__a_late_answer_buys_no_long_queue(void **state)
{
    (void)state;
    static struct line line;
    line_new(&line, 8000, 60000);
    for (int i = 0; i < 200; i++) {
        line.now += 100 * NS_PER_MS;
        line.received += 800;
        const struct inflow_sample sample = {
            .now_ns = line.now, .bytes = line.received, .rtt_ns = line.base_ns, .segment = SEGMENT};
        int limit = inflow_limit(&line.flow, &sample);
        line.limit = limit > 0 ? limit : line.limit;
    }
    assert_true(line.limit < 8000 * 4);
}

static void test_inflow__absurd_numbers(void **state)
{
    (void)state;
    struct inflow flow;
    inflow_init(&flow);
    struct inflow_sample sample = {.now_ns = 1, .bytes = 0, .rtt_ns = 0, .segment = 0};
    assert_int_equal(inflow_limit(&flow, &sample), 0);
    sample.bytes = INT64_MAX / 2;
    sample.now_ns += NS_PER_S;
    assert_int_equal(inflow_limit(&flow, &sample), 1 << 30);
    sample.bytes = 5; /* another connection, under the same number */
    assert_int_equal(inflow_limit(&flow, &sample), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inflow__a_queue_is_short_and_the_line_is_full),
        cmocka_unit_test(test_inflow__a_wide_line_is_soon_full),
        cmocka_unit_test(test_inflow__a_line_that_got_narrow),
        cmocka_unit_test(test_inflow__a_stall_is_forgotten),
        cmocka_unit_test(test_inflow__a_late_answer_buys_no_long_queue),
        cmocka_unit_test(test_inflow__absurd_numbers),
    };
    return cmocka_run_group_tests_name("inflow", tests, NULL, NULL);
}
