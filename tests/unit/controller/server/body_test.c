#include "controller/server/body.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/schema/table.h"
#include "controller/api/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define PROTOBUF "application/vnd.kubernetes.protobuf"

static struct value *json(const char *text)
{
    struct value *value = NULL;
    struct err err = {0};
    if (json_parse(text, strlen(text), &value, &err) != 0)
        fail_msg("%s: %s", text, err.msg);
    return value;
}

static void expect_refusal(struct value *status, int code, const char *message)
{
    assert_non_null(status);
    assert_int_equal(status_code(status), code);
    assert_string_equal(value_get_str(status, "message"), message);
    value_free(status);
}

static void check_recorded(const char *command, const char *hex, const char *want)
{
    size_t len = strlen(hex) / 2;
    autofree char *body = xmalloc(len + 1);
    cleanup(value_free) struct value *expected = json(want);
    cleanup(value_free) struct value *got = NULL;
    cleanup(buf_done) struct buf text = {0};
    assert_int_equal(hex_decode(hex, 2 * len, body, len), 0);
    struct value *status = body_parse(NULL, PROTOBUF, body, len, &got);
    const char *kind = value_get_str(expected, "kind");
    if (!kinds_find(NULL, value_get_str(expected, "apiVersion"), kind)) {
        assert_int_equal(status_code(status), 400);
        assert_non_null(strstr(value_get_str(status, "message"), kind));
        value_free(status);
        return;
    }
    if (status)
        fail_msg("%s: %s", command, value_get_str(status, "message"));
    (void)json_write(got, &text);
    if (!value_equal(got, expected))
        fail_msg("%s\ngave %s\nnot  %s", command, buf_str(&text), want);
}

/* What kubectl 1.32 really sent, beside what it says (-o json) that it is. */
static void test_body__recorded_from_kubectl(void **state)
{
    (void)state;
    char *line = NULL;
    size_t size = 0, count = 0;
    FILE *file = fopen(RECORDED, "re");
    assert_non_null(file);
    while (getline(&line, &size, file) > 0) {
        char *rest = line;
        const char *command = strsep(&rest, "\t"), *hex = strsep(&rest, "\t");
        assert_non_null(rest);
        rest[strcspn(rest, "\n")] = '\0';
        check_recorded(command, hex, rest);
        count++;
    }
    free(line);
    fclose(file);
    assert_int_equal(count, 12);
}

static void test_body__options_of_a_deletion(void **state)
{
    (void)state;
    static const char body[] = "k8s\0\x0a\x13\x0a\x02v1\x12\x0d"
                               "DeleteOptions\x12\x0e\x08\x00\x12\x05\x0a\x03"
                               "abc\x22\x03"
                               "Fgd";
    cleanup(value_free) struct value *want =
        json("{\"gracePeriodSeconds\":0,\"preconditions\":{\"uid\":\"abc\"},"
             "\"propagationPolicy\":\"Fgd\",\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\"}");
    cleanup(value_free) struct value *got = NULL;
    assert_null(body_parse(NULL, PROTOBUF, body, sizeof(body) - 1, &got));
    assert_true(value_equal(got, want));
}

static void test_body__formats(void **state)
{
    (void)state;
    static const char *const json_types[] = {NULL, "", "application/json",
                                             "Application/JSON; charset=utf-8"};
    for (size_t i = 0; i < ARRAY_LEN(json_types); i++) {
        cleanup(value_free) struct value *got = NULL;
        assert_null(body_parse(NULL, json_types[i], "{\"a\":1}", 7, &got));
        assert_int_equal(value_get_int(got, "a", 0), 1);
    }
    cleanup(value_free) struct value *yaml = NULL;
    assert_null(body_parse(NULL, "application/yaml", "a: 1\n", 5, &yaml));
    assert_int_equal(value_get_int(yaml, "a", 0), 1);
}

static void test_body__refusals(void **state)
{
    (void)state;
    static const char unknown[] = "k8s\0\x0a\x0a\x0a\x02v1\x12\x04Nope";
    struct value *none = NULL;
    expect_refusal(body_parse(NULL, "text/plain", "a", 1, &none), 415,
                   "the body of the request was in an unknown format (text/plain) - accepted media "
                   "types include: application/json, application/yaml, " PROTOBUF);
    expect_refusal(body_parse(NULL, PROTOBUF, "{}", 2, &none), 400,
                   "the body is not protobuf: does not begin with k8s and a zero byte");
    expect_refusal(body_parse(NULL, PROTOBUF, unknown, sizeof(unknown) - 1, &none), 400,
                   "no kind \"Nope\" is registered for version \"v1\"");
    assert_null(none);
}

static const struct schema_type type_thing = {.name = "Thing", FIELDS(F(0, "spec", ANY))};
static const struct schema_kind kind_thing = {.group = "x.io",
                                              .version = "v1",
                                              .kind = "Thing",
                                              .plural = "things",
                                              .singular = "thing",
                                              .type = &type_thing};

/* Kinds that people define have no numbers: their clients know that and send JSON. */
static void test_body__custom_kinds_have_no_protobuf(void **state)
{
    (void)state;
    static const char body[] = "k8s\0\x0a\x10\x0a\x07x.io/v1\x12\x05Thing";
    struct value *none = NULL;
    struct kinds *kinds = kinds_new();
    assert_int_equal(kinds_add(kinds, &kind_thing), 0);
    struct value *status = body_parse(kinds, PROTOBUF, body, sizeof(body) - 1, &none);
    assert_int_equal(status_code(status), 415);
    assert_null(none);
    value_free(status);
    kinds_free(kinds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body__recorded_from_kubectl),
        cmocka_unit_test(test_body__options_of_a_deletion),
        cmocka_unit_test(test_body__formats),
        cmocka_unit_test(test_body__refusals),
        cmocka_unit_test(test_body__custom_kinds_have_no_protobuf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
