/* json_parse against cJSON, which is no relation of it: the same trees, and no refusal without one
 * of the reasons of common/data/decisions/0001. */

#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "tests/fuzz/json/oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void expect(const char *text, size_t len, int taken)
{
    cleanup(value_free) struct value *value = NULL;
    struct err err = {0};
    char why[128];
    int r = json_parse(text, len, &value, &err);
    if (!oracle_agrees(text, len, value, why, sizeof(why)))
        fail_msg("%s in: %.*s", why, (int)len, text);
    if (taken >= 0 && (r == 0) != taken)
        fail_msg("%s: %.*s", r == 0 ? "taken" : err.msg, (int)len, text);
}

static void test_json_oracle__documents(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int taken;
    } cases[] = {
        {"null", 1},
        {"[true, false, null, 0, -0, 1.5, \"\"]", 1},
        {"{\"a\": {\"b\": [1, {}]}, \"c\": []}", 1},
        {"9007199254740993", 1},
        {"9223372036854775807", 1},
        {"-9223372036854775808", 1},
        {"18446744073709551616", 1},
        {"0.1", 1},
        {"123456789.123456789e-5", 1},
        {"1e308", 1},
        {"4.9e-324", 1},
        {"1e-400", 1},
        {"\"\\ud83c\\udf4f \\u00e9 \xf0\x9f\x8d\x8f \\\" \\/ \\b\\f\\n\\r\\t\"", 1},
        {"{\"\": 1, \" \": 2}", 1},
        /* Refused by both. */
        {"", 0},
        {"[1,]", 0},
        {"{\"a\" 1}", 0},
        {"nul", 0},
        {"\"\\ud83c\"", 0},
        {"\"\\udf4f\\ud83c\"", 0},
        {"\"open", 0},
        {".5", 0},
        /* Taken by cJSON. */
        {"{\"a\":1,\"b\":2,\"a\":3}", 0},
        {"{\"a\":1,\"\\u0061\":3}", 0},
        {"\"\\u0000\"", 0},
        {"\"\\uzzzz\"", 0},
        {"\"a\nb\"", 0},
        {"\"\xff\"", 0},
        {"\"\xed\xa0\x80\"", 0},
        {"[1]x", 0},
        {"[1]\x01", 0},
        {"[1\x02, 2]", 0},
        {"\xef\xbb\xbf[1, 2, 3]", 0},
        {"[01]", 0},
        {"[1.]", 0},
        {"[1.e5]", 0},
        {"[-.5]", 0},
        {"1e999", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(cases[i].text, strlen(cases[i].text), cases[i].taken);
    expect("[1]\0", 4, 0);
    expect("[\"a\0b\"]", 7, 0);
}

static void test_json_oracle__limits(void **state)
{
    (void)state;
    for (size_t depth = 60; depth < 70; depth++) {
        char text[200] = "";
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        expect(text, 2 * depth, depth <= 64);
    }
}

/* The oracle itself can say no. */
static void test_json_oracle__says_no(void **state)
{
    (void)state;
    static const struct {
        const char *text, *read; /* as if json_parse had made this of the text; NULL: refused it */
    } cases[] = {
        {"[1,2]", NULL},    {"[1,2]", "[1,3]"},      {"[1,2]", "[1]"},
        {"[1]", "[1,2]"},   {"[1]", "{\"a\":1}"},    {"{\"a\":1}", "{\"b\":1}"},
        {"\"a\"", "\"b\""}, {"true", "false"},       {"null", "0"},
        {"0.1", "0.2"},     {"[1,]", "[1]"},         {"{\"a\":1,\"a\":1}", "{\"a\":1}"},
        {"[01]", "[1]"},    {"\"\\u0000\"", "\"\""}, {"[1]x", "[1]"},
        {"1e999", "1"},     {"\"\xff\"", "\"?\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *read = NULL;
        char why[128] = "";
        if (cases[i].read)
            assert_int_equal(json_parse(cases[i].read, strlen(cases[i].read), &read, NULL), 0);
        if (oracle_agrees(cases[i].text, strlen(cases[i].text), read, why, sizeof(why)))
            fail_msg("%s read as %s", cases[i].text, cases[i].read ? cases[i].read : "nothing");
        assert_true(*why);
    }
}

/* ---- documents by chance ---- */

static void add_space(struct rng *rng, struct buf *text)
{
    static const char *const spaces[] = {"", "", "", " ", "\n", "\t ", "\r\n"};
    (void)buf_addstr(text, spaces[rng_below(rng, ARRAY_LEN(spaces))]);
}

static void add_scalar(struct rng *rng, struct buf *text)
{
    static const char *const scalars[] = {"null",
                                          "true",
                                          "false",
                                          "0",
                                          "-1",
                                          "12345678901234567890",
                                          "1.25",
                                          "-2.5e-3",
                                          "1E+2",
                                          "\"\"",
                                          "\"a\"",
                                          "\"\\u00e9\\n\"",
                                          "\"\\ud83d\\ude00\"",
                                          "\"\xc3\xa9\""};
    (void)buf_addstr(text, scalars[rng_below(rng, ARRAY_LEN(scalars))]);
}

static void add_value(struct rng *rng, struct buf *text, int depth)
{
    uint64_t shape = depth > 5 ? 0 : rng_below(rng, 4);
    bool map = shape == 3;
    add_space(rng, text);
    if (shape < 2) {
        add_scalar(rng, text);
    } else {
        uint64_t count = rng_below(rng, 4);
        (void)buf_addc(text, map ? '{' : '[');
        for (uint64_t i = 0; i < count; i++) {
            if (i > 0)
                (void)buf_addc(text, ',');
            if (map)
                (void)buf_addf(text, " \"k%d\" :", (int)rng_below(rng, 12));
            add_value(rng, text, depth + 1);
        }
        (void)buf_addc(text, map ? '}' : ']');
    }
    add_space(rng, text);
}

static void test_json_oracle__by_chance(void **state)
{
    (void)state;
    static const char bytes[] = "[]{},:\"\\u0019.eE+- \n\t\x01\xff\xc3\xa9truefalsn";
    struct rng_seeded seeded;
    struct rng *rng = &seeded.rng;
    rng_seeded_init(&seeded, 1);
    for (int i = 0; i < 20000; i++) {
        cleanup(buf_done) struct buf text;
        buf_init(&text, 0);
        add_value(rng, &text, 0);
        expect(text.data, text.len, -1);
        for (uint64_t n = rng_below(rng, 3); n > 0 && text.len > 0; n--) {
            text.data[rng_below(rng, text.len)] = bytes[rng_below(rng, sizeof(bytes) - 1)];
            expect(text.data, text.len, -1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_oracle__documents),
        cmocka_unit_test(test_json_oracle__limits),
        cmocka_unit_test(test_json_oracle__says_no),
        cmocka_unit_test(test_json_oracle__by_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
