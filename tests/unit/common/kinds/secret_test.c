#include "load.h"

#define SECRET "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"

static void test_secret__string_data_becomes_data(void **state)
{
    (void)state;
    cleanup(value_free) struct value *objects =
        load(SECRET "data: {a: b2xk, b: b2xk}\nstringData: {a: new, c: ''}\n");
    const struct value *secret = value_at(objects, 0);
    cleanup(buf_done) struct buf got = {0};
    json_write(value_get(secret, "data"), &got);
    assert_string_equal(buf_str(&got), "{\"a\":\"bmV3\",\"b\":\"b2xk\",\"c\":\"\"}");
    assert_null(value_get(secret, "stringData"));
    assert_string_equal(value_get_str(secret, "type"), "Opaque");
}

static void test_secret__mistakes_show_no_secret(void **state)
{
    (void)state;
    expect_mistakes(SECRET "data: {a: hunter2, b: 7}\nstringData: {c: 8}\n",
                    "line 4: data.a: (hidden): must be base64\n"
                    "line 4: data.b: (hidden): must be base64 (put it in quotes)\n"
                    "line 5: stringData.c: (hidden): must be a string (put it in quotes)\n");
    expect_mistakes(SECRET "type: kubernetes.io/tls\ndata: {tls.crt: ''}\n",
                    "line 5: data[\"tls.key\"]: required in a secret of type kubernetes.io/tls\n");
    expect_mistakes(SECRET "type: kubernetes.io/tls\nstringData: {tls.crt: '', tls.key: ''}\n", "");
}

static void test_secret__type_is_fixed(void **state)
{
    (void)state;
    cleanup(value_free) struct value *old = load(SECRET);
    cleanup(value_free) struct value *object = load(SECRET "type: other\n");
    cleanup(diags_done) struct diags diags = {0};
    assert_true(schema_check_update(&kind_secret, value_at(old, 0), value_at(object, 0), &diags) <
                0);
    assert_string_equal(diags.items[0].path, "type");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret__string_data_becomes_data),
        cmocka_unit_test(test_secret__mistakes_show_no_secret),
        cmocka_unit_test(test_secret__type_is_fixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
