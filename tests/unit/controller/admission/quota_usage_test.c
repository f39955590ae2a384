#include "controller/admission/quota_usage.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_quota_usage__amounts(void **state)
{
    (void)state;
    static const struct {
        const struct schema_kind *kind;
        const char *object, *usage;
    } cases[] = {
        {&kind_config_map, "{}", "configmaps=1,count/configmaps=1"},
        {&kind_deployment, "{}", "count/deployments.apps=1"},
        {&kind_cron_job_v1beta1, "{}", "count/cronjobs.batch=1"},
        {&kind_pod, "{spec: {containers: [{}]}}", "count/pods=1,pods=1"},
        {&kind_pod,
         "{spec: {containers: [{resources: {requests: {cpu: 1, example.com/gpu: 2}, limits: "
         "{memory: 1Gi, hugepages-2Mi: 4Mi}}}]}}",
         "count/pods=1,cpu=1,hugepages-2Mi=4Mi,limits.hugepages-2Mi=4Mi,limits.memory=1Gi,"
         "memory=1Gi,pods=1,requests.cpu=1,requests.example.com/gpu=2,requests.hugepages-2Mi=4Mi,"
         "requests.memory=1Gi"},
        /* Given back when its node has: what it has still counts. */
        {&kind_pod,
         "{spec: {overhead: {cpu: 1}, containers: [{name: a, resources: {requests: {cpu: 1}}}]}, "
         "status: {containerStatuses: [{name: a, resources: {requests: {cpu: 2}, limits: {cpu: 3}}}]"
         "}}",
         "count/pods=1,cpu=3,limits.cpu=4,pods=1,requests.cpu=3"},
        {&kind_pod,
         "{spec: {containers: [{resources: {requests: {cpu: 1}}}]}, status: {phase: Failed}}",
         "count/pods=1"},
        {&kind_service, "{spec: {type: ClusterIP, ports: [{}]}}",
         "count/services=1,services=1,services.loadbalancers=0,services.nodeports=0"},
        {&kind_service, "{spec: {type: NodePort, ports: [{}, {}]}}",
         "count/services=1,services=1,services.loadbalancers=0,services.nodeports=2"},
        {&kind_service,
         "{spec: {type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{}, {nodePort: "
         "30000}]}}",
         "count/services=1,services=1,services.loadbalancers=1,services.nodeports=1"},
        {&kind_persistent_volume_claim,
         "{spec: {storageClassName: fast, resources: {requests: {storage: 2Gi}}}}",
         "count/persistentvolumeclaims=1,fast.storageclass.storage.k8s.io/persistentvolumeclaims=1,"
         "fast.storageclass.storage.k8s.io/requests.storage=2Gi,persistentvolumeclaims=1,"
         "requests.storage=2Gi"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *object = parse(cases[i].object);
        cleanup(quota_usage_done) struct quota_usage usage;
        cleanup(buf_done) struct buf text;
        buf_init(&text, 0);
        quota_usage_of(cases[i].kind, object, &usage);
        amounts_print(&usage.amounts, &text);
        assert_string_equal(buf_str(&text), cases[i].usage);
    }
}

static void test_quota_usage__concerns(void **state)
{
    (void)state;
    static const struct {
        const char *resource;
        const struct schema_kind *kind;
        bool concerns;
    } cases[] = {
        {"pods", &kind_pod, true},
        {"limits.cpu", &kind_pod, true},
        {"requests.example.com/gpu", &kind_pod, true},
        {"pods", &kind_secret, false},
        {"count/pods", &kind_pod, true},
        {"count/secrets", &kind_pod, false},
        {"secrets", &kind_secret, true},
        {"count/deployments.apps", &kind_deployment, true},
        {"count/cronjobs.batch", &kind_cron_job_v1beta1, true},
        {"services.nodeports", &kind_service, true},
        {"requests.storage", &kind_persistent_volume_claim, true},
        {"requests.storage", &kind_pod, false},
        {"a.storageclass.storage.k8s.io/requests.storage", &kind_persistent_volume_claim, true},
        {"count/events", &kind_event, false},
        {"count/nodes", &kind_node, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(quota_concerns(cases[i].resource, cases[i].kind), cases[i].concerns);
}

static void test_quota_usage__scopes(void **state)
{
    (void)state;
    static const char plain[] = "{spec: {containers: [{}]}}";
    static const char big[] =
        "{spec: {activeDeadlineSeconds: 1, priorityClassName: high, containers: [{resources: "
        "{requests: {cpu: 1}}}]}}";
#define CLASS(more)                                                                                \
    "{scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: " more "}]}}"
    static const struct {
        const char *spec;
        bool plain, big;
    } cases[] = {
        {"{}", true, true},
        {"{scopes: [Terminating]}", false, true},
        {"{scopes: [NotTerminating]}", true, false},
        {"{scopes: [BestEffort]}", true, false},
        {"{scopes: [NotBestEffort]}", false, true},
        {"{scopes: [NotTerminating, NotBestEffort]}", false, false},
        {"{scopes: [PriorityClass]}", false, true},
        {CLASS("In, values: [high, low]"), false, true},
        {CLASS("In, values: [low]"), false, false},
        {CLASS("NotIn, values: [high]"), true, false},
        {CLASS("Exists"), false, true},
        {CLASS("DoesNotExist"), true, false},
        {"{scopes: [CrossNamespacePodAffinity]}", false, false},
    };
    cleanup(value_free) struct value *plain_pod = parse(plain), *big_pod = parse(big);
    cleanup(quota_usage_done) struct quota_usage first, second, other;
    quota_usage_of(&kind_pod, plain_pod, &first);
    quota_usage_of(&kind_pod, big_pod, &second);
    quota_usage_of(&kind_secret, plain_pod, &other);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *spec = parse(cases[i].spec);
        assert_int_equal(quota_matches(spec, &first), cases[i].plain);
        assert_int_equal(quota_matches(spec, &second), cases[i].big);
        assert_int_equal(quota_matches(spec, &other), i == 0); /* scopes are of pods */
    }
}

static void test_quota_usage__what_must_be_said(void **state)
{
    (void)state;
    cleanup(value_free) struct value *hard =
        parse("{requests.cpu: 1, limits.memory: 1, pods: 1, requests.storage: 1}");
    cleanup(value_free) struct value *pod =
        parse("{spec: {containers: [{name: b}, {name: a}], initContainers: [{name: c, resources: "
              "{requests: {cpu: 1}}}]}}");
    cleanup(value_free) struct value *nothing = parse("{pods: 1}");
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    assert_true(quota_is_said(nothing, pod, &text));
    assert_false(quota_is_said(hard, pod, &text));
    assert_string_equal(buf_str(&text),
                        "must specify limits.memory for: a,b,c; requests.cpu for: a,b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quota_usage__amounts),
        cmocka_unit_test(test_quota_usage__concerns),
        cmocka_unit_test(test_quota_usage__scopes),
        cmocka_unit_test(test_quota_usage__what_must_be_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
