#include "load.h"

#define CLASS "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: fast}\n"

static void test_storage_class__mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *rest, *mistakes;
    } cases[] = {
        {"provisioner: Example.com/NFS\n", ""},
        {"provisioner: ''\n", "line 4: provisioner: required\n"},
        {"provisioner: a b\n", "line 4: provisioner: \"a b\": must be letters, digits, '-', '_' "
                               "and '.', beginning and ending with a letter or digit\n"},
        {"provisioner: a\nreclaimPolicy: Recycle\n",
         "line 5: reclaimPolicy: \"Recycle\": must be one of Delete, Retain\n"},
        {"provisioner: a\nparameters: {'': b}\n",
         "line 5: parameters[\"\"]: the key must not be empty\n"},
        {"provisioner: a\nallowedTopologies: [{matchLabelExpressions: [{key: zone, values: [a]}, "
         "{key: zone, values: [b]}]}]\n",
         "line 5: allowedTopologies[0].matchLabelExpressions[1].key: \"zone\": comes twice (first "
         "at [0])\n"},
        {"provisioner: a\nallowedTopologies: [{matchLabelExpressions: [{key: zone}]}]\n",
         "line 5: allowedTopologies[0].matchLabelExpressions[0].values: required\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), CLASS "%s", cases[i].rest);
        expect_mistakes(text, cases[i].mistakes);
    }
}

static void test_storage_class__parameters_are_bounded(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf text = {0};
    buf_addstr(&text, CLASS "provisioner: a\nparameters:\n");
    for (int i = 0; i < 513; i++)
        buf_addf(&text, "  k%d: v\n", i);
    expect_mistakes(buf_str(&text), "line 6: parameters: must have at most 512 items\n");
}

static void test_storage_class__is_fixed(void **state)
{
    (void)state;
    static const struct {
        const char *after, *path; /* path NULL: may change */
    } cases[] = {
        {"provisioner: b\n", "provisioner"},
        {"provisioner: a\nparameters: {x: y}\n", "parameters"},
        {"provisioner: a\nreclaimPolicy: Retain\n", "reclaimPolicy"},
        {"provisioner: a\nvolumeBindingMode: WaitForFirstConsumer\n", "volumeBindingMode"},
        {"provisioner: a\nallowVolumeExpansion: true\n", NULL},
    };
    cleanup(value_free) struct value *old = load_whole(CLASS "provisioner: a\n");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), CLASS "%s", cases[i].after);
        cleanup(value_free) struct value *next = load_whole(text);
        cleanup(diags_done) struct diags diags = {0};
        int r = schema_check_update(&kind_storage_class, old, next, &diags);
        assert_int_equal(r, cases[i].path ? -EINVAL : 0);
        if (cases[i].path)
            assert_string_equal(diags.items[0].path, cases[i].path);
    }
}

static void test_storage_class__columns(void **state)
{
    (void)state;
    static const struct {
        const char *column, *object, *want;
    } cases[] = {
        {"Name", "metadata: {name: a}", "a"},
        {"Name",
         "metadata: {name: a, annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}",
         "a (default)"},
        {"Name",
         "metadata: {name: a, annotations: {storageclass.kubernetes.io/is-default-class: 'no'}}",
         "a"},
        {"ReclaimPolicy", "reclaimPolicy: Retain", "Retain"},
        {"ReclaimPolicy", "a: b", "Delete"},
        {"AllowVolumeExpansion", "a: b", "false"},
        {"AllowVolumeExpansion", "allowVolumeExpansion: true", "true"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_cell(&kind_storage_class, cases[i].column, cases[i].object, 0, cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_storage_class__mistakes),
        cmocka_unit_test(test_storage_class__parameters_are_bounded),
        cmocka_unit_test(test_storage_class__is_fixed),
        cmocka_unit_test(test_storage_class__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
