#include "tools/cli/answer.h"

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void test_answer__reads_what_json_reads(void **state)
{
    static const char *const cases[] = {
        "{}",
        " { } \n",
        "{\"a\":1}",
        "{\"a\" : [ ] , \"b\":[1, 2.5 ,\"x\",null,true,[],{}] }",
        "{\"kind\":\"List\",\"items\":[{\"a\":\"]}\\\"\"},{\"b\":{\"c\":[{}]}}],\"metadata\":{}}",
        "{\"a\\u0062\":\"\\\\\"}",
        "[1]",
        "\"x\"",
        "7",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *ours = NULL, *plain = NULL;
        struct err err = {0};
        assert_int_equal(json_parse(cases[i], strlen(cases[i]), &plain, &err), 0);
        assert_int_equal(answer_parse(cases[i], strlen(cases[i]), &ours, &err), 0);
        assert_true(value_equal(ours, plain));
    }
}

static void test_answer__nonsense_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\":[1",
        "{\"a\":[1,",
        "{\"a\":[1,]}",
        "{\"a\":[,]}",
        "{\"a\":1}x",
        "{\"a\":1}{}",
        "{\"a\" 1}",
        "{\"a\":]}",
        "{\"a\":[}]}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":\"",
        "{\"a\":\"\\",
        "<html>",
        "{\"a\":}",
        "{,}",
        "{\"a\":{]}",
        "{\"a\":1 2}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct value *value = NULL;
        struct err err = {0};
        /* Not terminated where it ends. */
        char *text = strndup(cases[i], strlen(cases[i]));
        assert_true(answer_parse(text, strlen(text), &value, &err) < 0);
        assert_null(value);
        assert_true(err.msg[0] != '\0');
        free(text);
    }
}

static void test_answer__a_list_may_be_larger_than_an_object(void **state)
{
    enum { ITEMS = 40 };
    cleanup(buf_done) struct buf text, item;
    buf_init(&text, 0);
    buf_init(&item, 0);
    (void)state;
    for (int i = 0; i < DATA_MAX_BYTES / 10; i++)
        buf_addc(&item, 'x');
    buf_addstr(&text, "{\"kind\":\"PodList\",\"items\":[");
    for (int i = 0; i < ITEMS; i++)
        buf_addf(&text, "%s{\"n\":%d,\"s\":\"%s\"}", i ? "," : "", i, buf_str(&item));
    buf_addstr(&text, "],\"metadata\":{\"resourceVersion\":\"7\"}}");
    assert_true(text.len > 3 * DATA_MAX_BYTES);
    cleanup(value_free) struct value *list = NULL;
    struct err err = {0};
    assert_int_equal(answer_parse(text.data, text.len, &list, &err), 0);
    const struct value *items = value_get(list, "items");
    assert_int_equal(value_len(items), ITEMS);
    assert_int_equal(value_get_int(value_at(items, ITEMS - 1), "n", -1), ITEMS - 1);
    assert_string_equal(value_get_str(value_get(list, "metadata"), "resourceVersion"), "7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer__reads_what_json_reads),
        cmocka_unit_test(test_answer__nonsense_is_refused),
        cmocka_unit_test(test_answer__a_list_may_be_larger_than_an_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
