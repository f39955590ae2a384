#include "load.h"

#define CLASS "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: a}\n"

static void test_runtime_class__mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *rest, *mistakes;
    } cases[] = {
        {"handler: kata\noverhead: {podFixed: {memory: 120Mi}}\n", ""},
        {"scheduling: {}\n", "line 1: handler: required\n"},
        {"handler: Kata\n", "line 4: handler: \"Kata\": must be a-z, 0-9 and '-', beginning and "
                            "ending with a letter or digit\n"},
        {"handler: a\nscheduling: {tolerations: [{operator: Equal}]}\n",
         "line 5: scheduling.tolerations[0].operator: must be Exists where there is no key\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), CLASS "%s", cases[i].rest);
        expect_mistakes(text, cases[i].mistakes);
    }
}

static void test_runtime_class__handler_is_fixed(void **state)
{
    (void)state;
    cleanup(value_free) struct value *old = load_whole(CLASS "handler: a\n");
    cleanup(value_free) struct value *next = load_whole(CLASS "handler: b\n");
    cleanup(diags_done) struct diags diags = {0};
    assert_true(schema_check_update(&kind_runtime_class, old, next, &diags) < 0);
    assert_string_equal(diags.items[0].path, "handler");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runtime_class__mistakes),
        cmocka_unit_test(test_runtime_class__handler_is_fixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
