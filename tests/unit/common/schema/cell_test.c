#include "common/base/clock.h"
#include "common/schema/cell.h"
#include "sample.h"

static void test_cell__durations_as_kubectl(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {-5, "<invalid>"},
        {-1, "0s"},
        {0, "0s"},
        {119, "119s"},
        {120, "2m"},
        {200, "3m20s"},
        {600, "10m"},
        {3 * 3600 - 1, "179m"},
        {3 * 3600, "3h"},
        {3 * 3600 + 61, "3h1m"},
        {8 * 3600, "8h"},
        {47 * 3600, "47h"},
        {48 * 3600, "2d"},
        {51 * 3600, "2d3h"},
        {8 * 86400, "8d"},
        {729 * 86400, "729d"},
        {730 * 86400, "2y"},
        {800 * 86400, "2y70d"},
        {3000 * INT64_C(86400), "8y"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf got = {0};
        cell_duration(cases[i].seconds, &got);
        assert_string_equal(buf_str(&got), cases[i].text);
    }
}

static void test_cell__paths(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object =
        yaml("{a: {b: {c: text}}, n: 5, e: '', t: '2026-01-01T00:00:00Z', x: {y: null}}");
    static const struct {
        struct schema_column column;
        const char *text;
    } cases[] = {
        {{"C", "string", .path = "a.b.c"}, "text"},
        {{"N", "integer", .path = "n"}, "5"},
        {{"E", "string", .path = "e"}, "<none>"},
        {{"Y", "string", .path = "x.y"}, "<none>"},
        {{"Z", "string", .path = "a.z.c"}, "<none>"},
        {{"T", "date", .path = "t"}, "60s"},
        {{"T", "date", .path = "none"}, "<unknown>"},
        {{"U", "string", .path = "u", .none = ""}, ""},
        {{"V", "string", .path = "e", .none = "<unset>"}, "<unset>"},
    };
    int64_t now;
    assert_int_equal(clock_parse("2026-01-01T00:01:00Z", &now), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf got = {0};
        schema_cell(&cases[i].column, object, now, &got);
        assert_string_equal(buf_str(&got), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cell__durations_as_kubectl),
        cmocka_unit_test(test_cell__paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
