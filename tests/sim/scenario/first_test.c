#include "tests/sim/world/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_first__pod_runs(void **state)
{
    struct world *world = world_new(*state, 1, 2);
    world_pod(world, "web", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_first__pod_runs)};
    return cmocka_run_group_tests(tests, cast_setup, cast_teardown);
}
