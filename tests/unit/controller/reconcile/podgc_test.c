#include "controller/reconcile/podgc.h"

#include "common/base/log.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct podgc *start(struct world *world)
{
    struct podgc *podgc = NULL;
    assert_int_equal(podgc_new(world->loop, world->api, 0, &podgc, &world->err), 0);
    world_turn(world);
    return podgc;
}

static void test_podgc__node_deleted(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct podgc *podgc = start(&world);
    world_node(&world, "a", "4");
    world_node(&world, "b", "4");
    world_pod(&world, "on-a", "1", "a");
    world_pod(&world, "on-b", "1", "b");
    world_pod(&world, "nowhere", "1", "");
    world_pass(&world, 100 * NS_PER_S);
    assert_int_equal(world_count(&world, "Pod"), 3);

    world_delete(&world, "Node", "", "a");
    world_pass(&world, 39 * NS_PER_S);
    assert_int_equal(world_count(&world, "Pod"), 3);
    world_pass(&world, 2 * NS_PER_S);
    assert_int_equal(world_count(&world, "Pod"), 2);
    assert_string_equal(world_node_of(&world, "on-b"), "b");
    assert_string_equal(world_node_of(&world, "on-a"), "");
    podgc_free(podgc);
    world_done(&world);
}

/* A Node that is back in time keeps its pods. */
static void test_podgc__node_comes_back(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct podgc *podgc = start(&world);
    world_node(&world, "a", "4");
    world_pod(&world, "on-a", "1", "a");
    world_delete(&world, "Node", "", "a");
    world_pass(&world, 30 * NS_PER_S);
    world_node(&world, "a", "4");
    world_pass(&world, 100 * NS_PER_S);
    assert_int_equal(world_count(&world, "Pod"), 1);
    podgc_free(podgc);
    world_done(&world);
}

/* At its start: pods of nodes that are there stay, pods of one that is not go. */
static void test_podgc__found_at_start(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "a", "4");
    world_pod(&world, "on-a", "1", "a");
    world_pod(&world, "lost", "1", "typo");
    struct podgc *podgc = start(&world);
    world_pass(&world, 45 * NS_PER_S);
    assert_int_equal(world_count(&world, "Pod"), 1);
    assert_string_equal(world_node_of(&world, "on-a"), "a");
    podgc_free(podgc);
    world_done(&world);
}

static void count_removed(void *ctx, enum log_level level, const char *line)
{
    (void)level;
    *(int *)ctx += strstr(line, "pod removed") != NULL;
}

/* What somebody else holds is marked, once, and not said to be removed. */
static void test_podgc__finalizer(void **state)
{
    (void)state;
    struct world world;
    int removed = 0;
    world_init(&world);
    world_create(&world,
                 "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'held','namespace':'default',"
                 "'finalizers':['example.com/keep']},'spec':{'nodeName':'gone','containers':["
                 "{'name':'a','image':'i'}]}}",
                 201);
    world_pod(&world, "lost", "1", "gone");
    log_set_sink(count_removed, &removed);
    struct podgc *podgc = start(&world);
    world_pass(&world, 200 * NS_PER_S);
    log_set_sink(NULL, NULL);
    assert_int_equal(removed, 1);
    assert_int_equal(world_count(&world, "Pod"), 1);
    cleanup(value_free) struct value *held = world_get(&world, "Pod", "default", "held");
    assert_non_null(value_path(held, "metadata", "deletionTimestamp", NULL));
    podgc_free(podgc);
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_podgc__node_deleted),
        cmocka_unit_test(test_podgc__node_comes_back),
        cmocka_unit_test(test_podgc__found_at_start),
        cmocka_unit_test(test_podgc__finalizer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
