/* When what is used is worked out, and over which window; by a clock that the test moves. */

#include "agent/pod/usage.h"

#include "agent/pod/internal.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/sim/fake/clock_fake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct clock_fake clock;
    struct agent agent; /* of it usage looks at loop, records and the control group's name */
    struct usage *usage;
    int told, ended;
    int64_t window_ms, node_ns; /* of the last answer */
    size_t pods;
};

static void on_answer(void *ctx, const struct value *answer)
{
    struct fixture *f = ctx;
    if (!answer) {
        f->ended++;
        return;
    }
    f->told++;
    f->window_ms = value_get_int(answer, "window", -1);
    f->node_ns = value_get_int(value_get(answer, "node"), "cpuTime", -1);
    f->pods = value_len(value_get(answer, "pods"));
    assert_true(value_get_int(value_get(answer, "node"), "memory", -1) > 0);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    clock_fake_init(&f->clock, 1000 * NS_PER_S, 1700000000 * NS_PER_S);
    assert_int_equal(loop_new(&f->clock.clock, &f->agent.world.loop, &err), 0);
    f->agent.records = map_new();
    f->agent.spec.cgroup_root = "limpet-test-of-usage";
    f->usage = usage_new(&f->agent);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    usage_free(f->usage);
    map_free(f->agent.records, NULL);
    loop_free(f->agent.world.loop);
    free(f);
    return 0;
}

static void pass(struct fixture *f, int64_t ns)
{
    clock_fake_advance(&f->clock, ns);
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_step(f->agent.world.loop, 0), 0);
}

/* A rate needs two samples: whoever asks first waits for the second; who asks soon after is
 * answered out of the last, and who asks too late is first again. */
static void test_usage__windows(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int64_t later_s; /* than the last answer */
        bool at_once;
        int64_t window_ms;
    } cases[] = {{0, false, 1000},  {2, false, 1000},  {5, true, 5000},
                 {59, true, 59000}, {60, false, 1000}, {3600, false, 1000}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        pass(f, cases[i].later_s * NS_PER_S);
        int told = f->told;
        assert_int_equal(usage_ask(f->usage, on_answer, f), 0);
        assert_int_equal(f->told, told); /* never from inside the call */
        pass(f, 0);
        if ((f->told > told) != cases[i].at_once)
            fail_msg("case %zu", i);
        if (!cases[i].at_once) {
            pass(f, USAGE_FIRST_NS - 1);
            assert_int_equal(f->told, told);
            pass(f, 1);
        }
        assert_int_equal(f->told, told + 1);
        assert_int_equal(f->window_ms, cases[i].window_ms);
        assert_int_equal(f->pods, 0);
    }
    assert_true(f->node_ns > 0);
}

/* All who ask meanwhile get one answer; there may be so many, and who has left is not told. */
static void test_usage__askers(void **state)
{
    struct fixture *f = *state;
    struct fixture other = {0};
    assert_int_equal(usage_ask(f->usage, on_answer, &other), 0);
    for (int i = 1; i < USAGE_ASKERS; i++)
        assert_int_equal(usage_ask(f->usage, on_answer, f), 0);
    assert_int_equal(usage_ask(f->usage, on_answer, f), -EBUSY);
    usage_forget(f->usage, &other);
    assert_int_equal(usage_ask(f->usage, on_answer, f), 0);
    pass(f, USAGE_FIRST_NS);
    assert_int_equal(f->told, USAGE_ASKERS);
    assert_int_equal(other.told, 0);
    /* Nobody asks any more: nothing is worked out. */
    assert_int_equal(usage_ask(f->usage, on_answer, &other), 0);
    usage_forget(f->usage, &other);
    pass(f, 10 * USAGE_FIRST_NS);
    assert_int_equal(other.told, 0);
    /* The agent ends: who waits is told so. */
    assert_int_equal(usage_ask(f->usage, on_answer, f), 0);
    usage_free(f->usage);
    assert_int_equal(f->ended, 1);
    f->usage = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_usage__windows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_usage__askers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
