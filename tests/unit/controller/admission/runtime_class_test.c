#include "controller/admission/runtime_class.h"

#include "tests/unit/controller/admission/gated.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define C "containers: [{name: a, image: i}]"
#define POD(more) "{metadata: {name: p}, spec: {" C ", " more "}}"

static void test_runtime_class__is_laid_over_the_pod(void **state)
{
    admitted(*state, &kind_runtime_class,
             "{metadata: {name: kata}, handler: kata, overhead: {podFixed: {memory: 64Mi}}, "
             "scheduling: {nodeSelector: {vm: 'yes'}, tolerations: [{key: vm, operator: Exists}]}}",
             NULL);
    pod_has(*state, C ", runtimeClassName: kata", "spec.overhead", "{\"memory\":\"64Mi\"}");
    pod_has(*state, C ", runtimeClassName: kata, nodeSelector: {a: b}", "spec.nodeSelector",
            "{\"a\":\"b\",\"vm\":\"yes\"}");
    pod_has(*state, C ", runtimeClassName: kata, tolerations: [{operator: Exists}]",
            "spec.tolerations.1", "{\"key\":\"vm\",\"operator\":\"Exists\"}");
    pod_has(*state, C ", runtimeClassName: kata, overhead: {memory: 65536Ki}", "spec.overhead",
            "{\"memory\":\"64Mi\"}");
    refused(*state, &kind_pod, POD("runtimeClassName: kata, overhead: {memory: 1Mi}"),
            "pods \"p\" is forbidden: pod rejected: Pod's Overhead doesn't match RuntimeClass's "
            "defined Overhead");
    refused(*state, &kind_pod, POD("runtimeClassName: kata, nodeSelector: {vm: 'no'}"),
            "pods \"p\" is forbidden: conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; "
            "pod.spec.nodeSelector[vm] = no");
}

static void test_runtime_class__what_is_refused(void **state)
{
    refused(*state, &kind_pod, POD("runtimeClassName: kata"),
            "pods \"p\" is forbidden: pod rejected: RuntimeClass \"kata\" not found");
    refused(*state, &kind_pod, POD("overhead: {cpu: 1}"),
            "pods \"p\" is forbidden: pod rejected: Pod Overhead set without corresponding "
            "RuntimeClass defined Overhead");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_runtime_class__is_laid_over_the_pod),
        TEST(test_runtime_class__what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
