/* How `limpet image pull` judges what one look at a node gave. */

#include "tools/cli/aim.h"

#include "common/base/list.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define S AIM_LOOK_FIRST_NS
#define ONE(state) "{\"images\":[{\"image\":\"a\",\"state\":\"" state "\"}]}"
#define TWO(state, other)                                                                          \
    "{\"images\":[{\"image\":\"a\",\"state\":\"" state "\"},"                                      \
    "{\"image\":\"b\",\"state\":\"" other "\"}]}"

static struct value *json_of(const char *text)
{
    struct value *value = NULL;
    assert_int_equal(json_parse(text, strlen(text), &value, NULL), 0);
    return value;
}

static void hear(struct aim *aim, int code, const char *text, bool reached, int64_t now)
{
    aim_hear(aim, code, code < 0 ? NULL : json_of(text), code < 0 ? text : "", reached, now);
}

/* "o" it knows of its order, "s" it has settled, "f" it has failed. */
static void is(const struct aim *aim, const char *want)
{
    char got[4] = "";
    snprintf(got, sizeof(got), "%s%s%s", aim->ordered ? "o" : "", aim->settled ? "s" : "",
             aim->failed ? "f" : "");
    assert_string_equal(got, want);
}

static void test_aim__states(void **state)
{
    static const struct {
        const char *answer, *want;
    } cases[] = {
        {ONE("Waiting"), "o"},
        {ONE("Pulling"), "o"},
        {ONE("Pulled"), "os"},
        {ONE("Failed"), "osf"},
        {ONE("Unknown"), ""},
        {TWO("Pulled", "Pulling"), "o"},
        {TWO("Failed", "Pulling"), "of"},
        {TWO("Failed", "Pulled"), "osf"},
        {TWO("Pulled", "Unknown"), ""},
        {TWO("Pulled", "Never heard of"), "o"},
        {"{}", "o"},
        {"{\"images\":[]}", "o"},
        {"{\"images\":[1,null]}", "o"},
        {"{\"images\":[{\"state\":7}]}", "o"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(aim_done) struct aim aim;
        aim_init(&aim, "n", "/p");
        hear(&aim, 200, cases[i].answer, true, 0);
        is(&aim, cases[i].want);
    }
}

/* What failed once, and was ordered again, has not failed. */
static void test_aim__not_sticky(void **state)
{
    cleanup(aim_done) struct aim aim;
    (void)state;
    aim_init(&aim, "n", "/p");
    hear(&aim, 200, TWO("Failed", "Pulling"), true, 0);
    is(&aim, "of");
    hear(&aim, 200, TWO("Unknown", "Unknown"), true, 0);
    is(&aim, "");
    hear(&aim, 200, TWO("Pulled", "Pulled"), true, 0);
    is(&aim, "os");
}

static void test_aim__what_passes(void **state)
{
    static const struct {
        int code;
        bool reached, first,
            later; /* whether it ends the wait as the first answer, or as another */
    } cases[] = {
        {-ECONNREFUSED, false, true, true},
        {-EKEYREJECTED, false, true, true},
        {-EHOSTUNREACH, false, true, true},
        {-ETIME, false, true, true},
        {-ETIME, true, false, false},
        {-ECONNREFUSED, true, false, false},
        {-EIO, true, false, false},
        {400, true, true, true},
        {403, true, true, true},
        {404, true, true, true},
        {429, true, false, false},
        {500, true, false, false},
        {501, true, true, true},
        {503, true, true, false},
        {504, true, false, false},
        {507, true, true, true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(aim_done) struct aim first, ordered, again;
        aim_init(&first, "n", "/p");
        hear(&first, cases[i].code, "{\"message\":\"no\"}", cases[i].reached, 0);
        is(&first, cases[i].first ? "sf" : "");
        assert_string_equal(first.error, cases[i].code < 0 ? "{\"message\":\"no\"}" : "no");
        aim_init(&ordered, "n", "/p");
        hear(&ordered, 200, ONE("Pulling"), cases[i].reached, 0);
        hear(&ordered, cases[i].code, "{}", cases[i].reached, 0);
        is(&ordered, cases[i].later ? "osf" : "o");
        aim_init(&again, "n", "/p"); /* the order was not taken, by a node that has forgotten it */
        hear(&again, 504, "{}", cases[i].reached, 0);
        hear(&again, cases[i].code, "{}", cases[i].reached, 0);
        is(&again, cases[i].later ? "sf" : "");
        hear(&again, 200, ONE("Pulled"), true, 0);
        is(&again, "os");
        assert_null(again.error);
    }
}

/* It is looked at more and more rarely, and ordered again at once; but one whose answer to an order
 * is that it does not know it gets no order after the other. */
static void test_aim__times(void **state)
{
    static const struct {
        const char *answer;
        int64_t after;
    } looks[] = {
        {ONE("Waiting"), 1},  {ONE("Pulling"), 2},  {NULL, 4},           {ONE("Pulling"), 8},
        {ONE("Pulling"), 15}, {ONE("Pulling"), 15}, {ONE("Unknown"), 0}, {ONE("Unknown"), 1},
        {ONE("Unknown"), 2},  {ONE("Waiting"), 4},
    };
    cleanup(aim_done) struct aim aim;
    int64_t now = 1000 * S;
    (void)state;
    aim_init(&aim, "n", "/p");
    assert_true(aim.look_ns <= now);
    for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
        hear(&aim, looks[i].answer ? 200 : 503, looks[i].answer ? looks[i].answer : "{}", true,
             now);
        assert_int_equal(aim.look_ns - now, looks[i].after * S);
        now = aim.look_ns;
    }
}

static void test_aim__percent(void **state)
{
    static const struct {
        int64_t done, total;
        int want;
    } cases[] = {{0, 10, 0},        {1, 4, 25},          {10, 10, 100},
                 {11, 10, 100},     {-1, 10, 0},         {1, 0, 0},
                 {1, -1, 0},        {INT64_MAX, 1, 100}, {INT64_MIN, INT64_MIN, 0},
                 {INT64_MIN, 1, 0}, {1, INT64_MAX, 0},   {INT64_MAX - 1, INT64_MAX, 100}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(aim_percent(cases[i].done, cases[i].total), cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aim__states),      cmocka_unit_test(test_aim__not_sticky),
        cmocka_unit_test(test_aim__what_passes), cmocka_unit_test(test_aim__times),
        cmocka_unit_test(test_aim__percent),
    };
    return cmocka_run_group_tests_name("aim", tests, NULL, NULL);
}
