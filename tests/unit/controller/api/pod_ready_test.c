#include "controller/api/pod_ready.h"

#include "common/base/str.h"
#include "common/data/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct value *parse(const char *text)
{
    struct value *v = NULL;
    struct diags diags;
    diags_init(&diags);
    assert_int_equal(yaml_parse(text, strlen(text), &v, &diags), 0);
    diags_done(&diags);
    return v;
}

#define GATES                                                                                      \
    "{spec: {readinessGates: [{conditionType: a}, {conditionType: b}]}, status: {conditions: ["
#define CONTAINERS                                                                                 \
    "{type: ContainersReady, status: 'True', lastTransitionTime: '2026-01-01T00:00:01Z'}, "
#define READY "{type: Ready, status: 'True', lastTransitionTime: '2026-01-01T00:00:01Z'}"

static void test_pod_ready__gates(void **state)
{
    (void)state;
    static const struct {
        const char *pod, *status, *reason, *message, *since;
    } cases[] = {
        {"{spec: {}, status: {conditions: [" CONTAINERS READY "]}}", "True", NULL, NULL,
         "2026-01-01T00:00:01Z"},
        {GATES CONTAINERS READY "]}}", "False", "ReadinessGatesNotReady",
         "corresponding condition of pod readiness gate \"a\" does not exist., corresponding "
         "condition of pod readiness gate \"b\" does not exist.",
         "2026-01-01T00:00:01Z"},
        {GATES CONTAINERS READY ", {type: a, status: 'True'}, {type: b, status: 'Unknown'}]}}",
         "False", "ReadinessGatesNotReady",
         "the status of pod readiness gate \"b\" is not \"True\", but Unknown",
         "2026-01-01T00:00:01Z"},
        {GATES CONTAINERS READY
         ", {type: a, status: 'True', lastTransitionTime: '2026-01-01T00:00:05Z'}, {type: b, "
         "status: 'True', lastTransitionTime: '2026-01-01T00:00:03Z'}]}}",
         "True", NULL, NULL, "2026-01-01T00:00:05Z"},
        {GATES "{type: ContainersReady, status: 'False'}, {type: Ready, status: 'False', reason: "
               "ContainersNotReady}]}}",
         "False", "ContainersNotReady", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *pod = parse(cases[i].pod);
        pod_ready_keep(NULL, pod);
        const struct value *ready = value_at(value_path(pod, "status", "conditions", NULL), 1);
        const char *message = value_get_str(ready, "message");
        if (!str_eq(value_get_str(ready, "status"), cases[i].status) ||
            !str_eq(value_get_str(ready, "reason"), cases[i].reason) ||
            !str_eq(message, cases[i].message) ||
            !str_eq(value_get_str(ready, "lastTransitionTime"), cases[i].since))
            fail_msg("case %zu: %s %s", i, value_get_str(ready, "status"), message ? message : "");
        cleanup(value_free) struct value *again = value_copy(pod);
        pod_ready_keep(pod, again);
        assert_true(value_equal(pod, again));
    }
}

static void test_pod_ready__conditions_of_others_stay(void **state)
{
    (void)state;
    cleanup(value_free) struct value *before = parse(
        "{conditions: [{type: Ready, status: 'False'}, {type: Paused, status: 'True'}, "
        "{type: PodResizePending, status: 'True'}, "
        "{type: PodResizeInProgress, status: 'True'}, {type: a, status: 'True'}, {type: b, status: 'False'}]}");
    cleanup(value_free) struct value *status = parse(
        "{phase: Running, conditions: [{type: Ready, status: 'True'}, {type: b, status: x}]}");
    cleanup(value_free) struct value *expected =
        parse("{phase: Running, conditions: [{type: Ready, status: 'True'}, {type: b, status: x}, "
              "{type: a, status: 'True'}]}");
    cleanup(value_free) struct value *merged = pod_ready_merge(before, status);
    assert_true(value_equal(merged, expected));
    cleanup(value_free) struct value *first = pod_ready_merge(NULL, status);
    assert_true(value_equal(first, status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pod_ready__gates),
        cmocka_unit_test(test_pod_ready__conditions_of_others_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
