#include "sample.h"

static void test_update__immutable(void **state)
{
    (void)state;
    static const struct {
        const char *old, *object, *path; /* path NULL: allowed */
    } cases[] = {
        {"sub: {fixed: a}", "sub: {fixed: a, text: new}", NULL},
        {"sub: {fixed: a}", "sub: {fixed: b}", "sub.fixed"},
        {"sub: {fixed: a}", "sub: {}", "sub.fixed"},
        {"sub: {fixed: a}", "bool: true", "sub.fixed"},
        {"sub: {}", "sub: {fixed: b}", "sub.fixed"},
        {"sub: {fixed: }", "sub: {}", NULL},
        {"words: [a]", "words: [b]", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *old = yaml(cases[i].old);
        cleanup(value_free) struct value *object = yaml(cases[i].object);
        cleanup(diags_done) struct diags diags = {0};
        int r = schema_check_update(&kind_sample, old, object, &diags);
        if ((r == 0) != !cases[i].path)
            fail_msg("%s -> %s", cases[i].old, cases[i].object);
        if (cases[i].path)
            assert_string_equal(diags.items[0].path, cases[i].path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_update__immutable)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
