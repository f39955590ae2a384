#include "load.h"

#define HEAD "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n"
#define SELECTOR "  selector: {matchLabels: {app: db}}\n"
#define TEMPLATE(mounts_)                                                                          \
    "  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: a, image: b, "         \
    "volumeMounts: [" mounts_ "]}]}}\n"
#define CLAIM                                                                                      \
    "  volumeClaimTemplates:\n  - metadata: {name: data}\n"                                        \
    "    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}\n"

/* kubectl's rollout status needs the strategy. */
static void test_stateful_set__defaults(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object = load_whole(HEAD SELECTOR TEMPLATE(""));
    const struct value *spec = value_get(object, "spec");
    const struct value *retention = value_get(spec, "persistentVolumeClaimRetentionPolicy");
    assert_int_equal(value_get_int(spec, "replicas", 0), 1);
    assert_int_equal(value_get_int(spec, "revisionHistoryLimit", 0), 10);
    assert_string_equal(value_get_str(spec, "podManagementPolicy"), "OrderedReady");
    assert_string_equal(value_str(value_path(spec, "updateStrategy", "type", NULL)),
                        "RollingUpdate");
    assert_int_equal(
        value_int(value_path(spec, "updateStrategy", "rollingUpdate", "partition", NULL), 7), 0);
    assert_string_equal(value_get_str(retention, "whenDeleted"), "Retain");
    assert_string_equal(value_get_str(retention, "whenScaled"), "Retain");
}

/* They are whole claims, and defaulted as claims are. */
static void test_stateful_set__claims(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object =
        load_whole(HEAD SELECTOR TEMPLATE("{name: data, mountPath: /d}") CLAIM);
    const struct value *claim =
        value_at(value_path(object, "spec", "volumeClaimTemplates", NULL), 0);
    assert_string_equal(value_get_str(claim, "apiVersion"), "v1");
    assert_string_equal(value_get_str(claim, "kind"), "PersistentVolumeClaim");
    assert_string_equal(value_str(value_path(claim, "spec", "volumeMode", NULL)), "Filesystem");
    assert_string_equal(value_str(value_path(claim, "status", "phase", NULL)), "Pending");
    assert_string_equal(
        value_str(value_path(claim, "spec", "resources", "requests", "storage", NULL)), "1Gi");
}

static void test_stateful_set__is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text, *mistake;
    } cases[] = {
        {HEAD SELECTOR TEMPLATE("{name: data, mountPath: /d}") CLAIM, ""},
        {HEAD SELECTOR TEMPLATE("{name: logs, mountPath: /d}") CLAIM,
         "line 6: spec.template.spec.containers[0].volumeMounts[0].name: \"logs\": the pod has no "
         "such volume\n"},
        {HEAD SELECTOR TEMPLATE("") "  updateStrategy: {type: OnDelete, rollingUpdate: {}}\n",
         "line 7: spec.updateStrategy.rollingUpdate: only allowed for updateStrategy "
         "'RollingUpdate'\n"},
        {HEAD SELECTOR TEMPLATE("") "  updateStrategy: {rollingUpdate: {maxUnavailable: 0%}}\n",
         "line 7: spec.updateStrategy.rollingUpdate.maxUnavailable: cannot be 0\n"},
        {HEAD SELECTOR TEMPLATE("") "  podManagementPolicy: Ordered\n  ordinals: {start: -1}\n",
         "line 7: spec.podManagementPolicy: \"Ordered\": must be one of OrderedReady, Parallel\n"
         "line 8: spec.ordinals.start: -1: must be at least 0\n"},
        {HEAD SELECTOR TEMPLATE("") "  volumeClaimTemplates: [{kind: Pod, metadata: {name: a}}]\n",
         "line 7: spec.volumeClaimTemplates[0].kind: \"Pod\": must be one of "
         "PersistentVolumeClaim\n"
         "line 7: spec.volumeClaimTemplates[0].spec: required\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_mistakes(cases[i].text, cases[i].mistake);
}

static void test_stateful_set__updates(void **state)
{
    (void)state;
    static const char want[] =
        "spec: updates to statefulset spec for fields other than 'replicas', 'ordinals', "
        "'template', 'updateStrategy', 'revisionHistoryLimit', "
        "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden\n";
    static const char before[] = HEAD SELECTOR TEMPLATE("");
    static const struct {
        const char *after, *want;
    } cases[] = {
        {HEAD SELECTOR TEMPLATE("") "  replicas: 4\n  minReadySeconds: 3\n", ""},
        {HEAD SELECTOR TEMPLATE("") "  ordinals: {start: 1}\n  revisionHistoryLimit: 2\n", ""},
        {HEAD SELECTOR TEMPLATE("") "  updateStrategy: {type: OnDelete}\n", ""},
        {HEAD SELECTOR TEMPLATE(
             "") "  persistentVolumeClaimRetentionPolicy: {whenScaled: Delete}\n",
         ""},
        {HEAD SELECTOR TEMPLATE("") "  podManagementPolicy: OrderedReady\n", ""},
        {HEAD SELECTOR TEMPLATE("") "  serviceName: db\n", want},
        {HEAD SELECTOR TEMPLATE("") "  podManagementPolicy: Parallel\n", want},
        {HEAD SELECTOR TEMPLATE("") CLAIM, want},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_update(before, cases[i].after, cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stateful_set__defaults),
        cmocka_unit_test(test_stateful_set__claims),
        cmocka_unit_test(test_stateful_set__is_checked),
        cmocka_unit_test(test_stateful_set__updates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
