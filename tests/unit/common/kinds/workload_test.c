/* What all kinds have in common that make pods of a template. */

#include "load.h"

#define CONTAINERS "containers: [{name: a, image: reg/a:1}, {name: b, image: b}]"

/* One of each, with a place for its selector, its template's labels and its pods. */
static const struct {
    const char *api_version, *kind, *what;
} workloads[] = {
    {"apps/v1", "Deployment", "deployment"},
    {"apps/v1", "ReplicaSet", "replicaset"},
    {"apps/v1", "DaemonSet", "daemonset"},
    {"apps/v1", "StatefulSet", "statefulset"},
};

static void write_workload(char ret[static 1024], size_t i, const char *selector,
                           const char *labels, const char *pod)
{
    snprintf(ret, 1024,
             "apiVersion: %s\nkind: %s\nmetadata: {name: web}\nspec:\n  selector: %s\n"
             "  template:\n    metadata: {labels: %s}\n    spec: {%s%s}\n",
             workloads[i].api_version, workloads[i].kind, selector, labels, CONTAINERS, pod);
}

static void test_workload__selector_fits_the_template(void **state)
{
    (void)state;
    static const struct {
        const char *selector, *labels, *pod, *mistake;
    } cases[] = {
        {"{matchLabels: {app: web}}", "{app: web, x: y}", "", ""},
        {"{matchExpressions: [{key: app, operator: Exists}]}", "{app: web}", "", ""},
        {"{matchLabels: {app: web}}", "{app: web}", ", restartPolicy: Always", ""},
        {"{matchLabels: {app: web}}", "{app: other}", "",
         "line 7: spec.template.metadata.labels: `selector` does not match template `labels`\n"},
        {"{matchLabels: {app: web}}", "", "",
         "line 7: spec.template.metadata.labels: `selector` does not match template `labels`\n"},
        {"", "{app: web}", "", "line 5: spec.selector: required\n"},
        {"{matchLabels: {app: web}}", "{app: web}", ", restartPolicy: OnFailure",
         "line 8: spec.template.spec.restartPolicy: \"OnFailure\": supported values: \"Always\"\n"},
        {"{matchLabels: {app: web}}", "{app: web}", ", ephemeralContainers: [{name: e, image: e}]",
         "line 8: spec.template.spec.ephemeralContainers: ephemeral containers not allowed in pod "
         "template\n"},
        {"{matchExpressions: [{key: app, operator: In}]}", "{app: web}", "",
         "line 5: spec.selector.matchExpressions[0].values: required with operator In\n"
         "line 7: spec.template.metadata.labels: `selector` does not match template `labels`\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(workloads); i++)
        for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
            char text[1024];
            write_workload(text, i, cases[n].selector, cases[n].labels, cases[n].pod);
            expect_mistakes(text, cases[n].mistake);
        }
}

static void test_workload__names_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(workloads); i++) {
        char text[1024], want[1024];
        write_workload(text, i, "{}", "{app: web}", ", activeDeadlineSeconds: 5");
        snprintf(want, sizeof(want),
                 "line 5: spec.selector: empty selector is invalid for %s\n"
                 "line 8: spec.template.spec.activeDeadlineSeconds: activeDeadlineSeconds in %s is "
                 "not supported\n",
                 workloads[i].what, workloads[i].what);
        expect_mistakes(text, want);
    }
}

static void test_workload__selector_is_immutable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(workloads); i++) {
        char before[1024], after[1024];
        write_workload(before, i, "{matchLabels: {app: web}}", "{app: web, x: y}", "");
        write_workload(after, i, "{matchLabels: {x: y}}", "{app: web, x: y}", "");
        expect_update(before, before, "");
        expect_update(before, after,
                      str_eq(workloads[i].kind, "StatefulSet")
                          ? "spec: updates to statefulset spec for fields other than 'replicas', "
                            "'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
                            "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
                            "forbidden\n"
                          : "spec.selector: field is immutable\n");
        write_workload(after, i, "{matchLabels: {app: web}}", "{app: web}", ", hostNetwork: true");
        expect_update(before, after, "");
    }
}

/* What it makes is a pod: its defaults are a pod's. */
static void test_workload__template_is_defaulted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(workloads); i++) {
        char text[1024];
        write_workload(text, i, "{matchLabels: {app: web}}", "{app: web}", "");
        cleanup(value_free) struct value *object = load_whole(text);
        const struct value *pod = value_path(object, "spec", "template", "spec", NULL);
        assert_string_equal(value_get_str(pod, "restartPolicy"), "Always");
        assert_string_equal(value_get_str(pod, "dnsPolicy"), "ClusterFirst");
        assert_string_equal(
            value_get_str(value_at(value_get(pod, "containers"), 1), "imagePullPolicy"), "Always");
        assert_true(str_eq(workloads[i].kind, "DaemonSet") ||
                    value_int(value_path(object, "spec", "replicas", NULL), 0) == 1);
    }
}

static void test_workload__counts_of_a_status(void **state)
{
    (void)state;
    char text[1024];
    cleanup(diags_done) struct diags diags = {0};
    cleanup(buf_done) struct buf got = {0};
    write_workload(text, 0, "{matchLabels: {app: web}}", "{app: web}", "");
    cleanup(value_free) struct value *object = load_whole(text);
    struct value *status = value_make_map(object, "status", NULL);
    value_set_int(status, "replicas", 2);
    value_set_int(status, "readyReplicas", 1);
    value_set_int(status, "availableReplicas", 1);
    assert_int_equal(schema_check(&kind_deployment, object, SCHEMA_CHECK_STATUS, &diags), 0);
    value_set_int(status, "updatedReplicas", 3);
    value_set_int(status, "availableReplicas", 2);
    value_set_int(status, "terminatingReplicas", -1);
    assert_int_equal(schema_check(&kind_deployment, object, SCHEMA_CHECK_STATUS, &diags), -EINVAL);
    for (size_t i = 0; i < diags.count; i++)
        buf_addf(&got, "%s: %s\n", diags.items[i].path, diags.items[i].reason);
    assert_string_equal(buf_str(&got),
                        "status.terminatingReplicas: -1: must be at least 0\n"
                        "status.updatedReplicas: cannot be greater than status.replicas\n"
                        "status.availableReplicas: cannot be greater than status.readyReplicas\n");
}

#define WORKLOAD                                                                                   \
    "metadata: {name: web}\nspec: {replicas: 3, selector: {matchLabels: {tier: x, app: web}}, "    \
    "template: {metadata: {labels: {app: web}}, spec: {nodeSelector: {disk: ssd}, " CONTAINERS     \
    "}}}\n"

static void test_workload__columns(void **state)
{
    (void)state;
    static const struct {
        const struct schema_kind *kind;
        const char *column, *status, *want;
    } cases[] = {
        {&kind_deployment, "Ready", "", "0/3"},
        {&kind_deployment, "Ready", "status: {readyReplicas: 2}", "2/3"},
        {&kind_deployment, "Up-to-date", "status: {updatedReplicas: 2}", "2"},
        {&kind_deployment, "Available", "", "0"},
        {&kind_deployment, "Available", "status: {availableReplicas: 1}", "1"},
        {&kind_deployment, "Containers", "", "a,b"},
        {&kind_deployment, "Images", "", "reg/a:1,b"},
        {&kind_deployment, "Selector", "", "app=web,tier=x"},
        {&kind_stateful_set, "Ready", "status: {readyReplicas: 1}", "1/3"},
        {&kind_stateful_set, "Images", "", "reg/a:1,b"},
        {&kind_replica_set, "Desired", "", "3"},
        {&kind_replica_set, "Current", "", "0"},
        {&kind_replica_set, "Current", "status: {replicas: 3}", "3"},
        {&kind_replica_set, "Ready", "status: {readyReplicas: 2}", "2"},
        {&kind_replica_set, "Selector", "", "app=web,tier=x"},
        {&kind_daemon_set, "Desired", "status: {desiredNumberScheduled: 5}", "5"},
        {&kind_daemon_set, "Current", "status: {currentNumberScheduled: 4}", "4"},
        {&kind_daemon_set, "Ready", "status: {numberReady: 3}", "3"},
        {&kind_daemon_set, "Up-to-date", "status: {updatedNumberScheduled: 2}", "2"},
        {&kind_daemon_set, "Available", "status: {numberAvailable: 1}", "1"},
        {&kind_daemon_set, "Available", "", "0"},
        {&kind_daemon_set, "Node Selector", "", "disk=ssd"},
        {&kind_daemon_set, "Images", "", "reg/a:1,b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text), WORKLOAD "%s\n", cases[i].status);
        expect_cell(cases[i].kind, cases[i].column, text, 0, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_workload__selector_fits_the_template),
        cmocka_unit_test(test_workload__names_itself),
        cmocka_unit_test(test_workload__selector_is_immutable),
        cmocka_unit_test(test_workload__template_is_defaulted),
        cmocka_unit_test(test_workload__counts_of_a_status),
        cmocka_unit_test(test_workload__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
