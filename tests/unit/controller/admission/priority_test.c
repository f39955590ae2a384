#include "controller/admission/priority.h"

#include "tests/unit/controller/admission/gated.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define C "containers: [{name: a, image: i}]"

static void test_priority__is_the_class_value(void **state)
{
    pod_has(*state, C, "spec.priority", "0");
    pod_has(*state, C, "spec.preemptionPolicy", "\"PreemptLowerPriority\"");
    pod_has(*state, C, "spec.priorityClassName", "");
    pod_has(*state, C ", priorityClassName: system-node-critical", "spec.priority", "2000001000");
    pod_has(*state, C ", priorityClassName: system-cluster-critical", "spec.priority",
            "2000000000");
    admitted(*state, &kind_priority_class,
             "{metadata: {name: high}, value: 1000, preemptionPolicy: Never}", NULL);
    pod_has(*state, C ", priorityClassName: high", "spec.priority", "1000");
    pod_has(*state, C ", priorityClassName: high, priority: 1000", "spec.preemptionPolicy",
            "\"Never\"");
    admitted(*state, &kind_priority_class,
             "{metadata: {name: usual}, value: 7, globalDefault: true}", NULL);
    pod_has(*state, C, "spec.priority", "7");
    pod_has(*state, C, "spec.priorityClassName", "\"usual\"");
}

static void test_priority__what_is_refused(void **state)
{
#define POD(more) "{metadata: {name: p}, spec: {" C ", " more "}}"
    refused(*state, &kind_pod, POD("priorityClassName: none"),
            "pods \"p\" is forbidden: no PriorityClass with name none was found");
    refused(*state, &kind_pod, POD("priority: 5"),
            "pods \"p\" is forbidden: the integer value of priority (5) must not be provided in "
            "pod spec; priority admission controller computed 0 from the given PriorityClass name");
    refused(*state, &kind_pod, POD("preemptionPolicy: Never"),
            "pods \"p\" is forbidden: the string value of PreemptionPolicy (Never) must not be "
            "provided in pod spec; priority admission controller computed PreemptLowerPriority "
            "from the given PriorityClass name");
}

static void test_priority__stays_in_an_update(void **state)
{
    struct gated *g = *state;
    cleanup(value_free) struct value *pod = NULL, *after = NULL;
    admitted(g, &kind_pod, POD("priorityClassName: system-node-critical"), &pod);
    value_del(value_get(pod, "spec"), "priority");
    value_del(value_get(pod, "spec"), "preemptionPolicy");
    value_set_str(value_make_map(pod, "metadata", "labels", NULL), "a", "b");
    assert_int_equal(do_update(g->world, &kind_pod, "default", pod, 0, &after), 200);
    assert_int_equal(value_get_int(value_get(after, "spec"), "priority", 0), 2000001000);
}

static void count_warnings(void *ctx, const struct api_answer *answer)
{
    assert_int_equal(answer->code, 200);
    *(size_t *)ctx = answer->warnings ? answer->warnings->count : 0;
}

/* Nothing acts on the policy that the pod was given: nobody who edits something else hears of it.
 */
static void test_priority__is_not_warned_of(void **state)
{
    struct gated *g = *state;
    cleanup(value_free) struct value *pod = NULL;
    const struct api_ref ref = {&kind_pod, "default", "p"};
    size_t count = SIZE_MAX;
    admitted(g, &kind_pod, POD("terminationGracePeriodSeconds: 1"), &pod);
    value_set_str(value_make_map(pod, "metadata", "labels", NULL), "a", "b");
    api_update(g->world->api, &admin, &ref, pod, API_WARN_INERT, count_warnings, &count);
    world_settle(g->world);
    assert_int_equal(count, 0);
}

static void test_priority__one_default(void **state)
{
    struct gated *g = *state;
    cleanup(value_free) struct value *first = NULL;
    admitted(g, &kind_priority_class, "{metadata: {name: a}, value: 1, globalDefault: true}",
             &first);
    refused(g, &kind_priority_class, "{metadata: {name: b}, value: 2, globalDefault: true}",
            "priorityclasses.scheduling.k8s.io \"b\" is forbidden: PriorityClass a is already "
            "marked as default. Only one default can exist");
    value_set_str(first, "description", "the first");
    assert_int_equal(do_update(g->world, &kind_priority_class, "", first, 0, NULL), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_priority__is_the_class_value), TEST(test_priority__what_is_refused),
        TEST(test_priority__stays_in_an_update), TEST(test_priority__is_not_warned_of),
        TEST(test_priority__one_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
