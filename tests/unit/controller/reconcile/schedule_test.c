#include "controller/reconcile/schedule.h"

#include "world.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/api/gate.h"
#include "controller/api/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct schedule *start(struct world *world)
{
    struct schedule *schedule = NULL;
    assert_int_equal(schedule_new(world->loop, world->api, NULL, NULL, &schedule, &world->err), 0);
    world_turn(world);
    return schedule;
}

static const char *told(struct world *world, const char *pod)
{
    return world_condition(world, "Pod", "default", pod, "PodScheduled");
}

static void test_schedule__binds_and_counts_room(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct schedule *schedule = start(&world);
    world_node(&world, "a", "2");
    world_node(&world, "b", "2");
    static const char *const nodes[] = {"a", "b", "a", "b"};
    for (int i = 0; i < 4; i++) {
        char name[8];
        snprintf(name, sizeof(name), "p%d", i);
        world_pod(&world, name, "1", "");
        world_turn(&world);
        assert_string_equal(world_node_of(&world, name), nodes[i]);
        assert_string_equal(told(&world, name), "True - -");
    }
    world_pod(&world, "p4", "1", "");
    world_turn(&world);
    assert_string_equal(world_node_of(&world, "p4"), "");
    assert_string_equal(told(&world, "p4"),
                        "False Unschedulable 0/2 nodes are available: 2 Insufficient cpu.");

    /* One that is over makes room; so does one that is deleted. */
    world_status(&world, "Pod", "default", "p1", "{'phase':'Succeeded'}");
    world_pass(&world, NS_PER_S);
    assert_string_equal(world_node_of(&world, "p4"), "b");
    world_pod(&world, "p5", "1", "");
    world_pass(&world, NS_PER_S);
    assert_string_equal(world_node_of(&world, "p5"), "");
    world_delete(&world, "Pod", "default", "p0");
    world_pass(&world, NS_PER_S);
    assert_string_equal(world_node_of(&world, "p5"), "a");
    schedule_free(schedule);
    world_done(&world);
}

/* What is handed over in one turn is not all put where there is room for one. */
static void test_schedule__counts_what_is_not_bound_yet(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "a", "2");
    world_node(&world, "b", "1");
    for (int i = 0; i < 5; i++) {
        char name[8];
        snprintf(name, sizeof(name), "p%d", i);
        world_pod(&world, name, "1", "");
    }
    /* All five are there when it begins. */
    struct schedule *schedule = start(&world);
    world_pass(&world, NS_PER_S);
    int on_a = 0, on_b = 0;
    for (int i = 0; i < 5; i++) {
        char name[8];
        snprintf(name, sizeof(name), "p%d", i);
        on_a += str_eq(world_node_of(&world, name), "a");
        on_b += str_eq(world_node_of(&world, name), "b");
    }
    assert_int_equal(on_a, 2);
    assert_int_equal(on_b, 1);
    schedule_free(schedule);
    world_done(&world);
}

static void test_schedule__waits_for_a_ready_node(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct schedule *schedule = start(&world);
    world_pod(&world, "p", "1", "");
    world_turn(&world);
    assert_string_equal(told(&world, "p"),
                        "False Unschedulable no nodes available to schedule pods");
    world_create(&world, "{'apiVersion':'v1','kind':'Node','metadata':{'name':'a'}}", 201);
    world_pass(&world, NS_PER_S);
    assert_string_equal(told(&world, "p"),
                        "False Unschedulable 0/1 nodes are available: 1 node(s) were not ready.");
    world_status(&world, "Node", "", "a",
                 "{'allocatable':{'cpu':'4','memory':'1Gi'},'conditions':[{'type':'Ready',"
                 "'status':'True'}]}");
    world_pass(&world, NS_PER_S);
    assert_string_equal(world_node_of(&world, "p"), "a");
    assert_string_equal(told(&world, "p"), "True - -");
    schedule_free(schedule);
    world_done(&world);
}

/* What waits for room gets it by priority, whoever asked first. */
static void test_schedule__priority_goes_first(void **state)
{
    static const char *const wanted[] = {"high", "middle", "early", "late"};
    static const char *const pods[][2] = {
        {"early", "0"}, {"middle", "10"}, {"late", "0"}, {"high", "2000"}};
    (void)state;
    struct world world;
    world_init(&world);
    struct schedule *schedule = start(&world);
    for (size_t i = 0; i < ARRAY_LEN(pods); i++) {
        autofree char *pod =
            xasprintf("{'apiVersion':'v1','kind':'Pod','metadata':{'name':'%s','namespace':"
                      "'default'},'spec':{'priority':%s,'containers':[{'name':'c','image':'i',"
                      "'resources':{'requests':{'cpu':'1'}}}]}}",
                      pods[i][0], pods[i][1]);
        world_create(&world, pod, 201);
        world_turn(&world);
    }
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        char node[8];
        snprintf(node, sizeof(node), "n%zu", i);
        world_node(&world, node, "1");
        world_pass(&world, NS_PER_S);
        for (size_t k = 0; k < ARRAY_LEN(wanted); k++)
            assert_int_equal(*world_node_of(&world, wanted[k]) != 0, k <= i);
    }
    schedule_free(schedule);
    world_done(&world);
}

/* Pods with a node of their author's choice are let alone, and take room there, even if the Node
 * comes after them. Pods for another scheduler are let alone. */
static void test_schedule__lets_others_alone(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct schedule *schedule = start(&world);
    world_pod(&world, "chosen", "1", "a");
    world_create(
        &world,
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'other','namespace':'default'},"
        "'spec':{'schedulerName':'mine','containers':[{'name':'c','image':'i'}]}}",
        201);
    world_node(&world, "a", "1");
    world_pod(&world, "p", "1", "");
    world_pass(&world, NS_PER_S);
    assert_string_equal(world_node_of(&world, "chosen"), "a");
    assert_string_equal(told(&world, "chosen"), "");
    assert_string_equal(told(&world, "other"), "");
    assert_string_equal(told(&world, "p"),
                        "False Unschedulable 0/1 nodes are available: 1 Insufficient cpu.");
    schedule_free(schedule);
    world_done(&world);
}

/* What a manifest says reaches the filters. */
static void test_schedule__node_affinity(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct schedule *schedule = start(&world);
    world_node(&world, "a", "4");
    world_node(&world, "b", "4");
    world_create(
        &world,
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'p','namespace':'default'},"
        "'spec':{'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution'"
        ":{'nodeSelectorTerms':[{'matchFields':[{'key':'metadata.name','operator':'In',"
        "'values':['b']}]}]}}},'containers':[{'name':'c','image':'i'}]}}",
        201);
    world_pass(&world, NS_PER_S);
    assert_string_equal(world_node_of(&world, "p"), "b");
    schedule_free(schedule);
    world_done(&world);
}

/* A waiting pod does not have its condition written again and again. */
static void test_schedule__tells_once(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct schedule *schedule = start(&world);
    world_node(&world, "a", "1");
    world_pod(&world, "p", "2", "");
    world_pass(&world, 10 * NS_PER_S);
    int64_t revision = store_revision(world.store);
    world_pass(&world, 600 * NS_PER_S);
    assert_int_equal(store_revision(world.store), revision);
    schedule_free(schedule);
    world_done(&world);
}

/* A gateway that starts reads its pods in several turns: those that it has not read yet take room
 * all the same. */
static void test_schedule__waits_for_all_pods(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "n", "1");
    world_status(&world, "Node", "", "n",
                 "{'allocatable':{'cpu':'3','memory':'1Gi','pods':'1000'},"
                 "'conditions':[{'type':'Ready','status':'True','reason':'R','message':'m'}]}");
    for (int i = 0; i < 300; i++) {
        char name[8];
        snprintf(name, sizeof(name), "q%03d", i);
        world_pod(&world, name, "10m", "n");
    }
    world_pod(&world, "first", "10m", "");
    struct schedule *schedule = start(&world);
    assert_string_equal(world_node_of(&world, "first"), "");
    assert_string_equal(told(&world, "first"),
                        "False Unschedulable 0/1 nodes are available: 1 Insufficient cpu.");
    schedule_free(schedule);
    world_done(&world);
}

static const struct api_user user = {.name = "system:limpet:test"};

static void ignore(void *ctx, const struct api_answer *answer)
{
    (void)ctx;
    (void)answer;
}

/* Before the scheduler's own write of the pod, which is on its way. */
static void delete_it(void *ctx, const struct api_answer *answer)
{
    struct world *world = ctx;
    const struct api_ref ref = {&kind_pod, "default", "p"};
    assert_int_equal(answer->code, 201);
    api_delete(world->api, &user, &ref, NULL, 0, ignore, NULL);
}

static void count_tries(void *ctx, enum log_level level, const char *line)
{
    (void)level;
    *(int *)ctx += strstr(line, "not written, will try again controller=\"scheduler\"") != NULL;
}

/* A pod that is deleted while it is being bound is not tried again and again. */
static void test_schedule__deleted_while_binding(void **state)
{
    (void)state;
    struct world world;
    int tries = 0;
    world_init(&world);
    world_node(&world, "n", "1");
    struct schedule *schedule = start(&world);
    log_set_sink(count_tries, &tries);
    log_set_level(LOG_LEVEL_DEBUG);
    const struct api_ref ref = {&kind_pod, "default", "p"};
    cleanup(value_free) struct value *pod = value_new_map();
    struct value *finalizers =
        value_set(value_make_map(pod, "metadata", NULL), "finalizers", value_new_list());
    value_append(finalizers, value_new_str("example.com/keep"));
    struct value *list =
        value_set(value_make_map(pod, "spec", NULL), "containers", value_new_list());
    struct value *container = value_new_map();
    value_set_str(container, "name", "c");
    value_set_str(container, "image", "busybox");
    value_append(list, container);
    api_create(world.api, &user, &ref, pod, 0, delete_it, &world);
    world_pass(&world, 60 * NS_PER_S);
    cleanup(value_free) struct value *kept = world_get(&world, "Pod", "default", "p");
    assert_non_null(value_path(kept, "metadata", "deletionTimestamp", NULL));
    assert_string_equal(world_node_of(&world, "p"), "");
    assert_true(tries <= 1);
    log_set_level(LOG_LEVEL_INFO);
    log_set_sink(NULL, NULL);
    schedule_free(schedule);
    world_done(&world);
}

static void expect_events(struct world *world, const char *pod, const char *want)
{
    autofree char *events = world_events(world, "Pod", pod);
    assert_string_equal(events, want);
}

struct refusing {
    bool refuses; /* that the pod "high" gets a node */
    int refused;
};

static struct value *let_through(void *ctx, const struct gate_request *request, bool *ret_ran)
{
    (void)ctx;
    (void)request;
    *ret_ran = false;
    return NULL;
}

static struct value *refuse(void *ctx, const struct gate_request *request)
{
    struct refusing *refusing = ctx;
    bool bound = value_path(request->object, "spec", "nodeName", NULL) != NULL;
    if (!refusing->refuses || !bound || !str_eq(request->ref.name, "high"))
        return NULL;
    refusing->refused++;
    return status_failure(500, "not now");
}

static void no_settle(void *ctx, const struct api_ref *ref, const struct value *object,
                      bool written)
{
    (void)ctx;
    (void)ref;
    (void)object;
    (void)written;
}

/* A pod that cannot be bound is tried again, later each time, and does not keep the room. */
static void test_schedule__refused_binding(void **state)
{
    (void)state;
    struct world world;
    struct refusing refusing = {.refuses = true};
    const struct gate gate = {
        .mutate = let_through, .validate = refuse, .settle = no_settle, .ctx = &refusing};
    world_init(&world);
    api_set_gate(world.api, &gate);
    world_node(&world, "n", "1");
    world_create(&world,
                 "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'high','namespace':'default'},"
                 "'spec':{'priority':10,'containers':[{'name':'c','image':'i','resources':{"
                 "'requests':{'cpu':'1'}}}]}}",
                 201);
    world_pod(&world, "low", "1", "");
    struct recorder *recorder = recorder_new(world.api, &world.clock);
    struct schedule *schedule = NULL;
    assert_int_equal(schedule_new(world.loop, world.api, NULL, recorder, &schedule, &world.err), 0);
    world_pass(&world, NS_PER_S); /* both are tried before either is bound */
    assert_string_equal(world_node_of(&world, "low"), "n");
    world_delete(&world, "Pod", "default", "low");
    refusing.refused = 0;
    world_pass(&world, 600 * NS_PER_S);
    assert_in_range(refusing.refused, 55, 70);
    assert_string_equal(world_node_of(&world, "high"), "");
    assert_string_equal(told(&world, "high"), "False SchedulerError binding rejected: not now");
    expect_events(&world, "high", /* once before "low" was there, and once since */
                  "Warning FailedScheduling 0/1 nodes are available: 1 Insufficient cpu. (1) from "
                  "default-scheduler\n"
                  "Warning FailedScheduling binding rejected: not now (2) from "
                  "default-scheduler\n");
    refusing.refuses = false;
    world_pass(&world, 11 * NS_PER_S);
    assert_string_equal(world_node_of(&world, "high"), "n");
    assert_string_equal(told(&world, "high"), "True - -");
    schedule_free(schedule);
    recorder_free(recorder);
    world_done(&world);
}

/* In Kubernetes' words: once where it does not fit, once where it goes. */
static void test_schedule__tells_events(void **state)
{
    (void)state;
    struct world world;
    struct schedule *schedule = NULL;
    world_init(&world);
    struct recorder *recorder = recorder_new(world.api, &world.clock);
    assert_int_equal(schedule_new(world.loop, world.api, NULL, recorder, &schedule, &world.err), 0);
    world_node(&world, "a", "1");
    world_pod(&world, "p", "2", "");
    world_pod(&world, "q", "1", "");
    world_pass(&world, 60 * NS_PER_S);
    expect_events(&world, "p",
                  "Warning FailedScheduling 0/1 nodes are available: 1 Insufficient cpu. (1) from "
                  "default-scheduler\n");
    expect_events(&world, "q",
                  "Normal Scheduled Successfully assigned default/q to a (1) from "
                  "default-scheduler\n");
    schedule_free(schedule);
    recorder_free(recorder);
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedule__binds_and_counts_room),
        cmocka_unit_test(test_schedule__counts_what_is_not_bound_yet),
        cmocka_unit_test(test_schedule__waits_for_a_ready_node),
        cmocka_unit_test(test_schedule__priority_goes_first),
        cmocka_unit_test(test_schedule__lets_others_alone),
        cmocka_unit_test(test_schedule__node_affinity),
        cmocka_unit_test(test_schedule__tells_once),
        cmocka_unit_test(test_schedule__waits_for_all_pods),
        cmocka_unit_test(test_schedule__deleted_while_binding),
        cmocka_unit_test(test_schedule__tells_events),
        cmocka_unit_test(test_schedule__refused_binding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
