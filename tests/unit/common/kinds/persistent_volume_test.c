#include "load.h"

#define VOLUME "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: a}\n"
#define BASE "capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], "
#define NODE                                                                                       \
    "nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: "        \
    "Exists}]}]}}"

static void test_persistent_volume__mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *mistakes;
    } cases[] = {
        {BASE "hostPath: {path: /a}", ""},
        {BASE NODE ", local: {path: /a}", ""},
        {"nfs: {server: a, path: /b}", "line 4: spec.accessModes: required\n"
                                       "line 4: spec.capacity: required\n"},
        {BASE "storageClassName: a", "line 4: spec: must name a volume type\n"},
        {BASE "hostPath: {path: /a}, nfs: {server: a, path: /b}",
         "line 4: spec.nfs: not beside hostPath: there may be one volume type\n"},
        {BASE "local: {path: /a}",
         "line 4: spec.nodeAffinity: Local volume requires node affinity\n"},
        {"capacity: {storage: 0}, accessModes: [ReadWriteOnce], hostPath: {path: /a}",
         "line 4: spec.capacity.storage: must be greater than zero\n"},
        {"capacity: {storage: 1, cpu: 1}, accessModes: [ReadWriteOnce], hostPath: {path: /a}",
         "line 4: spec.capacity: must hold storage and nothing else\n"},
        {"capacity: {storage: 1}, accessModes: [ReadWriteOncePod, ReadOnlyMany], hostPath: {path: "
         "/a}",
         "line 4: spec.accessModes: may not use ReadWriteOncePod with other access modes\n"},
        {BASE "hostPath: {path: /}, persistentVolumeReclaimPolicy: Recycle",
         "line 4: spec.persistentVolumeReclaimPolicy: may not be 'recycle' for a hostPath mount of "
         "'/'\n"},
        {BASE "hostPath: {path: /a/../b}", "line 4: spec.hostPath.path: \"/a/../b\": must not "
                                           "hold '..'\n"},
        {BASE "csi: {driver: a_b, volumeHandle: x}",
         "line 4: spec.csi.driver: \"a_b\": must be a-z, 0-9, '-' and '.', each part beginning and "
         "ending with a letter or digit\n"},
        {BASE "csi: {driver: CSI.example.com, volumeHandle: x, nodeStageSecretRef: {name: a}}",
         "line 4: spec.csi.nodeStageSecretRef.namespace: required\n"},
        {BASE "iscsi: {targetPortal: a, iqn: b, lun: 0, chapAuthSession: true}",
         "line 4: spec.iscsi.secretRef: required with CHAP\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text), VOLUME "spec: {%s}\n", cases[i].spec);
        expect_mistakes(text, cases[i].mistakes);
    }
}

static void test_persistent_volume__updates(void **state)
{
    (void)state;
    static const char fixed[] = "spec.persistentvolumesource: spec.persistentvolumesource is "
                                "immutable after creation\n";
    static const struct {
        const char *before, *after, *mistakes;
    } cases[] = {
        {"hostPath: {path: /a}", "hostPath: {path: /a}, persistentVolumeReclaimPolicy: Delete", ""},
        {"hostPath: {path: /a}", "hostPath: {path: /b}", fixed},
        {"hostPath: {path: /a}", "nfs: {server: a, path: /b}", fixed},
        {"hostPath: {path: /a}", "hostPath: {path: /a}, volumeMode: Block",
         "spec.volumeMode: field is immutable\n"},
        {"hostPath: {path: /a}", "hostPath: {path: /a}, " NODE, ""},
        {"hostPath: {path: /a}, " NODE, "hostPath: {path: /a}",
         "spec.nodeAffinity: field is immutable\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char before[1024], after[1024];
        snprintf(before, sizeof(before), VOLUME "spec: {" BASE "%s}\n", cases[i].before);
        snprintf(after, sizeof(after), VOLUME "spec: {" BASE "%s}\n", cases[i].after);
        expect_update(before, after, cases[i].mistakes);
    }
}

static void test_persistent_volume__columns(void **state)
{
    (void)state;
    static const char bound[] =
        "spec: {capacity: {storage: 8Gi}, accessModes: [ReadOnlyMany, ReadWriteOnce], "
        "storageClassName: fast, claimRef: {namespace: shop, name: db}}\n"
        "status: {phase: Bound}\n";
    const struct schema_kind *kind = &kind_persistent_volume;
    expect_cell(kind, "Capacity", bound, 0, "8Gi");
    expect_cell(kind, "Access Modes", bound, 0, "RWO,ROX");
    expect_cell(kind, "Status", bound, 0, "Bound");
    expect_cell(kind, "Claim", bound, 0, "shop/db");
    expect_cell(kind, "Claim", "spec: {}", 0, "");
    expect_cell(kind, "StorageClass", bound, 0, "fast");
    expect_cell(kind, "Reason", bound, 0, "");
    expect_cell(kind, "Status", "metadata: {deletionTimestamp: x}", 0, "Terminating");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_persistent_volume__mistakes),
        cmocka_unit_test(test_persistent_volume__updates),
        cmocka_unit_test(test_persistent_volume__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
