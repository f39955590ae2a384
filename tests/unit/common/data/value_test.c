#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct value *json(const char *text)
{
    struct value *value = NULL;
    struct err err = {0};
    if (json_parse(text, strlen(text), &value, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    return value;
}

static void test_value__equal(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"1", "1", true},
        {"1", "1.0", false},
        {"1.5", "1.5", true},
        {"null", "0", false},
        {"\"\"", "null", false},
        {"true", "false", false},
        {"[1,2]", "[2,1]", false},
        {"[1]", "[1,1]", false},
        {"{\"a\":1,\"b\":[{}]}", "{\"b\":[{}],\"a\":1}", true},
        {"{\"a\":null}", "{}", false},
        {"{\"a\":null}", "{\"b\":null}", false},
        {"{\"a\":\"x\"}", "{\"a\":\"y\"}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *a = json(cases[i].a);
        cleanup(value_free) struct value *b = json(cases[i].b);
        if (value_equal(a, b) != cases[i].equal || value_equal(b, a) != cases[i].equal)
            fail_msg("%s and %s", cases[i].a, cases[i].b);
    }
}

static void test_value__copy_is_equal_and_apart(void **state)
{
    (void)state;
    cleanup(value_free) struct value *a =
        json("{\"a\":[1,2.5,\"x\",null,true],\n\"b\":{\"c\":{}}}");
    cleanup(value_free) struct value *b = value_copy(a);
    assert_true(value_equal(a, b));
    assert_int_equal(value_line(value_get(b, "b")), 2);
    assert_int_equal(value_key_line_at(b, 1), 2);
    value_set_int(value_path(b, "b", "c", NULL), "d", 1);
    assert_false(value_equal(a, b));
    assert_null(value_path(a, "b", "c", "d", NULL));
}

static void test_value__absent_null_and_zero_are_three_things(void **state)
{
    (void)state;
    cleanup(value_free) struct value *map = json("{\"null\":null,\"zero\":0}");
    assert_null(value_get(map, "absent"));
    assert_non_null(value_get(map, "null"));
    assert_int_equal(value_type(value_get(map, "null")), VALUE_NULL);
    assert_int_equal(value_get_int(map, "absent", 7), 7);
    assert_int_equal(value_get_int(map, "null", 7), 7);
    assert_int_equal(value_get_int(map, "zero", 7), 0);
    assert_int_equal(value_len(map), 2);
}

static void test_value__map_of_any_size(void **state)
{
    (void)state;
    enum { N = 1000 };
    cleanup(value_free) struct value *map = value_new_map();
    char key[16];
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        value_set_int(map, key, i);
    }
    for (int i = 0; i < N; i += 3) { /* removed, in whatever representation */
        snprintf(key, sizeof(key), "k%d", i);
        cleanup(value_free) struct value *taken = value_take(map, key);
        assert_int_equal(value_int(taken, -1), i);
        assert_null(value_take(map, key));
    }
    for (int i = 1; i < N; i += 3) { /* replaced in place */
        snprintf(key, sizeof(key), "k%d", i);
        value_set_str(map, key, "new");
    }
    assert_int_equal(value_len(map), N - 334);
    int at = 0;
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        const struct value *value = value_get(map, key);
        if (i % 3 == 0) {
            assert_null(value);
            continue;
        }
        assert_string_equal(value_key_at(map, (size_t)at), key); /* order is kept */
        assert_ptr_equal(value_at(map, (size_t)at++), value);
        if (i % 3 == 1)
            assert_string_equal(value_str(value), "new");
        else
            assert_int_equal(value_int(value, -1), i);
    }
    value_set_str(map, "k1", NULL);
    assert_null(value_get(map, "k1"));
}

static void test_value__lists(void **state)
{
    (void)state;
    cleanup(value_free) struct value *list = value_new_list();
    for (int i = 0; i < 9; i++)
        value_append(list, value_new_int(i));
    value_insert(list, 0, value_new_int(100));
    value_insert(list, 5, value_new_int(200));
    value_set_at(list, 1, value_new_str("instead"));
    assert_string_equal(value_str(value_at(list, 1)), "instead");
    value_remove_at(list, 1);
    value_remove_at(list, 99);
    static const int want[] = {100, 1, 2, 3, 200, 4, 5, 6, 7, 8};
    assert_int_equal(value_len(list), ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(value_int(value_at(list, i), -1), want[i]);
    assert_null(value_at(list, ARRAY_LEN(want)));
}

static void test_value__retain(void **state)
{
    (void)state;
    for (int size = 3; size < 60; size += 20) {
        cleanup(value_free) struct value *list = value_new_list();
        cleanup(value_free) struct value *map = value_new_map();
        bool keep[64];
        char key[16];
        for (int i = 0; i < size; i++) {
            snprintf(key, sizeof(key), "k%d", i);
            value_append(list, value_new_int(i));
            value_set_int(map, key, i);
            keep[i] = i % 3 == 1;
        }
        value_retain(list, keep);
        value_retain(map, keep);
        assert_int_equal(value_len(list), (size + 1) / 3);
        assert_int_equal(value_len(map), (size + 1) / 3);
        for (int i = 0; i < size; i++) {
            snprintf(key, sizeof(key), "k%d", i);
            assert_int_equal(value_get_int(map, key, -1), keep[i] ? i : -1);
            if (keep[i])
                assert_int_equal(value_int(value_at(list, (size_t)i / 3), -1), i);
        }
        value_set_int(map, "k1", 7); /* places are right */
        value_del(map, "k1");
        value_set_int(map, "k0", 0);
        assert_int_equal(value_len(map), (size + 1) / 3);
    }
}

static void test_value__size(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        int depth;
    } cases[] = {
        {"null", 1, 0}, {"\"x\"", 1, 0},   {"[]", 1, 1},
        {"{}", 1, 1},   {"[1,2,3]", 4, 1}, {"{\"a\":[1,{\"b\":null}],\"c\":2}", 6, 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *value = json(cases[i].text);
        int depth = -1;
        assert_int_equal(value_size(value, &depth), cases[i].size);
        assert_int_equal(depth, cases[i].depth);
    }
}

static void test_value__make_map(void **state)
{
    (void)state;
    cleanup(value_free) struct value *map = json("{\"a\":null,\"s\":\"x\"}");
    struct value *made = value_make_map(map, "a", "b", NULL);
    assert_non_null(made);
    value_set_bool(made, "c", true);
    assert_true(value_bool(value_path(map, "a", "b", "c", NULL), false));
    assert_ptr_equal(value_make_map(map, "a", "b", NULL), made);
    assert_null(value_make_map(map, "s", "b", NULL));
    assert_null(value_make_map(map, "s", NULL));
    assert_string_equal(value_get_str(map, "s"), "x");
}

static void test_value__readers_take_anything(void **state)
{
    (void)state;
    assert_null(value_get(NULL, "a"));
    assert_null(value_str(NULL));
    assert_int_equal(value_len(NULL), 0);
    assert_null(value_path(NULL, "a", NULL));
    assert_true(value_bool(NULL, true));
    cleanup(value_free) struct value *s = value_new_str("s");
    assert_null(value_get(s, "a"));
    assert_null(value_at(s, 0));
    assert_null(value_key_at(s, 0));
    assert_int_equal(value_int(s, 3), 3);
    cleanup(value_free) struct value *i = value_new_int(2);
    assert_true(value_float(i, 0) > 1.9);
}

static void test_value__has_str(void **state)
{
    (void)state;
    struct value *list = value_new_list();
    value_append(list, value_new_int(1));
    value_append(list, value_new_str("a"));
    assert_true(value_has_str(list, "a"));
    assert_false(value_has_str(list, "b"));
    assert_false(value_has_str(list, "1"));
    assert_false(value_has_str(list, NULL)); /* though one of them is no text */
    assert_false(value_has_str(NULL, "a"));
    value_free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value__has_str),
        cmocka_unit_test(test_value__equal),
        cmocka_unit_test(test_value__copy_is_equal_and_apart),
        cmocka_unit_test(test_value__absent_null_and_zero_are_three_things),
        cmocka_unit_test(test_value__map_of_any_size),
        cmocka_unit_test(test_value__lists),
        cmocka_unit_test(test_value__retain),
        cmocka_unit_test(test_value__size),
        cmocka_unit_test(test_value__make_map),
        cmocka_unit_test(test_value__readers_take_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
