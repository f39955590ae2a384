#include "controller/monitor/census.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define POD(name) "metadata: {name: " name "}\nspec: {containers: [{name: a, image: i}]}\n"

static void assert_pods(const struct metrics *metrics, const char *phase, int count)
{
    cleanup(buf_done) struct buf text = {0};
    autofree char *line = xasprintf("\nlimpet_pods{phase=\"%s\"} %d\n", phase, count);
    metrics_write(metrics, &text);
    if (!strstr(buf_str(&text), line))
        fail_msg("no%s in: %s", line, buf_str(&text));
}

static void set_phase(struct world *world, const char *name, const char *phase)
{
    cleanup(value_free) struct value *pod = get(world, &kind_pod, "default", name);
    value_set_str(value_make_map(pod, "status", NULL), "phase", phase);
    assert_int_equal(do_update(world, &kind_pod, "default", pod, API_STATUS, NULL), 200);
}

static void test_census__phases(void **state)
{
    struct world *world = world_new();
    struct metrics *metrics = metrics_new();
    struct census *census = NULL;
    struct err err = {0};
    (void)state;
    assert_int_equal(do_create(world, &kind_pod, "default", POD("old"), NULL), 201);
    assert_int_equal(census_new(world->store, &census, &err), 0);
    census_register(census, metrics);
    world_settle(world);
    assert_pods(metrics, "Pending", 1);
    assert_int_equal(do_create(world, &kind_pod, "default", POD("new"), NULL), 201);
    assert_pods(metrics, "Pending", 2);
    set_phase(world, "new", "Running");
    assert_pods(metrics, "Pending", 1);
    assert_pods(metrics, "Running", 1);
    set_phase(world, "new", "Failed");
    assert_pods(metrics, "Running", 0);
    assert_pods(metrics, "Failed", 1);
    assert_int_equal(do_delete(world, &kind_pod, "default", "new", 0, NULL), 200);
    assert_pods(metrics, "Failed", 0);
    assert_pods(metrics, "Pending", 1);
    census_free(census);
    metrics_free(metrics);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_census__phases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
