#include "common/base/buf.h"
#include "common/base/rng.h"
#include "common/loop/loop.h"

#include "tests/sim/fake/clock_fake.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct fixture {
    struct clock_fake clock;
    struct loop *loop;
    struct buf order;
};

struct named {
    struct fixture *fixture;
    struct loop_timer *timer, *victim;
    int64_t again; /* re-arms itself by this; -1: not */
    char name;
};

static void ring(void *ctx)
{
    struct named *named = ctx;
    (void)buf_addc(&named->fixture->order, named->name);
    assert_false(loop_timer_armed(named->timer));
    if (named->again >= 0)
        loop_timer_after(named->timer, named->again);
    loop_timer_free(named->victim);
    if (named->victim == named->timer)
        named->timer = NULL;
    named->victim = NULL;
}

static void open_fixture(struct fixture *f)
{
    struct err err = {0};
    *f = (struct fixture){0};
    clock_fake_init(&f->clock, 1000, 0);
    assert_int_equal(loop_new(&f->clock.clock, &f->loop, &err), 0);
}

static void close_fixture(struct fixture *f)
{
    loop_free(f->loop); /* and the timers that are left */
    buf_done(&f->order);
}

static void add(struct fixture *f, struct named *named, char name, int64_t after)
{
    *named = (struct named){.fixture = f, .name = name, .again = -1};
    named->timer = loop_timer_new(f->loop, ring, named);
    loop_timer_after(named->timer, after);
}

static void expect(struct fixture *f, int64_t advance, const char *order)
{
    clock_fake_advance(&f->clock, advance);
    assert_int_equal(loop_step(f->loop, 0), 0);
    assert_string_equal(buf_str(&f->order), order);
    buf_done(&f->order);
}

static void test_timer__in_order_of_time_then_of_arming(void **state)
{
    (void)state;
    struct fixture f;
    struct named a, b, c, d;
    open_fixture(&f);
    add(&f, &a, 'a', 30);
    add(&f, &b, 'b', 10);
    add(&f, &c, 'c', 30);
    add(&f, &d, 'd', 20);
    loop_timer_after(a.timer, 30); /* armed anew: now behind c */
    assert_true(loop_next(f.loop) == 1010);
    expect(&f, 9, "");
    expect(&f, 1, "b");
    assert_true(loop_next(f.loop) == 1020);
    expect(&f, 50, "dca");
    expect(&f, 50, "");
    assert_true(loop_next(f.loop) == INT64_MAX);
    close_fixture(&f);
}

static void test_timer__stopped_and_replaced(void **state)
{
    (void)state;
    struct fixture f;
    struct named a, b;
    open_fixture(&f);
    add(&f, &a, 'a', 10);
    add(&f, &b, 'b', 10);
    assert_true(loop_timer_armed(a.timer));
    loop_timer_stop(a.timer);
    loop_timer_stop(a.timer);
    assert_false(loop_timer_armed(a.timer));
    loop_timer_at(b.timer, 1100); /* later than before */
    expect(&f, 99, "");
    expect(&f, 1, "b");
    loop_timer_at(b.timer, -5); /* long ago */
    expect(&f, 0, "b");
    loop_timer_after(b.timer, INT64_MAX);
    assert_true(loop_timer_armed(b.timer));
    assert_true(loop_next(f.loop) > INT64_MAX - 10);
    expect(&f, 1000, "");
    close_fixture(&f);
}

static void test_timer__one_that_rearms_itself_waits_a_batch(void **state)
{
    (void)state;
    struct fixture f;
    struct named a, b;
    open_fixture(&f);
    add(&f, &a, 'a', 0);
    add(&f, &b, 'b', 0);
    a.again = 0;
    expect(&f, 0, "ab");
    expect(&f, 0, "a");
    expect(&f, 0, "a");
    close_fixture(&f);
}

static void test_timer__freed_in_callbacks(void **state)
{
    (void)state;
    struct fixture f;
    struct named a, b, c, d;
    open_fixture(&f);
    add(&f, &a, 'a', 1);
    add(&f, &b, 'b', 1);
    add(&f, &c, 'c', 1);
    add(&f, &d, 'd', 50);
    a.victim = b.timer; /* due in the same batch */
    c.victim = c.timer; /* its own */
    expect(&f, 5, "ac");
    a.victim = d.timer;
    loop_timer_after(a.timer, 0);
    expect(&f, 100, "a");
    close_fixture(&f);
}

static void test_timer__many(void **state)
{
    (void)state;
    enum { MANY = 500 };
    struct fixture f;
    open_fixture(&f);
    struct rng_seeded rng;
    rng_seeded_init(&rng, 9);
    static struct named timers[MANY];
    static int64_t at[MANY];
    for (int i = 0; i < MANY; i++)
        add(&f, &timers[i], 'x', at[i] = (int64_t)rng_below(&rng.rng, 1000));
    for (int i = 0; i < MANY; i += 3) {
        if (i % 2)
            loop_timer_stop(timers[i].timer);
        else
            loop_timer_at(timers[i].timer, 1000 + (at[i] = (int64_t)rng_below(&rng.rng, 1000)));
    }
    for (int64_t now = 0; now < 1000; now++) {
        size_t want = 0;
        int64_t next = INT64_MAX;
        for (int i = 0; i < MANY; i++) {
            bool armed = i % 3 || i % 2 == 0;
            want += armed && at[i] == now;
            if (armed && at[i] >= now && at[i] + 1000 < next)
                next = at[i] + 1000;
        }
        assert_true(loop_next(f.loop) == next);
        assert_int_equal(loop_step(f.loop, 0), 0);
        assert_int_equal(f.order.len, want);
        buf_drop(&f.order, want);
        clock_fake_advance(&f.clock, 1);
    }
    close_fixture(&f);
}

static void count(void *ctx)
{
    ++*(int *)ctx;
}

static void test_timer__real_time(void **state)
{
    (void)state;
    struct loop *loop;
    struct err err = {0};
    int rang = 0;
    assert_int_equal(loop_new(clock_system(), &loop, &err), 0);
    struct loop_timer *timer = loop_timer_new(loop, count, &rang);
    loop_timer_after(timer, 3600 * NS_PER_S);
    assert_int_equal(loop_step(loop, NS_PER_MS), 0); /* the caller's limit comes first */
    assert_int_equal(rang, 0);
    int64_t start = loop_now(loop);
    loop_timer_after(timer, 15 * NS_PER_MS);
    for (int i = 0; i < 10 && !rang; i++)
        assert_int_equal(loop_step(loop, -1), 0);
    assert_int_equal(rang, 1);
    assert_true(loop_now(loop) - start >= 15 * NS_PER_MS);
    assert_true(loop_now(loop) - start < 20 * NS_PER_S); /* a noisy machine */
    loop_timer_free(timer);
    loop_timer_free(NULL);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timer__in_order_of_time_then_of_arming),
        cmocka_unit_test(test_timer__stopped_and_replaced),
        cmocka_unit_test(test_timer__one_that_rearms_itself_waits_a_batch),
        cmocka_unit_test(test_timer__freed_in_callbacks),
        cmocka_unit_test(test_timer__many),
        cmocka_unit_test(test_timer__real_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
