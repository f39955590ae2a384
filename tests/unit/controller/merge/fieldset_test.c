#include "controller/merge/fieldset.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "tests/unit/controller/lib/documents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

static const char pod[] =
    "{metadata: {labels: {app: web}, finalizers: [a/a]}, spec: {nodeName: pi, hostname: null, "
    "tolerations: [{key: x}], containers: [{name: a, image: i, args: [b], env: []}, {image: j}]}}";
static const char pod_fields[] =
    "{'f:metadata': {'f:labels': {'f:app': {}}, 'f:finalizers': {'v:\"a/a\"': {}}}, 'f:spec': "
    "{'f:nodeName': {}, 'f:tolerations': {}, 'f:containers': {'k:{\"name\":\"a\"}': {'.': {}, "
    "'f:name': {}, 'f:image': {}, 'f:args': {}, 'f:env': {}}}}}";

static void test_fieldset__of_a_document(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object = document(pod);
    cleanup(value_free) struct value *set = fieldset_of(kind_pod.type, object);
    assert_document(set, pod_fields);
}

static void test_fieldset__operations(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b, *united, *both, *without;
    } cases[] = {
        {"{x: {}, y: {z: {}}}", "{y: {w: {}}}", "{x: {}, y: {z: {}, w: {}}}", "{}",
         "{x: {}, y: {z: {}}}"},
        {"{x: {}, y: {z: {}, w: {}}}", "{x: {}, y: {w: {}}}", "{x: {}, y: {z: {}, w: {}}}",
         "{x: {}, y: {w: {}}}", "{y: {z: {}}}"},
        {"{x: {}}", "{x: {y: {}}}", "{x: {., y: {}}}", "{x: {}}", "{}"},
        {"{x: {y: {}}}", "{x: {}}", "{x: {., y: {}}}", "{x: {}}", "{}"},
        {"{}", "{x: {}}", "{x: {}}", "{}", "{}"},
        {"{x: {., y: {}}}", "{x: {y: {}}}", "{x: {., y: {}}}", "{x: {y: {}}}", "{x: {.}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *texts[] = {cases[i].a, cases[i].b, cases[i].united, cases[i].both,
                               cases[i].without};
        struct value *sets[5];
        for (size_t k = 0; k < 5; k++) { /* "." is short for ".: {}" */
            sets[k] = document(texts[k]);
            struct value *x = value_get(sets[k], "x");
            if (value_get(x, "."))
                value_set(x, ".", value_new_map());
        }
        cleanup(value_free) struct value *united = fieldset_unite(sets[0], sets[1]);
        cleanup(value_free) struct value *both = fieldset_intersect(sets[0], sets[1]);
        cleanup(value_free) struct value *without = fieldset_subtract(sets[0], sets[1]);
        assert_true(value_equal(united, sets[2]));
        assert_true(value_equal(both, sets[3]));
        assert_true(value_equal(without, sets[4]));
        for (size_t k = 0; k < 5; k++)
            value_free(sets[k]);
    }
}

static void test_fieldset__changed_and_removed(void **state)
{
    (void)state;
    static const struct {
        const char *after, *changed, *there;
    } cases[] = {
        {pod, "{}", "{}"},
        {"{metadata: {labels: {app: other}, finalizers: [a/a]}, spec: {nodeName: pi, tolerations: "
         "[{key: x}], containers: [{image: j}, {name: a, image: k, args: [b], env: []}]}}",
         "{'f:metadata': {'f:labels': {'f:app': {}}}, 'f:spec': {'f:containers': "
         "{'k:{\"name\":\"a\"}': {'f:image': {}}}}}",
         "{'f:metadata': {'f:labels': {'f:app': {}}}, 'f:spec': {'f:containers': "
         "{'k:{\"name\":\"a\"}': {'f:image': {}}}}}"},
        {"{metadata: {labels: {app: web}}, spec: {nodeName: pi, tolerations: [], containers: []}}",
         "{'f:metadata': {'f:finalizers': {'v:\"a/a\"': {}}}, 'f:spec': {'f:tolerations': {}, "
         "'f:containers': {'k:{\"name\":\"a\"}': {'.': {}, 'f:name': {}, 'f:image': {}, 'f:args': "
         "{}, 'f:env': {}}}}}",
         "{'f:spec': {'f:tolerations': {}}}"},
    };
    cleanup(value_free) struct value *before = document(pod);
    cleanup(value_free) struct value *set = document(pod_fields);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *after = document(cases[i].after);
        cleanup(value_free) struct value *changed =
            fieldset_changed(kind_pod.type, set, before, after, false);
        cleanup(value_free) struct value *there =
            fieldset_changed(kind_pod.type, set, before, after, true);
        assert_document(changed, cases[i].changed);
        if (i < 2)
            assert_document(there, cases[i].there);
        else
            assert_null(value_path(there, "f:metadata", "f:finalizers", NULL));
    }
    fieldset_remove(kind_pod.type, set, before);
    assert_document(before, "{spec: {hostname: null, containers: [{image: j}]}}");
}

static void add_path(void *ctx, const char *path)
{
    (void)buf_addf(ctx, "%s ", path);
}

static void test_fieldset__paths(void **state)
{
    (void)state;
    cleanup(value_free) struct value *set = document(pod_fields);
    cleanup(buf_done) struct buf paths = {0};
    fieldset_paths(set, add_path, &paths);
    assert_string_equal(buf_str(&paths),
                        ".metadata.labels.app .metadata.finalizers[=\"a/a\"] .spec.nodeName "
                        ".spec.tolerations .spec.containers[name=\"a\"] "
                        ".spec.containers[name=\"a\"].name .spec.containers[name=\"a\"].image "
                        ".spec.containers[name=\"a\"].args .spec.containers[name=\"a\"].env ");
}

/* As many keys as a body has room for are taken out in one pass. */
static void test_fieldset__many(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object = document("{metadata: {labels: {}}}");
    for (int i = 0; i < 40000; i++) {
        autofree char *key = xasprintf("%d", i);
        value_set_str(value_path(object, "metadata", "labels", NULL), key, "x");
    }
    clock_t begin = clock();
    cleanup(value_free) struct value *set = fieldset_of(kind_pod.type, object);
    fieldset_remove(kind_pod.type, set, object);
    assert_int_equal(value_len(object), 0);
    assert_true((clock() - begin) / CLOCKS_PER_SEC < 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fieldset__of_a_document),
        cmocka_unit_test(test_fieldset__operations),
        cmocka_unit_test(test_fieldset__changed_and_removed),
        cmocka_unit_test(test_fieldset__paths),
        cmocka_unit_test(test_fieldset__many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
