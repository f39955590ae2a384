#include "tools/cli/explain.h"

#include "common/base/str.h"
#include "common/data/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static struct value *parse(const char *yaml)
{
    struct value *value = NULL;
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    assert_int_equal(yaml_parse(yaml, strlen(yaml), &value, &diags), 0);
    return value;
}

#define POD "kind: Pod\nmetadata: {name: web, namespace: shop}\n"
#define BOUND POD "spec: {nodeName: pi-01}\n"

static void test_explain__one_line_says_what_is_missing(void **state)
{
    static const struct {
        const char *yaml, *line;
        enum explain_state state;
    } cases[] = {
        {POD, "Pending: no node is chosen yet", EXPLAIN_NOT_YET},
        {POD "status: {conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, "
             "message: 0/1 nodes}]}",
         "Unschedulable: 0/1 nodes", EXPLAIN_NOT_YET},
        {BOUND, "Pending on pi-01", EXPLAIN_NOT_YET},
        {BOUND "status: {phase: Pending, containerStatuses: [{name: a, ready: true, state: "
               "{running: {}}}, {name: b, state: {waiting: {reason: ErrImagePull, message: no "
               "such image}}}]}",
         "b: ErrImagePull: no such image", EXPLAIN_NOT_YET},
        {BOUND "status: {containerStatuses: [{name: b, state: {waiting: {}}}]}", "b: waiting",
         EXPLAIN_NOT_YET},
        {BOUND "status: {phase: Running, containerStatuses: [{name: b, state: {running: {}}}]}",
         "b: running, not ready yet", EXPLAIN_NOT_YET},
        {BOUND "status: {phase: Failed, containerStatuses: [{name: b, state: {terminated: "
               "{reason: OOMKilled, exitCode: 137}}}]}",
         "b: OOMKilled, exit code 137", EXPLAIN_FAILED},
        {BOUND "status: {phase: Failed, reason: Evicted, message: disk full}", "Evicted: disk full",
         EXPLAIN_FAILED},
        {BOUND "status: {phase: Pending, initContainerStatuses: [{name: i, state: {terminated: "
               "{exitCode: 0}}}, {name: j, state: {waiting: {reason: PodInitializing}}}]}",
         "j: PodInitializing", EXPLAIN_NOT_YET},
        {BOUND "status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}", "",
         EXPLAIN_READY},
        {BOUND "status: {phase: Succeeded}", "", EXPLAIN_READY},
        {"kind: Pod\nmetadata: {name: web, deletionTimestamp: x}\nspec: {nodeName: pi-01}\n"
         "status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}",
         "Terminating: its node is pi-01", EXPLAIN_NOT_YET},
        {"kind: Node\nstatus: {conditions: [{type: Ready, status: Unknown, reason: "
         "NodeStatusUnknown}]}",
         "NodeStatusUnknown", EXPLAIN_NOT_YET},
        {"kind: Node", "the node has not reported yet", EXPLAIN_NOT_YET},
        {"kind: Node\nstatus: {conditions: [{type: Ready, status: 'True'}]}", "", EXPLAIN_READY},
        {"kind: Deployment\nstatus: {conditions: [{type: Available, status: 'False'}]}",
         "not Available", EXPLAIN_NOT_YET},
        {"kind: ConfigMap", "", EXPLAIN_READY},
        {"kind: Namespace\nmetadata: {deletionTimestamp: x}", "Terminating", EXPLAIN_NOT_YET},
        {"kind: Pod\nspec: 7\nstatus: [1]\nmetadata: x", "Pending: no node is chosen yet",
         EXPLAIN_NOT_YET},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *object = parse(cases[i].yaml);
        cleanup(buf_done) struct buf line;
        buf_init(&line, 0);
        assert_int_equal(explain_line(object, &line), cases[i].state);
        assert_string_equal(buf_str(&line), cases[i].line);
    }
}

static void test_explain__condition_is_compared_without_case(void **state)
{
    cleanup(value_free) struct value *object =
        parse("status: {conditions: [{type: A, status: 'True'}, {type: B, status: 'False'}]}");
    (void)state;
    assert_true(explain_condition(object, "A", NULL));
    assert_true(explain_condition(object, "A", "true"));
    assert_false(explain_condition(object, "A", "False"));
    assert_false(explain_condition(object, "B", NULL));
    assert_true(explain_condition(object, "B", "false"));
    assert_false(explain_condition(object, "C", NULL));
    assert_false(explain_condition(object, "C", "False"));
}

static void test_explain__a_pod_is_told_with_its_node(void **state)
{
    cleanup(value_free) struct value *pod =
        parse(BOUND "status: {phase: Running, containerStatuses: [{name: a, restartCount: 3, "
                    "state: {waiting: {reason: CrashLoopBackOff, message: again in 40s}}, "
                    "lastState: {terminated: {reason: Error, exitCode: 1}}}]}");
    cleanup(value_free) struct value *node =
        parse("kind: Node\nstatus: {conditions: [{type: Ready, status: Unknown, reason: "
              "NodeStatusUnknown, message: three beats missed}]}");
    cleanup(buf_done) struct buf text;
    (void)state;
    buf_init(&text, 0);
    explain_pod(pod, node, &text);
    assert_string_equal(
        buf_str(&text),
        "pod shop/web: Running\n"
        "node pi-01: NotReady: NodeStatusUnknown: three beats missed; what is known of the pod is "
        "from before\n"
        "container a: waiting: CrashLoopBackOff: again in 40s; restarted 3 times; before that "
        "Error, exit code 1\n");
}

static void test_explain__a_pod_without_node_says_why(void **state)
{
    cleanup(value_free) struct value *pod = parse(
        POD
        "status: {conditions: [{type: PodScheduled, reason: Unschedulable, message: no room}]}");
    cleanup(buf_done) struct buf text;
    (void)state;
    buf_init(&text, 0);
    explain_pod(pod, NULL, &text);
    assert_string_equal(buf_str(&text), "pod shop/web: Pending\nno node: Unschedulable: no room\n");
}

#define NODE_READY                                                                                 \
    "kind: Node\nmetadata: {name: pi-01}\n"                                                        \
    "status: {allocatable: {cpu: '2', memory: 512Mi, pods: '2'}, conditions: [{type: Ready, "      \
    "status: 'True', lastTransitionTime: now, reason: AgentReady, message: beats come}]}\n"
#define READY_LINES "node pi-01: Ready\ncondition Ready: True since now: AgentReady: beats come\n"

static void test_explain__what_keeps_pods_from_a_node(void **state)
{
    static const struct {
        const char *node, *pods, *text;
    } cases[] = {
        {NODE_READY, "items: []",
         READY_LINES "nothing keeps new pods from it\n"
                     "requested: 0 of 2 pods, cpu 0m of 2000m, memory 0Mi of 512Mi\n"},
        {NODE_READY "spec: {unschedulable: true, taints: [{key: gpu, value: 'yes', effect: "
                    "NoSchedule}, {key: dusty, effect: PreferNoSchedule}]}\n",
         "items: [{spec: {containers: [{resources: {requests: {cpu: 500m}}}]}}]",
         READY_LINES "no new pods: it is cordoned (spec.unschedulable)\n"
                     "no new pods that do not tolerate the taint gpu=yes:NoSchedule\n"
                     "requested: 1 of 2 pods, cpu 500m of 2000m, memory 0Mi of 512Mi\n"},
        /* A pod that is over takes no room. */
        {NODE_READY,
         "items: [{spec: {containers: [{resources: {requests: {memory: 512Mi}}}]}}, {spec: {}}, "
         "{status: {phase: Succeeded}, spec: {containers: [{resources: {requests: {cpu: 9}}}]}}]",
         READY_LINES "no new pod: there is no room for it\n"
                     "no new pod that requests memory: there is no room for it\n"
                     "requested: 2 of 2 pods, cpu 0m of 2000m, memory 512Mi of 512Mi\n"},
        /* Devices, huge pages, storage: those that are taken, and one that is there no more. */
        {"kind: Node\nmetadata: {name: pi-01}\n"
         "status: {allocatable: {cpu: 1, memory: 1Gi, a.b/tpu: 1, a.b/gpu: 2, hugepages-2Mi: 0, "
         "ephemeral-storage: 1Gi}, conditions: [{type: Ready, status: 'True'}]}\n",
         "items: [{spec: {containers: [{resources: {requests: {a.b/tpu: 1, a.b/gpu: 1, a.b/cam: 1, "
         "ephemeral-storage: 600Mi}}}]}}, {spec: {containers: [{resources: {requests: "
         "{ephemeral-storage: 424Mi}}}]}}]",
         "node pi-01: Ready\ncondition Ready: True\n"
         "no new pod that requests a.b/tpu: there is no room for it\n"
         "no new pod that requests a.b/cam: there is no room for it\n"
         "no new pod that requests ephemeral-storage: there is no room for it\n"
         "requested: 2 of 110 pods, cpu 0m of 1000m, memory 0Mi of 1024Mi\n"},
        {"kind: Node\nmetadata: {name: pi-01, deletionTimestamp: x}\n"
         "status: {allocatable: {cpu: '2', memory: 1Gi}}",
         "items: []",
         "node pi-01: NotReady\nit has not reported yet\nno new pods: it is being deleted\n"
         "no new pods: it is not Ready\n"
         "requested: 0 of 110 pods, cpu 0m of 2000m, memory 0Mi of 1024Mi\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *node = parse(cases[i].node);
        cleanup(value_free) struct value *pods = parse(cases[i].pods);
        cleanup(buf_done) struct buf text;
        buf_init(&text, 0);
        explain_node(node, pods, &text);
        assert_string_equal(buf_str(&text), cases[i].text);
    }
}

static void test_explain__a_node_of_any_shape_does_no_harm(void **state)
{
    cleanup(value_free) struct value *node = parse("spec: [x]\nstatus: {conditions: [7, {}]}");
    cleanup(buf_done) struct buf text;
    (void)state;
    buf_init(&text, 0);
    explain_node(node, node, &text);
    assert_non_null(strstr(buf_str(&text), "NotReady"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_explain__one_line_says_what_is_missing),
        cmocka_unit_test(test_explain__condition_is_compared_without_case),
        cmocka_unit_test(test_explain__a_pod_is_told_with_its_node),
        cmocka_unit_test(test_explain__a_pod_without_node_says_why),
        cmocka_unit_test(test_explain__what_keeps_pods_from_a_node),
        cmocka_unit_test(test_explain__a_node_of_any_shape_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
