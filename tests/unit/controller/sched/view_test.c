#include "controller/sched/view.h"

#include "common/data/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* JSON with ' for ". */
static struct value *parse(const char *text)
{
    char json[1024];
    struct err err = {0};
    struct value *value = NULL;
    snprintf(json, sizeof(json), "%s", text);
    for (char *c = json; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    if (json_parse(json, strlen(json), &value, &err) < 0)
        fail_msg("%s: %s", json, err.msg);
    return value;
}

/* clang-format off */
#define REQUESTS(cpu, memory) "'requests':{'cpu':'" cpu "','memory':'" memory "'}"
#define LIMITS(cpu, memory) "'limits':{'cpu':'" cpu "','memory':'" memory "'}"
#define CONTAINER(res) "{'resources':{" res "}}"
#define SIDECAR(res) "{'restartPolicy':'Always','resources':{" res "}}"
#define BOTH(inits, containers) "{'initContainers':[" inits "],'containers':[" containers "]}"
#define ONLY(containers) "{'containers':[" containers "]}"

static const struct {
    const char *spec;
    int64_t cpu, memory;
} request_cases[] = {
    {"{}", 0, 0},
    {"{'containers':[{}]}", 0, 0},
    {ONLY(CONTAINER(REQUESTS("250m", "64Mi"))), 250, 64 << 20},
    /* A limit alone is the request; a request wins over its limit. */
    {ONLY(CONTAINER(LIMITS("1", "1Gi")) "," CONTAINER(LIMITS("1", "1Gi") "," REQUESTS("100m", "1Mi"))),
     1100, (1 << 30) + (1 << 20)},
    /* An init container counts by its peak. */
    {BOTH(CONTAINER(REQUESTS("2", "1Mi")), CONTAINER(REQUESTS("500m", "3Mi"))), 2000, 3 << 20},
    /* One that stays is added to what comes after it. */
    {BOTH(SIDECAR(REQUESTS("100m", "1Mi")) "," CONTAINER(REQUESTS("1", "1Mi")),
          CONTAINER(REQUESTS("500m", "1Mi"))), 1100, 2 << 20},
    {"{'overhead':{'cpu':'10m','memory':'1Mi'},'containers':[" CONTAINER(REQUESTS("1", "1Mi")) "]}",
     1010, 2 << 20},
    /* Shapes that a checked document cannot have are nothing; less than nothing is nothing. */
    {"{'containers':{'a':1},'initContainers':7}", 0, 0},
    {"{'containers':[{'resources':[]}]}", 0, 0},
    {ONLY(CONTAINER(REQUESTS("-9223372036854775807", "-1Gi"))), 0, 0},
};
/* clang-format on */

static void test_view__requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(request_cases) / sizeof(request_cases[0]); i++) {
        struct sched_pod pod;
        struct value *object = value_new_map();
        value_set(object, "spec", parse(request_cases[i].spec));
        sched_pod_read(&pod, object);
        assert_int_equal(pod.request.cpu_milli, request_cases[i].cpu);
        assert_int_equal(pod.request.memory, request_cases[i].memory);
        assert_int_equal(pod.request.pods, 1);
        sched_pod_done(&pod);
        value_free(object);
    }
}

/* While resources change in place: the most of what is asked for, was given and is there. */
static void test_view__resizing(void **state)
{
    (void)state;
    static const struct {
        const char *asked, *status;
        int64_t cpu, memory;
    } rows[] = {
        {REQUESTS("1", "1Mi"), "{}", 1000, 1 << 20},
        {REQUESTS("1", "1Mi"),
         "{'name':'a','allocatedResources':{'cpu':'2','memory':'1Ki'},'resources':{}}", 2000,
         1 << 20},
        {REQUESTS("1", "1Mi"),
         "{'name':'a','allocatedResources':{'cpu':'1'},'resources':{'requests':{'cpu':'3'}}}", 3000,
         1 << 20},
        {REQUESTS("1", "1Mi"), "{'name':'b','allocatedResources':{'cpu':'2'},'resources':{}}", 1000,
         1 << 20},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) * 2; i++) {
        const bool infeasible = i % 2;
        const char *status = rows[i / 2].status;
        char text[512];
        struct sched_pod pod;
        snprintf(text, sizeof(text),
                 "{'spec':{'containers':[{'name':'a','resources':{%s}}]},'status':{"
                 "'conditions':[{'type':'PodResizePending','reason':'%s'}],"
                 "'containerStatuses':[%s]}}",
                 rows[i / 2].asked, infeasible ? "Infeasible" : "Deferred", status);
        struct value *object = parse(text);
        sched_pod_read(&pod, object);
        assert_int_equal(pod.request.cpu_milli, rows[i / 2].cpu);
        if (!infeasible)
            assert_int_equal(pod.request.memory, rows[i / 2].memory);
        sched_pod_done(&pod);
        value_free(object);
    }
    /* Nobody keeps room for what its node will never give. */
    struct value *object = parse("{'spec':{'containers':[{'name':'a','resources':{" REQUESTS(
        "900",
        "900Gi") "}}]},"
                 "'status':{'conditions':[{'type':'PodResizePending','reason':'Infeasible'}],"
                 "'containerStatuses':[{'name':'a','allocatedResources':{'cpu':'1','memory':'1Mi'},'resources':{}}]}}");
    struct sched_pod pod;
    sched_pod_read(&pod, object);
    assert_int_equal(pod.request.cpu_milli, 1000);
    assert_int_equal(pod.request.memory, 1 << 20);
    sched_pod_done(&pod);
    value_free(object);
}

/* Everything but cpu and memory, counted by name in the same way. */
static void test_view__other_resources(void **state)
{
    (void)state;
#define ASKS(what) "{'resources':{" what "}}"
#define STAYS(what) "{'restartPolicy':'Always','resources':{" what "}}"
#define CARD(n) "'requests':{'a.b/card':'" n "'}"
    static const struct {
        const char *spec;
        int64_t card; /* the most that fits */
    } cases[] = {
        {"{'containers':[" ASKS("") "]}", 0},
        {"{'containers':[" ASKS(CARD("2")) "]}", 2},
        {"{'containers':[" ASKS("'limits':{'a.b/card':'2'}") "]}", 2},
        {"{'containers':[" ASKS("'limits':{'a.b/card':'2'}," CARD("1")) "]}", 1},
        {"{'containers':[" ASKS(CARD("1")) "," ASKS(CARD("2")) "]}", 3},
        {"{'initContainers':[" ASKS(CARD("5")) "],'containers':[" ASKS(CARD("2")) "]}", 5},
        {"{'initContainers':[" STAYS(CARD("1")) "," ASKS(CARD("5")) "],'containers':[" ASKS(
             CARD("2")) "]}",
         6},
        {"{'initContainers':[" STAYS(CARD("4")) "," STAYS(CARD("1")) "],'containers':[" ASKS(
             CARD("2")) "]}",
         7},
        {"{'overhead':{'a.b/card':'1'},'containers':[" ASKS(CARD("2")) "]}", 3},
        {"{'containers':[" ASKS(CARD("-2")) "]}", 0},
        {"{'containers':[" ASKS(CARD("9e18")) "," ASKS(CARD("9e18")) "]}", INT64_MAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct value *object = value_new_map();
        value_set(object, "spec", parse(cases[i].spec));
        struct sched_pod pod;
        sched_pod_read(&pod, object);
        for (int less = 0; less < 2 && cases[i].card > 0; less++) {
            char text[100];
            snprintf(text, sizeof(text), "{'status':{'allocatable':{'a.b/card':'%lld'}}}",
                     (long long)cases[i].card - less);
            struct value *has = parse(text);
            struct sched_node node;
            size_t cursor = 0;
            sched_node_read(&node, has);
            const char *missing = sched_amounts_short(&pod.asked, &node.taken, &node.has, &cursor);
            assert_string_equal(missing ? missing : "", less ? "a.b/card" : "");
            cursor = 0;
            sched_node_add(&node, &pod); /* now nothing is left */
            assert_non_null(sched_amounts_short(&pod.asked, &node.taken, &node.has, &cursor));
            cursor = 0;
            sched_node_drop(&node, &pod);
            missing = sched_amounts_short(&pod.asked, &node.taken, &node.has, &cursor);
            assert_int_equal(missing != NULL, less);
            sched_node_done(&node);
            value_free(has);
        }
        assert_int_equal(pod.asked.of != NULL, cases[i].card > 0);
        sched_pod_done(&pod);
        value_free(object);
    }
}

static const char node_text[] =
    "{'metadata':{'name':'n1','labels':{'zone':'b','arch':'arm64'}},"
    "'spec':{'unschedulable':true,'taints':[{'key':'k','effect':'NoSchedule'}]},"
    "'status':{'allocatable':{'cpu':'4','memory':'1Gi','pods':'20'},'conditions':["
    "{'type':'MemoryPressure','status':'False'},{'type':'Ready','status':'True'}]}}";

static void test_view__node(void **state)
{
    (void)state;
    struct value *object = parse(node_text);
    struct sched_node node, other;
    sched_node_read(&node, object);
    assert_string_equal(node.name, "n1");
    assert_true(node.ready && node.unschedulable);
    assert_int_equal(node.allocatable.cpu_milli, 4000);
    assert_int_equal(node.allocatable.memory, 1 << 30);
    assert_int_equal(node.allocatable.pods, 20);
    assert_string_equal(sched_labels_get(&node.labels, "arch"), "arm64");
    assert_string_equal(sched_labels_get(&node.labels, "zone"), "b");
    assert_null(sched_labels_get(&node.labels, "none"));
    assert_int_equal(node.taints.count, 1);

    sched_node_read(&other, object);
    struct host_port web = {80, 8080, 6, ""};
    const struct sched_pod pod = {.request = {100, 200, 1}, .ports = {&web, 1}};
    sched_node_add(&other, &pod);
    assert_true(host_ports_clash(&pod.ports, &other.ports));
    assert_int_equal(other.used.memory, 200);
    struct sched_node anew;
    sched_node_read(&anew, object);
    sched_node_carry(&anew, &other);
    assert_true(host_ports_clash(&pod.ports, &anew.ports));
    assert_int_equal(anew.used.memory, 200);
    sched_node_carry(&other, &anew);
    sched_node_done(&anew);
    assert_true(sched_node_same(&node, &other));
    sched_node_drop(&other, &pod);
    assert_false(host_ports_clash(&pod.ports, &other.ports));
    sched_node_drop(&other, &pod);
    assert_int_equal(other.used.pods, 0);
    sched_node_done(&other);

    value_set_bool(value_get(object, "spec"), "unschedulable", false);
    sched_node_read(&other, object);
    assert_false(sched_node_same(&node, &other));
    sched_node_done(&other);

    struct value *empty = value_new_map();
    sched_node_read(&other, empty);
    assert_false(other.ready);
    assert_int_equal(other.allocatable.cpu_milli, 0);
    assert_int_equal(other.allocatable.pods, 110);
    sched_node_done(&other);
    sched_node_done(&node);
    value_free(empty);
    value_free(object);
}

/* Kubernetes' rules of tolerations (core/v1 Toleration). */
static void test_view__tolerations(void **state)
{
    (void)state;
    static const struct {
        struct sched_taint taint, toleration;
        bool tolerated;
    } cases[] = {
        {{"k", "v", "NoSchedule", false}, {"k", "v", "NoSchedule", false}, true},
        {{"k", "v", "NoSchedule", false}, {"k", "w", "NoSchedule", false}, false},
        {{"k", "v", "NoSchedule", false}, {"k", "", "NoSchedule", true}, true},
        {{"k", "v", "NoExecute", false}, {"k", "", "NoSchedule", true}, false},
        {{"k", "v", "NoExecute", false}, {"k", "", "", true}, true},
        {{"k", "v", "NoExecute", false}, {"", "", "", true}, true},
        {{"k", "v", "NoExecute", false}, {"", "", "", false}, false},
        {{"k", "v", "NoExecute", false}, {"l", "", "", true}, false},
        {{"k", "v", "PreferNoSchedule", false}, {"l", "", "", true}, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sched_taint taint = cases[i].taint, toleration = cases[i].toleration;
        struct sched_taints taints = {&taint, 1}, tolerations = {&toleration, 1};
        assert_int_equal(sched_untolerated(&taints, &tolerations) == NULL, cases[i].tolerated);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_view__requests),        cmocka_unit_test(test_view__resizing),
        cmocka_unit_test(test_view__other_resources), cmocka_unit_test(test_view__node),
        cmocka_unit_test(test_view__tolerations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
