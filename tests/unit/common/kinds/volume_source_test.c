#include "load.h"

/* A volume of `source` in a pod, on line 5. */
static void expect(const char *source, const char *want)
{
    char text[512];
    snprintf(text, sizeof(text),
             "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  volumes: [{name: v, %s}]\n"
             "  containers: [{name: app, image: 'x:1'}]\n",
             source);
    expect_mistakes(text, want);
}

static void test_volume_source__mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *source, *want;
    } cases[] = {
        {"gcePersistentDisk: {}", "gcePersistentDisk.pdName: required\n"},
        {"awsElasticBlockStore: {volumeID: a, partition: 256}",
         "awsElasticBlockStore.partition: 256: must be 0-255\n"},
        {"gitRepo: {repository: a, directory: ../b}",
         "gitRepo.directory: \"../b\": must not hold '..'\n"},
        {"iscsi: {targetPortal: a, iqn: b, lun: 1, chapAuthSession: true}",
         "iscsi.secretRef: required with CHAP\n"},
        {"iscsi: {targetPortal: a, iqn: b, lun: 1, chapAuthSession: true, secretRef: {name: c}}",
         ""},
        {"flocker: {datasetName: a, datasetUUID: b}",
         "flocker.datasetUUID: not beside datasetName: there may be one dataset\n"},
        {"flocker: {}", "flocker: must name a dataset\n"},
        {"fc: {targetWWNs: [a]}", "fc.lun: required with targetWWNs\n"},
        {"fc: {lun: 1}", "fc.targetWWNs: must have one of targetWWNs and wwids\n"},
        {"fc: {targetWWNs: [a], lun: 1, wwids: [b]}",
         "fc.targetWWNs: must have one of targetWWNs and wwids\n"},
        {"fc: {wwids: [b]}", ""},
        {"azureDisk: {diskName: a, diskURI: b, kind: None}",
         "azureDisk.kind: \"None\": must be one of Shared, Dedicated, Managed\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char want[256] = "";
        if (*cases[i].want)
            snprintf(want, sizeof(want), "line 5: spec.volumes[0].%s", cases[i].want);
        expect(cases[i].source, want);
    }
}

static void test_volume_source__defaults(void **state)
{
    (void)state;
    cleanup(value_free) struct value *objects =
        load("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  volumes:\n"
             "  - {name: v, azureDisk: {diskName: a, diskURI: b}}\n"
             "  - {name: w, rbd: {monitors: [a], image: b}}\n"
             "  containers: [{name: app, image: 'x:1'}]\n");
    cleanup(buf_done) struct buf got = {0};
    json_write_canonical(value_path(value_at(objects, 0), "spec", "volumes", NULL), &got);
    assert_string_equal(
        buf_str(&got),
        "[{\"azureDisk\":{\"cachingMode\":\"ReadWrite\",\"diskName\":\"a\",\"diskURI\":\"b\","
        "\"fsType\":\"ext4\",\"kind\":\"Shared\",\"readOnly\":false},\"name\":\"v\"},{\"name\":\"w\","
        "\"rbd\":{\"image\":\"b\",\"keyring\":\"/etc/ceph/keyring\",\"monitors\":[\"a\"],\"pool\":"
        "\"rbd\",\"user\":\"admin\"}}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_volume_source__mistakes),
        cmocka_unit_test(test_volume_source__defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
