#include "load.h"

#define QUOTA "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: a}\n"

static void test_resource_quota__mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *mistakes;
    } cases[] = {
        {"hard: {pods: 10, requests.cpu: 4, count/jobs.batch: 5, requests.example.com/gpu: 1, "
         "hugepages-2Mi: 4Mi, gold.storageclass.storage.k8s.io/requests.storage: 1Ti}",
         ""},
        {"hard: {podz: 10}",
         "line 4: spec.hard.podz: the key must be a standard resource for quota, or a name with a "
         "domain, such as count/jobs.batch or requests.example.com/gpu\n"},
        {"hard: {pods: -1}", "line 4: spec.hard.pods: -1: must be at least 0\n"},
        {"hard: {services.nodeports: 1500m, requests.cpu: 1500m}",
         "line 4: spec.hard[\"services.nodeports\"]: must be an integer\n"},
        {"scopes: [BestEffort], hard: {pods: 5}", ""},
        {"scopes: [BestEffort], hard: {pods: 5, cpu: 1}",
         "line 4: spec.scopes[0]: \"BestEffort\": unsupported scope applied to resource\n"},
        {"scopes: [NotBestEffort], hard: {secrets: 5}",
         "line 4: spec.scopes[0]: \"NotBestEffort\": unsupported scope applied to resource\n"},
        {"scopes: [BestEffort, NotBestEffort]", "line 4: spec.scopes: conflicting scopes\n"},
        {"scopes: [Terminating, NotTerminating]", "line 4: spec.scopes: conflicting scopes\n"},
        {"scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: "
         "[high]}]}",
         ""},
        {"scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In}]}",
         "line 4: spec.scopeSelector.matchExpressions[0].values: must be at least one value when "
         "`operator` is 'In' or 'NotIn' for scope selector\n"},
        {"scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: Exists, values: "
         "[a]}]}",
         "line 4: spec.scopeSelector.matchExpressions[0].values: must be no value when `operator` "
         "is 'Exists' or 'DoesNotExist' for scope selector\n"},
        {"scopeSelector: {matchExpressions: [{scopeName: BestEffort, operator: DoesNotExist}]}",
         "line 4: spec.scopeSelector.matchExpressions[0].operator: must be 'Exists' when scope is "
         "BestEffort\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), QUOTA "spec: {%s}\n", cases[i].spec);
        expect_mistakes(text, cases[i].mistakes);
    }
}

static void test_resource_quota__scopes_are_fixed(void **state)
{
    (void)state;
    cleanup(value_free) struct value *old = load_whole(QUOTA "spec: {scopes: [BestEffort]}\n");
    cleanup(value_free) struct value *next = load_whole(QUOTA "spec: {scopes: [Terminating]}\n");
    cleanup(diags_done) struct diags diags = {0};
    assert_true(schema_check_update(&kind_resource_quota, old, next, &diags) < 0);
    assert_string_equal(diags.items[0].path, "spec.scopes");
    expect_update(QUOTA "spec: {hard: {pods: 5}}\n", QUOTA "spec: {hard: {pods: 6}}\n", "");
}

static void test_resource_quota__columns(void **state)
{
    (void)state;
    static const char text[] =
        "status:\n"
        "  hard: {requests.memory: 8Gi, pods: '10', limits.cpu: '4', cpu: '2'}\n"
        "  used: {pods: '3', requests.memory: 512Mi, limits.cpu: 500m}\n";
    const struct schema_kind *kind = &kind_resource_quota;
    expect_cell(kind, "Request", text, 0, "cpu: 0/2, pods: 3/10, requests.memory: 512Mi/8Gi");
    expect_cell(kind, "Limit", text, 0, "limits.cpu: 500m/4");
    expect_cell(kind, "Limit", "spec: {}", 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resource_quota__mistakes),
        cmocka_unit_test(test_resource_quota__scopes_are_fixed),
        cmocka_unit_test(test_resource_quota__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
