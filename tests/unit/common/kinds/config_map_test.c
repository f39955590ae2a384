#include "load.h"

#define CM "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"

static void test_config_map__mistakes(void **state)
{
    (void)state;
    expect_mistakes(CM "data: {a.b-c_D: ''}\nbinaryData: {x: aGk=}\n", "");
    expect_mistakes(CM "data: {a/b: x, k: 1}\nbinaryData: {x: '%', k: aGk=}\n",
                    "line 4: data.k: 1: must be a string (put it in quotes)\n"
                    "line 4: data[\"a/b\"]: the key must be letters, digits, '-', '_' and '.'\n"
                    "line 5: binaryData.k: is in data too\n"
                    "line 5: binaryData.x: \"%\": must be base64\n");
}

static void test_config_map__immutable_is_for_good(void **state)
{
    (void)state;
    static const struct {
        const char *old, *object;
        bool allowed;
    } cases[] = {
        {"data: {a: b}\n", "data: {a: c}\n", true},
        {"data: {a: b}\n", "data: {a: b}\nimmutable: true\n", true},
        {"data: {a: b}\nimmutable: true\n", "data: {a: b}\nimmutable: true\n", true},
        {"immutable: true\n", "immutable: true\ndata: {}\n", true},
        {"data: {a: b}\nimmutable: true\n", "data: {a: c}\nimmutable: true\n", false},
        {"data: {a: b}\nimmutable: true\n", "immutable: true\n", false},
        {"data: {a: b}\nimmutable: true\n", "data: {a: b}\n", false},
        {"data: {a: b}\nimmutable: true\n", "data: {a: b}\nimmutable: false\n", false},
        {"immutable: true\n", "immutable: true\nbinaryData: {a: aGk=}\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char old_text[256], text[256];
        snprintf(old_text, sizeof(old_text), CM "%s", cases[i].old);
        snprintf(text, sizeof(text), CM "%s", cases[i].object);
        cleanup(value_free) struct value *old = load(old_text);
        cleanup(value_free) struct value *object = load(text);
        cleanup(diags_done) struct diags diags = {0};
        int r =
            schema_check_update(&kind_config_map, value_at(old, 0), value_at(object, 0), &diags);
        if ((r == 0) != cases[i].allowed)
            fail_msg("%s -> %s", cases[i].old, cases[i].object);
    }
}

static void test_config_map__columns(void **state)
{
    (void)state;
    expect_cell(&kind_config_map, "Data", "{data: {a: b}, binaryData: {c: d, e: f}}", 0, "3");
    expect_cell(&kind_config_map, "Data", "{}", 0, "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_map__mistakes),
        cmocka_unit_test(test_config_map__immutable_is_for_good),
        cmocka_unit_test(test_config_map__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
