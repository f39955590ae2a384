#include "controller/reconcile/bootstrap.h"

#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void on_done(void *ctx, int code, const char *message)
{
    int *calls = ctx;
    (*calls)++;
    if (code != 0)
        fail_msg("%d: %s", code, message);
}

/* Some are there already; a second start finds all of them. */
static void test_bootstrap__creates_what_is_missing(void **state)
{
    (void)state;
    struct world world;
    int calls = 0;
    world_init(&world);
    for (int i = 1; i <= 2; i++) {
        struct bootstrap *bootstrap = bootstrap_new(world.api, on_done, &calls);
        assert_int_equal(calls, i - 1);
        world_turn(&world);
        assert_int_equal(calls, i);
        assert_int_equal(world_count(&world, "Namespace"), 4);
        bootstrap_free(bootstrap);
    }
    struct value *ns = world_get(&world, "Namespace", "", "kube-node-lease");
    assert_non_null(ns);
    value_free(ns);
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bootstrap__creates_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
