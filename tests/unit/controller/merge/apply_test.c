#include "controller/merge/apply.h"

#include "common/base/str.h"
#include "common/data/yaml.h"
#include "common/kinds/kinds.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct value *parse(const char *text)
{
    struct value *object = NULL;
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    assert_int_equal(yaml_parse(text, strlen(text), &object, &diags), 0);
    return object;
}

/* The stored object begins as `first` applied, then somebody else lays `theirs` over it (a whole
 * object); then `second` is applied. Without annotation the result is `want`. */
static void check(const struct schema_kind *kind, const char *first, const char *theirs,
                  const char *second, const char *want)
{
    cleanup(value_free) struct value *a = parse(first);
    cleanup(value_free) struct value *applied = apply_merge(kind, NULL, a);
    cleanup(value_free) struct value *stored = parse(theirs);
    const char *note = object_annotation(applied, APPLY_ANNOTATION);
    assert_non_null(note);
    value_set_str(value_make_map(stored, "metadata", "annotations", NULL), APPLY_ANNOTATION, note);
    cleanup(value_free) struct value *b = parse(second);
    cleanup(value_free) struct value *merged = apply_merge(kind, stored, b);
    assert_non_null(object_annotation(merged, APPLY_ANNOTATION));
    struct value *annotations = value_path(merged, "metadata", "annotations", NULL);
    value_del(annotations, APPLY_ANNOTATION);
    if (value_len(annotations) == 0)
        value_del(value_get(merged, "metadata"), "annotations");
    if (value_len(value_get(merged, "metadata")) == 0)
        value_del(merged, "metadata");
    cleanup(value_free) struct value *expected = parse(want);
    if (!value_equal(merged, expected)) {
        cleanup(buf_done) struct buf text = {0};
        yaml_write(merged, &text);
        fail_msg("got:\n%s", buf_str(&text));
    }
}

static void test_apply__removed_fields_go_and_others_stay(void **state)
{
    (void)state;
    check(
        &kind_config_map, "{metadata: {name: c, labels: {a: x, b: y}}, data: {k: v, gone: v}}",
        "{metadata: {name: c, labels: {a: x, b: y, theirs: t}}, data: {k: changed, gone: v, kept: v}}",
        "{metadata: {name: c, labels: {a: z}}, data: {k: v}}",
        "{metadata: {name: c, labels: {a: z, theirs: t}}, data: {k: v, kept: v}}");
}

static void test_apply__null_removes(void **state)
{
    (void)state;
    check(&kind_config_map, "{metadata: {name: c}, data: {k: v}}",
          "{metadata: {name: c}, data: {k: v, x: y}}",
          "{metadata: {name: c}, data: {k: v, x: null}}", "{metadata: {name: c}, data: {k: v}}");
}

static void test_apply__lists_merge_by_key(void **state)
{
    (void)state;
    check(
        &kind_pod, "{spec: {containers: [{name: a, image: i}, {name: b, image: i}]}}",
        "{spec: {containers: [{name: a, image: i, tty: true}, {name: b, image: i}, {name: injected}]}}",
        "{spec: {containers: [{name: c, image: j}, {name: a, image: k}]}}",
        "{spec: {containers: [{name: c, image: j}, {name: a, image: k, tty: true}, {name: injected}]}}");
}

static void test_apply__a_volume_changes_its_type(void **state)
{
    (void)state;
    check(&kind_pod, "{spec: {volumes: [{name: v, emptyDir: {}}]}}",
          "{spec: {volumes: [{name: v, emptyDir: {}}]}}",
          "{spec: {volumes: [{name: v, hostPath: {path: /x}}]}}",
          "{spec: {volumes: [{name: v, hostPath: {path: /x}}]}}");
}

static void test_apply__atomic_lists_are_replaced(void **state)
{
    (void)state;
    check(&kind_pod, "{spec: {containers: [{name: a, args: [x, y]}]}}",
          "{spec: {containers: [{name: a, args: [x, y, z]}]}}",
          "{spec: {containers: [{name: a, args: [y]}]}}",
          "{spec: {containers: [{name: a, args: [y]}]}}");
}

static void test_apply__status_is_nobodys_to_declare(void **state)
{
    (void)state;
    check(&kind_pod, "{metadata: {name: p}}", "{metadata: {name: p}, status: {phase: Running}}",
          "{metadata: {name: p}, status: {phase: Failed}}",
          "{metadata: {name: p}, status: {phase: Running}}");
}

static void test_apply__secrets_do_not_stand_in_the_annotation(void **state)
{
    (void)state;
    cleanup(value_free) struct value *secret =
        parse("{metadata: {name: s}, data: {pin: aHVudGVyMg==}, stringData: {word: hunter2}}");
    cleanup(value_free) struct value *applied = apply_merge(&kind_secret, NULL, secret);
    const char *note = object_annotation(applied, APPLY_ANNOTATION);
    assert_non_null(strstr(note, "pin"));
    assert_null(strstr(note, "hunter2"));
    assert_null(strstr(note, "aHVudGVyMg"));
    assert_string_equal(value_str(value_path(applied, "data", "pin", NULL)), "aHVudGVyMg==");
}

static void test_apply__a_foreign_annotation_is_not_believed(void **state)
{
    (void)state;
    cleanup(value_free) struct value *stored =
        parse("{metadata: {name: c, annotations: "
              "{kubectl.kubernetes.io/last-applied-configuration: "
              "'{broken'}}, data: {a: b}}");
    cleanup(value_free) struct value *declared = parse("{metadata: {name: c}, data: {c: d}}");
    cleanup(value_free) struct value *merged = apply_merge(&kind_config_map, stored, declared);
    assert_non_null(value_path(merged, "data", "a", NULL));
    assert_non_null(value_path(merged, "data", "c", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apply__removed_fields_go_and_others_stay),
        cmocka_unit_test(test_apply__null_removes),
        cmocka_unit_test(test_apply__lists_merge_by_key),
        cmocka_unit_test(test_apply__a_volume_changes_its_type),
        cmocka_unit_test(test_apply__atomic_lists_are_replaced),
        cmocka_unit_test(test_apply__status_is_nobodys_to_declare),
        cmocka_unit_test(test_apply__secrets_do_not_stand_in_the_annotation),
        cmocka_unit_test(test_apply__a_foreign_annotation_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
