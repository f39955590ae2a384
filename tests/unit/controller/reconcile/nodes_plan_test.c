#include "controller/reconcile/nodes_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* A beat every 100, three may be missing, a quarter of a beat late: gone at 325. */
static const struct nodes_rules rules = {.interval_ns = 100, .missed = 3};

static void test_nodes_plan__cases(void **state)
{
    (void)state;
    static const struct {
        struct nodes_lease lease;
        enum nodes_ready ready;
        int64_t now;
        enum nodes_action action;
    } cases[] = {
        /* Beating. */
        {{0, 0, true}, NODES_NONE, 0, NODES_MARK_READY},
        {{0, 0, true}, NODES_UNKNOWN, 324, NODES_MARK_READY},
        {{0, 0, true}, NODES_TRUE, 324, NODES_KEEP},
        /* The node itself says that it is not ready. */
        {{0, 0, true}, NODES_FALSE, 10, NODES_KEEP},
        /* Three beats are missing. */
        {{0, 0, true}, NODES_TRUE, 325, NODES_MARK_LOST},
        {{0, 0, true}, NODES_FALSE, 325, NODES_MARK_LOST},
        {{0, 0, true}, NODES_UNKNOWN, 325, NODES_KEEP},
        {{1000, 0, true}, NODES_TRUE, 1324, NODES_KEEP},
        /* The controller is new: a whole lease, and what was so stays so until a beat comes. */
        {{0, 0, false}, NODES_TRUE, 324, NODES_KEEP},
        {{0, 0, false}, NODES_UNKNOWN, 10, NODES_KEEP},
        {{0, 0, false}, NODES_NONE, 324, NODES_KEEP},
        {{0, 0, false}, NODES_TRUE, 325, NODES_MARK_LOST},
        {{0, 0, false}, NODES_NONE, 325, NODES_MARK_NEVER},
        /* The will shortens the wait to one beat from then, and never makes it longer. */
        {{0, 50, true}, NODES_TRUE, 174, NODES_KEEP},
        {{0, 50, true}, NODES_TRUE, 175, NODES_MARK_LOST},
        {{0, 300, true}, NODES_TRUE, 325, NODES_MARK_LOST},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum nodes_action action =
            nodes_plan(&cases[i].lease, &rules, cases[i].ready, cases[i].now);
        if (action != cases[i].action)
            fail_msg("case %zu: %d", i, (int)action);
    }
}

static void test_nodes_plan__gap(void **state)
{
    (void)state;
    static const struct {
        int64_t now, gap;
    } cases[] = {{25, 0}, {30, 0}, {75, 0}, {76, 51}, {1000, 975}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(nodes_plan_gap(&rules, 25, 0, cases[i].now), cases[i].gap);

    struct nodes_lease lease = {.last_ns = 100, .suspect_ns = 150};
    nodes_plan_shift(&lease, 1000, 2000);
    assert_int_equal(lease.last_ns, 1100);
    assert_int_equal(lease.suspect_ns, 1150);
    /* A beat that came in the gap is not carried into the future. */
    lease = (struct nodes_lease){.last_ns = 1990};
    nodes_plan_shift(&lease, 1000, 2000);
    assert_int_equal(lease.last_ns, 2000);
    assert_int_equal(lease.suspect_ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes_plan__cases),
        cmocka_unit_test(test_nodes_plan__gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
