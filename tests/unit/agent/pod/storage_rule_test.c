#include "agent/pod/storage_rule.h"

#include "common/base/str.h"
#include "common/data/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MIB (INT64_C(1) << 20)
#define LIMIT(name_, size_) "{name: " name_ ", resources: {limits: {ephemeral-storage: " size_ "}}}"

static struct value *parse(const char *text)
{
    struct value *value = NULL;
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(yaml_parse(text, strlen(text), &value, &diags), 0);
    return value;
}

static void test_storage_rule__is_limited(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        bool limited;
    } cases[] = {
        {"{containers: [{name: a}]}", false},
        {"{containers: [{name: a}], volumes: [{name: v, emptyDir: {}}]}", false},
        {"{containers: [{name: a}], volumes: [{name: v, emptyDir: {medium: Memory, sizeLimit: "
         "1Mi}}]}",
         false},
        {"{containers: [{name: a}], volumes: [{name: v, emptyDir: {sizeLimit: 1Mi}}]}", true},
        {"{containers: [" LIMIT("a", "1Mi") "]}", true},
        {"{containers: [{name: a}], initContainers: [" LIMIT("b", "1Mi") "]}", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *spec = parse(cases[i].spec);
        assert_int_equal(storage_is_limited(spec), cases[i].limited);
    }
}

static void test_storage_rule__exceeds(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        struct storage_use uses[3];
        const char *want; /* "": it does not */
    } cases[] = {
        {"{containers: [{name: a}], volumes: [{name: v, emptyDir: {sizeLimit: 1Mi}}]}",
         {{STORAGE_CONTAINER, "a", 9 * MIB}, {STORAGE_EMPTY_DIR, "v", MIB}},
         ""},
        {"{containers: [{name: a}], volumes: [{name: v, emptyDir: {sizeLimit: 1Mi}}]}",
         {{STORAGE_CONTAINER, "a", 0}, {STORAGE_EMPTY_DIR, "v", MIB + 1}},
         "Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\"."},
        {"{containers: [" LIMIT("a", "2Mi") ", " LIMIT("b", "1Mi") "]}",
         {{STORAGE_CONTAINER, "a", 2 * MIB}, {STORAGE_CONTAINER, "b", MIB}},
         ""},
        {"{containers: [" LIMIT("a", "2Mi") ", " LIMIT("b", "1Mi") "]}",
         {{STORAGE_CONTAINER, "a", 0}, {STORAGE_CONTAINER, "b", MIB + 1}},
         "Container b exceeded its local ephemeral storage limit \"1Mi\"."},
        /* What lies in volumes counts for the pod. */
        {"{containers: [" LIMIT("a", "2Mi") "], volumes: [{name: v, emptyDir: {}}]}",
         {{STORAGE_CONTAINER, "a", MIB}, {STORAGE_EMPTY_DIR, "v", MIB + 1}},
         "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi."},
        {"{containers: [{name: a}]}", {{STORAGE_CONTAINER, "a", INT64_MAX / 2}}, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *spec = parse(cases[i].spec);
        cleanup(buf_done) struct buf text = {0};
        size_t count = 0;
        while (count < 3 && cases[i].uses[count].name)
            count++;
        assert_int_equal(storage_exceeds(spec, cases[i].uses, count, &text), *cases[i].want != 0);
        assert_string_equal(buf_str(&text), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_storage_rule__is_limited),
        cmocka_unit_test(test_storage_rule__exceeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
