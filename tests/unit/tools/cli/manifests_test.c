#include "tools/cli/manifests.h"

#include "common/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define POD                                                                                        \
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: a, image: b}]}\n"
#define SPACE "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
#define BAD                                                                                        \
    "apiVersion: v1\nkind: Pod\nmetadata: {name: X}\nspec: {containers: [{name: a, image: b, x: 1}]}\n"

static int add(struct manifests *manifests, const char *text, struct buf *mistakes)
{
    return manifests_add(manifests, "f.yaml", text, strlen(text), "shop", mistakes);
}

static void test_manifests__objects_stay_as_they_were_written(void **state)
{
    cleanup(manifests_done) struct manifests m;
    cleanup(buf_done) struct buf mistakes;
    (void)state;
    manifests_init(&m);
    buf_init(&mistakes, 0);
    assert_int_equal(add(&m, POD "status: {phase: Running}\n---\n" SPACE, &mistakes), 0);
    assert_int_equal(m.count, 2);
    const struct value *pod = m.items[0].object;
    assert_ptr_equal(m.items[0].kind, &kind_pod);
    assert_string_equal(object_namespace(pod), "shop");
    /* No default is declared for the user, and no status. */
    assert_null(value_path(pod, "spec", "restartPolicy", NULL));
    assert_null(value_get(pod, "status"));
    assert_null(object_namespace(m.items[1].object));
    assert_string_equal(m.items[1].file, "f.yaml");
}

static void test_manifests__lists_are_flattened(void **state)
{
    static const char json[] =
        "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{\"apiVersion\":\"v1\",\"kind\":"
        "\"ConfigMap\",\"metadata\":{\"name\":\"a\"}},{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
        "\"metadata\":{\"name\":\"b\",\"namespace\":\"x\"}}]}";
    static const char typed[] =
        "apiVersion: v1\nkind: ConfigMapList\nitems: [{metadata: {name: c}}]\n";
    cleanup(manifests_done) struct manifests m;
    cleanup(buf_done) struct buf mistakes;
    (void)state;
    manifests_init(&m);
    buf_init(&mistakes, 0);
    assert_int_equal(add(&m, json, &mistakes), 0);
    assert_int_equal(add(&m, typed, &mistakes), 0);
    assert_int_equal(m.count, 3);
    assert_string_equal(object_name(m.items[1].object), "b");
    assert_string_equal(object_namespace(m.items[0].object), "shop");
    assert_string_equal(object_namespace(m.items[1].object), "x");
    assert_string_equal(object_name(m.items[2].object), "c");
    assert_string_equal(value_get_str(m.items[2].object, "kind"), "ConfigMap");
}

/* So that a key which a later apply leaves out is known to have been declared. */
static void test_manifests__string_data_is_folded(void **state)
{
    cleanup(manifests_done) struct manifests m;
    cleanup(buf_done) struct buf mistakes;
    (void)state;
    manifests_init(&m);
    buf_init(&mistakes, 0);
    assert_int_equal(
        add(&m, "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {pw: geheim}\n",
            &mistakes),
        0);
    const struct value *secret = m.items[0].object;
    assert_null(value_get(secret, "stringData"));
    assert_string_equal(value_get_str(value_get(secret, "data"), "pw"), "Z2VoZWlt");
}

static void test_manifests__namespaces_come_first(void **state)
{
    cleanup(manifests_done) struct manifests m;
    cleanup(buf_done) struct buf mistakes;
    (void)state;
    manifests_init(&m);
    buf_init(&mistakes, 0);
    assert_int_equal(add(&m,
                         POD "---\n" SPACE "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: "
                             "c}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: two}\n",
                         &mistakes),
                     0);
    manifests_sort(&m);
    static const char *const names[] = {"shop", "two", "web", "c"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_string_equal(object_name(m.items[i].object), names[i]);
}

static void test_manifests__mistakes_are_named_and_nothing_is_taken(void **state)
{
    cleanup(manifests_done) struct manifests m;
    cleanup(buf_done) struct buf mistakes;
    (void)state;
    manifests_init(&m);
    buf_init(&mistakes, 0);
    assert_int_equal(add(&m, SPACE "---\n" BAD, &mistakes), -EINVAL);
    assert_int_equal(m.count, 0);
    assert_true(str_has_prefix(buf_str(&mistakes), "f.yaml:7: metadata.name: \"X\": "));
    assert_non_null(strstr(buf_str(&mistakes), "\nf.yaml:8: spec.containers[0].x: "));
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *dir, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(unlink(path), 0);
}

static void test_manifests__one_bad_file_refuses_all(void **state)
{
    char dir[] = "/tmp/manifests-XXXXXX";
    cleanup(manifests_done) struct manifests m;
    cleanup(buf_done) struct buf mistakes;
    (void)state;
    manifests_init(&m);
    buf_init(&mistakes, 0);
    assert_non_null(mkdtemp(dir));
    const struct arg_list files = {.items = {dir}, .count = 1};
    assert_int_equal(manifests_read(&m, &files, "default", &mistakes), -ENOENT);
    write_file(dir, "b.yaml", SPACE);
    write_file(dir, "a.yml", POD);
    write_file(dir, "readme.txt", "nothing");
    write_file(dir, ".hidden.yaml", BAD);
    assert_int_equal(manifests_read(&m, &files, "default", &mistakes), 0);
    assert_int_equal(m.count, 2);
    assert_string_equal(object_name(m.items[0].object), "web");
    buf_drop(&mistakes, mistakes.len);
    write_file(dir, "aa.yaml", BAD);
    const struct arg_list more = {.items = {"/nowhere.yaml", dir}, .count = 2};
    assert_int_equal(manifests_read(&m, &more, "default", &mistakes), -EINVAL);
    assert_true(str_has_prefix(buf_str(&mistakes), "/nowhere.yaml: no such file\n"));
    assert_non_null(strstr(buf_str(&mistakes), "aa.yaml:4: spec.containers[0].x: "));
    /* The bad file alone, with nothing else wrong. */
    assert_int_equal(manifests_read(&m, &files, "default", &mistakes), -EINVAL);
    static const char *const names[] = {"a.yml", "b.yaml", "aa.yaml", "readme.txt", ".hidden.yaml"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        remove_file(dir, names[i]);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manifests__objects_stay_as_they_were_written),
        cmocka_unit_test(test_manifests__lists_are_flattened),
        cmocka_unit_test(test_manifests__string_data_is_folded),
        cmocka_unit_test(test_manifests__namespaces_come_first),
        cmocka_unit_test(test_manifests__mistakes_are_named_and_nothing_is_taken),
        cmocka_unit_test(test_manifests__one_bad_file_refuses_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
