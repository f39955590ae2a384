#include "sample.h"

static void test_hash__same_meaning_same_hash(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"{bool: true, int32: 7, policy: Always, sub: {text: hello}}", "{}", true}, /* defaults */
        {"{int32: 7, words: [a]}", "{words: [a]}", true},
        {"{words: [a], port: 1}", "{port: 1, words: [a]}", true}, /* order of keys */
        {"{port: }", "{}", true},
        {"{parts: [{name: a, left: x, high: 100}]}", "{parts: [{name: a, left: x}]}", true},
        {"{byName: {x: {text: hello}}}", "{byName: {x: {}}}", true},
        {"{other: {}}", "{}", false}, /* being there is a meaning of its own */
        {"{bool: false}", "{}", false},
        {"{int32: 0}", "{}", false},
        {"{words: [a, b]}", "{words: [b, a]}", false},
        {"{any: }", "{any: 1}", false},
        {"{sub: {text: x}}", "{}", false},
        {"{parts: [{name: a}]}", "{parts: [{name: b}]}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *a = yaml(cases[i].a);
        cleanup(value_free) struct value *b = yaml(cases[i].b);
        char hash_a[SCHEMA_HASH_LEN + 1], hash_b[SCHEMA_HASH_LEN + 1];
        schema_hash(&type_sample, a, hash_a);
        schema_hash(&type_sample, b, hash_b);
        if ((strcmp(hash_a, hash_b) == 0) != cases[i].same)
            fail_msg("%s and %s", cases[i].a, cases[i].b);
    }
}

static void test_hash__defaulting_does_not_change_it(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object = yaml("{words: [a], other: {}}");
    char before[SCHEMA_HASH_LEN + 1], after[SCHEMA_HASH_LEN + 1];
    schema_hash(&type_sample, object, before);
    schema_default(&kind_sample, object);
    schema_hash(&type_sample, object, after);
    assert_string_equal(before, after);
}

static void test_hash__is_fixed(void **state)
{
    (void)state;
    /* SHA-256 of "{}" and of {"words":["a"]}: running pods are known by such hashes. */
    char hash[SCHEMA_HASH_LEN + 1];
    schema_hash(&type_sample, NULL, hash);
    assert_string_equal(hash, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    cleanup(buf_done) struct buf bytes = {0};
    cleanup(value_free) struct value *object = yaml("{words: [a], bool: true}");
    assert_int_equal(schema_canonical(&type_sample, object, &bytes), 0);
    assert_string_equal(buf_str(&bytes), "{\"words\":[\"a\"]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash__same_meaning_same_hash),
        cmocka_unit_test(test_hash__defaulting_does_not_change_it),
        cmocka_unit_test(test_hash__is_fixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
