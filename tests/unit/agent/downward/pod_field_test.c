#include "agent/downward/pod_field.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const char pod[] =
    "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"u-1\","
    "\"labels\":{\"zone\":\"b\",\"app\":\"web\",\"a/b.c\":\"\"},"
    "\"annotations\":{\"note\":\"say \\\"hi\\\"\\n\\ttab \\u007f \\u0001 \\\\ \\u00e9 \\u0085 "
    "\\u00a0\"}}}";

static const struct {
    const char *path, *text; /* NULL: no such field */
} cases[] = {
    {"metadata.name", "web"},
    {"metadata.namespace", "shop"},
    {"metadata.uid", "u-1"},
    {"metadata.labels", "a/b.c=\"\"\napp=\"web\"\nzone=\"b\""},
    {"metadata.annotations",
     "note=\"say \\\"hi\\\"\\n\\ttab \\x7f \\x01 \\\\ \xc3\xa9 \\u0085 \\u00a0\""},
    {"metadata.labels['app']", "web"},
    {"metadata.labels['a/b.c']", ""},
    {"metadata.labels['none']", ""},
    {"metadata.labels['']", ""},
    {"metadata.labels[']", NULL},
    {"metadata.annotations['note']", "say \"hi\"\n\ttab \x7f \x01 \\ \xc3\xa9 \xc2\x85 \xc2\xa0"},
    {"metadata.finalizers", NULL},
    {"metadata", NULL},
    {"spec.nodeName", NULL},
    {"", NULL},
};

static void test_pod_field__table(void **state)
{
    (void)state;
    struct value *object = NULL;
    struct err err = {0};
    assert_int_equal(json_parse(pod, strlen(pod), &object, &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *text = pod_field_text(object, cases[i].path);
        if (!str_eq(text, cases[i].text))
            fail_msg("%s: %s, want %s", cases[i].path, text ? text : "(none)", cases[i].text);
    }
    value_free(object);
}

/* A pod that says nothing of itself. */
static void test_pod_field__nothing(void **state)
{
    (void)state;
    static const char *const paths[] = {"metadata.name", "metadata.labels",
                                        "metadata.annotations['a']"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        autofree char *text = pod_field_text(NULL, paths[i]);
        assert_string_equal(text, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pod_field__table),
        cmocka_unit_test(test_pod_field__nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
