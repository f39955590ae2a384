#include "tools/cli/watch.h"

#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

struct seen {
    char text[256];
    size_t count, stop_after;
};

static bool on_line(void *ctx, const char *line, size_t len)
{
    struct seen *seen = ctx;
    size_t used = strlen(seen->text);
    snprintf(seen->text + used, sizeof(seen->text) - used, "<%.*s>", (int)len, line);
    return ++seen->count != seen->stop_after;
}

static void test_watch__lines_come_whole_however_they_arrive(void **state)
{
    static const char stream[] = "one\ntwo\n\nthree\nfo";
    (void)state;
    for (size_t piece = 1; piece < sizeof(stream); piece++) {
        struct seen seen = {0};
        struct lines lines = {.line = on_line, .ctx = &seen};
        buf_init(&lines.rest, 0);
        for (size_t at = 0; at < strlen(stream); at += piece) {
            size_t left = strlen(stream) - at;
            assert_true(lines_add(&lines, stream + at, left < piece ? left : piece));
        }
        assert_string_equal(seen.text, "<one><two><three>");
        assert_true(lines_add(&lines, "ur\n", 3));
        assert_string_equal(seen.text, "<one><two><three><four>");
        buf_done(&lines.rest);
    }
}

static void test_watch__a_line_can_end_it(void **state)
{
    struct seen seen = {.stop_after = 2};
    struct lines lines = {.line = on_line, .ctx = &seen};
    (void)state;
    buf_init(&lines.rest, 0);
    assert_false(lines_add(&lines, "a\nb\nc\n", 6));
    assert_string_equal(seen.text, "<a><b>");
    buf_done(&lines.rest);
}

static void test_watch__an_endless_line_is_refused(void **state)
{
    static char piece[1024 * 1024];
    struct seen seen = {0};
    struct lines lines = {.line = on_line, .ctx = &seen};
    (void)state;
    memset(piece, 'x', sizeof(piece));
    buf_init(&lines.rest, 0);
    for (size_t i = 0; i < LINES_MAX / sizeof(piece); i++)
        assert_true(lines_add(&lines, piece, sizeof(piece)));
    assert_false(lines_add(&lines, "x", 1));
    assert_int_equal(seen.count, 0);
    buf_done(&lines.rest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch__lines_come_whole_however_they_arrive),
        cmocka_unit_test(test_watch__a_line_can_end_it),
        cmocka_unit_test(test_watch__an_endless_line_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
