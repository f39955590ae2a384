#include "load.h"

#define CLAIM "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: a}\n"
#define RWO "accessModes: [ReadWriteOnce]"
#define SIZE "resources: {requests: {storage: 8Gi}}"

static void test_persistent_volume_claim__mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *mistakes;
    } cases[] = {
        {"{" RWO ", " SIZE "}", ""},
        {"{}", "line 4: spec.accessModes: required\n"
               "line 4: spec.resources.requests.storage: required\n"},
        {"{" RWO ", resources: {requests: {storage: 0}}}",
         "line 4: spec.resources.requests.storage: must be greater than zero\n"},
        {"{accessModes: [ReadWriteOncePod], " SIZE "}", ""},
        {"{accessModes: [ReadWriteOncePod, ReadWriteOnce], " SIZE "}",
         "line 4: spec.accessModes: may not use ReadWriteOncePod with other access modes\n"},
        {"{accessModes: [ReadWriteTwice], " SIZE "}",
         "line 4: spec.accessModes[0]: \"ReadWriteTwice\": did you mean ReadWriteOnce?\n"},
        {"{" RWO ", " SIZE ", dataSource: {kind: Pod, name: b}}",
         "line 4: spec.dataSource.kind: \"Pod\": must be 'PersistentVolumeClaim' when referencing "
         "the default apiGroup\n"},
        {"{" RWO ", " SIZE ", dataSource: {kind: PersistentVolumeClaim, name: b}, "
         "dataSourceRef: {kind: PersistentVolumeClaim, name: c}}",
         "line 4: spec.dataSource: must match dataSourceRef\n"},
        {"{" RWO ", " SIZE ", dataSource: {kind: PersistentVolumeClaim, name: b}, "
         "dataSourceRef: {kind: PersistentVolumeClaim, name: b, namespace: c}}",
         "line 4: spec.dataSource: may not be specified when dataSourceRef.namespace is "
         "specified\n"},
        {"{" RWO ", " SIZE ", dataSource: {kind: PersistentVolumeClaim, name: b}, "
         "dataSourceRef: {apiGroup: '', kind: PersistentVolumeClaim, name: b}}",
         ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), CLAIM "spec: %s\n", cases[i].spec);
        expect_mistakes(text, cases[i].mistakes);
    }
}

static void test_persistent_volume_claim__defaults(void **state)
{
    (void)state;
    cleanup(value_free) struct value *objects =
        load(CLAIM "spec: {" RWO ", " SIZE ", dataSource: {kind: PersistentVolumeClaim, name: b}}\n"
                   "---\n" CLAIM "spec: {" RWO ", " SIZE ", dataSourceRef: {kind: "
                   "PersistentVolumeClaim, name: b, namespace: ''}}\n"
                   "---\n" CLAIM "spec: {" RWO ", " SIZE ", dataSourceRef: {kind: "
                   "PersistentVolumeClaim, name: b, namespace: c}}\n");
    const struct value *first = value_get(value_at(objects, 0), "spec");
    const struct value *second = value_get(value_at(objects, 1), "spec");
    assert_string_equal(value_get_str(first, "volumeMode"), "Filesystem");
    assert_true(value_equal(value_get(first, "dataSource"), value_get(first, "dataSourceRef")));
    assert_true(value_equal(value_get(first, "dataSource"), value_get(second, "dataSource")));
    assert_null(value_get(value_get(value_at(objects, 2), "spec"), "dataSource"));
}

static void test_persistent_volume_claim__updates(void **state)
{
    (void)state;
    static const char fixed[] =
        "spec: spec is immutable after creation except resources.requests and "
        "volumeAttributesClassName for bound claims\n";
    static const char bound[] = "\nstatus: {phase: Bound, capacity: {storage: 6Gi}}\n";
    static const struct {
        const char *old, *old_status, *spec, *mistakes;
    } cases[] = {
        {"{" RWO ", " SIZE "}", "\n", "{" RWO ", " SIZE "}", ""},
        {"{" RWO ", " SIZE "}", "\n", "{" RWO ", " SIZE ", volumeName: v}", ""},
        {"{" RWO ", " SIZE ", volumeName: v}", "\n", "{" RWO ", " SIZE ", volumeName: w}", fixed},
        {"{" RWO ", " SIZE "}", "\n", "{" RWO ", " SIZE ", storageClassName: c}", fixed},
        {"{" RWO ", " SIZE "}", "\n", "{" RWO ", " SIZE ", volumeAttributesClassName: c}", ""},
        {"{" RWO ", " SIZE "}", "\n", "{" RWO ", resources: {requests: {storage: 9Gi}}}", fixed},
        {"{" RWO ", " SIZE "}", bound, "{" RWO ", resources: {requests: {storage: 9Gi}}}", ""},
        {"{" RWO ", " SIZE "}", bound, "{" RWO ", resources: {requests: {storage: 7Gi}}}", ""},
        {"{" RWO ", " SIZE "}", bound, "{" RWO ", resources: {requests: {storage: 6Gi}}}",
         "spec.resources.requests.storage: field can not be less than status.capacity\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char before[512], after[512];
        snprintf(before, sizeof(before), CLAIM "spec: %s%s", cases[i].old, cases[i].old_status);
        snprintf(after, sizeof(after), CLAIM "spec: %s%s", cases[i].spec, cases[i].old_status);
        expect_update(before, after, cases[i].mistakes);
    }
}

static void test_persistent_volume_claim__columns(void **state)
{
    (void)state;
    const struct schema_kind *kind = &kind_persistent_volume_claim;
    static const char open[] = "spec: {storageClassName: fast}\nstatus: {phase: Pending}\n";
    static const char bound[] =
        "metadata: {annotations: {volume.beta.kubernetes.io/storage-class: old}}\n"
        "spec: {volumeName: v, storageClassName: fast, volumeMode: Block}\n"
        "status: {phase: Bound, capacity: {storage: 8Gi}, accessModes: [ReadWriteMany, "
        "ReadWriteOnce, ReadWriteMany]}\n";
    expect_cell(kind, "Status", open, 0, "Pending");
    expect_cell(kind, "Volume", open, 0, "");
    expect_cell(kind, "Capacity", open, 0, "");
    expect_cell(kind, "Access Modes", open, 0, "");
    expect_cell(kind, "StorageClass", open, 0, "fast");
    expect_cell(kind, "VolumeAttributesClass", open, 0, "<unset>");
    expect_cell(kind, "VolumeMode", open, 0, "<unset>");
    expect_cell(kind, "Volume", bound, 0, "v");
    expect_cell(kind, "Capacity", bound, 0, "8Gi");
    expect_cell(kind, "Access Modes", bound, 0, "RWO,RWX");
    expect_cell(kind, "StorageClass", bound, 0, "old");
    expect_cell(kind, "VolumeMode", bound, 0, "Block");
    expect_cell(kind, "Capacity", "spec: {volumeName: v}\n", 0, "0");
    expect_cell(kind, "Status",
                "metadata: {deletionTimestamp: '2026-01-01T00:00:00Z'}\nstatus: {phase: Bound}\n",
                0, "Terminating");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_persistent_volume_claim__mistakes),
        cmocka_unit_test(test_persistent_volume_claim__defaults),
        cmocka_unit_test(test_persistent_volume_claim__updates),
        cmocka_unit_test(test_persistent_volume_claim__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
