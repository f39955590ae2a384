#include "controller/sched/sched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GI (INT64_C(1) << 30)

static struct sched_label arm[] = {{"arch", "arm64"}}, amd[] = {{"arch", "amd64"}};
static struct sched_taint gpu[] = {{"gpu", "yes", "NoSchedule", false}};
static struct sched_taint any[] = {{"", "", "", true}};
static struct host_port web[] = {{80, 8080, 6, ""}};

#define NODE(n, ...)                                                                               \
    {                                                                                              \
        .name = n, .ready = true, .allocatable = {4000, 4 * GI, 10}, __VA_ARGS__                   \
    }
#define NOT_READY(n)                                                                               \
    {                                                                                              \
        .name = n, .allocatable = { 4000, 4 * GI, 10 }                                             \
    }
#define POD_OF(cpu, memory, node, ...)                                                             \
    {                                                                                              \
        .node_name = node, .request = {cpu, memory, 1}, __VA_ARGS__                                \
    }
#define POD(...) POD_OF(1000, GI, "", __VA_ARGS__)

static void test_sched__pick(void **state)
{
    (void)state;
    static const struct {
        struct sched_pod pod;
        struct sched_node nodes[3];
        size_t count;
        const char *node, *why;
    } cases[] = {
        {POD(), {{0}}, 0, NULL, "no nodes available to schedule pods"},
        {POD(), {NODE("a")}, 1, "a", NULL},
        /* Least allocated, then by name. */
        {POD(), {NODE("a", .used = {2000, 0, 1}), NODE("b"), NODE("c")}, 3, "b", NULL},
        {POD(), {NODE("a", .used = {0, 2 * GI, 0}), NODE("b", .used = {0, GI, 0})}, 2, "b", NULL},
        /* Requests nothing: by the number of pods. */
        {POD_OF(0, 0, "", ),
         {NODE("a", .used = {0, 0, 2}), NODE("b", .used = {0, 0, 1})},
         2,
         "b",
         NULL},
        {POD(),
         {NOT_READY("a"), NODE("b", .used = {0, 4 * GI, 1}), NODE("c", .used = {0, 4 * GI, 1})},
         3,
         NULL,
         "0/3 nodes are available: 1 node(s) were not ready, 2 Insufficient memory."},
        {POD(),
         {NODE("a", .unschedulable = true), NODE("b", .used = {3001, 4 * GI, 1}),
          NODE("c", .used = {0, 0, 10})},
         3,
         NULL,
         "0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 Too many pods, 1 "
         "node(s) were unschedulable."},
        {POD(.tolerations = {any, 1}), {NODE("a", .unschedulable = true)}, 1, "a", NULL},
        {POD(.selector = {arm, 1}),
         {NODE("a"), NODE("b", .labels = {amd, 1}), NODE("c", .labels = {arm, 1})},
         3,
         "c",
         NULL},
        {POD(.selector = {arm, 1}),
         {NODE("a"), NODE("b", .labels = {amd, 1})},
         2,
         NULL,
         "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."},
        {POD_OF(1000, GI, "b", ), {NODE("a"), NODE("b", .used = {1, 1, 1})}, 2, "b", NULL},
        {POD_OF(1000, GI, "z", ),
         {NODE("a")},
         1,
         NULL,
         "0/1 nodes are available: 1 node(s) didn't match the requested node name."},
        {POD(),
         {NODE("a", .taints = {gpu, 1})},
         1,
         NULL,
         "0/1 nodes are available: 1 node(s) had untolerated taint {gpu: yes}."},
        {POD(.tolerations = {gpu, 1}), {NODE("a", .taints = {gpu, 1})}, 1, "a", NULL},
        {POD(.ports = {web, 1}),
         {NODE("a", .ports = {web, 1}), NODE("b", .used = {1, 1, 1})},
         2,
         "b",
         NULL},
        {POD(.ports = {web, 1}),
         {NODE("a", .ports = {web, 1})},
         1,
         NULL,
         "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."},
        /* To the brim, and not beyond. */
        {POD_OF(4000, 4 * GI, "", ), {NODE("a", .used = {0, 0, 9})}, 1, "a", NULL},
        {POD_OF(4001, 0, "", ),
         {NODE("a")},
         1,
         NULL,
         "0/1 nodes are available: 1 Insufficient cpu."},
        {POD_OF(INT64_MAX, INT64_MAX, "", ),
         {NODE("a", .used = {1, 1, 1})},
         1,
         NULL,
         "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory."},
        /* Asks for nothing: room does not matter, even on a node that is overcommitted. */
        {POD_OF(0, 0, "", ), {NODE("a", .used = {5000, 5 * GI, 1})}, 1, "a", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct sched_node *nodes[3] = {&cases[i].nodes[0], &cases[i].nodes[1],
                                             &cases[i].nodes[2]};
        struct buf why;
        buf_init(&why, 0);
        const struct sched_node *node =
            sched_pick(&cases[i].pod, nodes, cases[i].count, NULL, &why);
        if (cases[i].why)
            assert_string_equal(buf_str(&why), cases[i].why);
        assert_int_equal(node != NULL, cases[i].node != NULL);
        if (node)
            assert_string_equal(node->name, cases[i].node);
        buf_done(&why);
    }
}

static void test_sched__equals_by_chance(void **state)
{
    (void)state;
    const struct sched_node a = NODE("a"), b = NODE("b"), full = NODE("c", .used = {2000, 0, 0});
    const struct sched_node *nodes[] = {&full, &a, &b};
    struct sched_pod pod = POD();
    struct rng_seeded rng;
    struct buf why;
    int hits[2] = {0};
    buf_init(&why, 0);
    rng_seeded_init(&rng, 3);
    for (int i = 0; i < 1000; i++) {
        const struct sched_node *node = sched_pick(&pod, nodes, 3, &rng.rng, &why);
        assert_ptr_not_equal(node, &full);
        hits[node == &b]++;
    }
    assert_in_range(hits[0], 400, 600);
    buf_done(&why);
}

/* What a node has not got is the reason, by its name. */
static void test_sched__other_resources(void **state)
{
    (void)state;
    struct value *asks = value_new_map(), *has = value_new_map();
    struct value *spec = value_set(asks, "spec", value_new_map());
    struct value *container = value_new_map();
    value_append(value_set(spec, "containers", value_new_list()), container);
    struct value *requests =
        value_set(value_set(container, "resources", value_new_map()), "requests", value_new_map());
    value_set_str(requests, "a.b/card", "2");
    struct sched_pod pod;
    sched_pod_read(&pod, asks);
    struct sched_node nodes[2] = {NODE("a"), NODE("b")};
    value_set_str(has, "a.b/card", "3");
    sched_amounts_read_node(&nodes[1].has, has);
    const struct sched_node *all[] = {&nodes[0], &nodes[1]};
    struct buf why;
    buf_init(&why, 0);
    assert_ptr_equal(sched_pick(&pod, all, 2, NULL, &why), &nodes[1]);
    sched_node_add(&nodes[1], &pod);
    assert_null(sched_pick(&pod, all, 2, NULL, &why));
    assert_string_equal(buf_str(&why), "0/2 nodes are available: 2 Insufficient a.b/card.");
    sched_node_drop(&nodes[1], &pod);
    assert_ptr_equal(sched_pick(&pod, all, 2, NULL, &why), &nodes[1]);
    buf_done(&why);
    sched_amounts_done(&nodes[1].has);
    sched_amounts_done(&nodes[1].taken);
    sched_pod_done(&pod);
    value_free(asks);
    value_free(has);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sched__pick),
        cmocka_unit_test(test_sched__equals_by_chance),
        cmocka_unit_test(test_sched__other_resources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
