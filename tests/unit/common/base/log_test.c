#include "common/base/log.h"

#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct capture {
    int lines;
    enum log_level level;
    char last[4096];
};

static void keep(void *ctx, enum log_level level, const char *line)
{
    struct capture *capture = ctx;
    capture->lines++;
    capture->level = level;
    snprintf(capture->last, sizeof(capture->last), "%s", line);
}

static void test_log__level_decides(void **state)
{
    (void)state;
    struct capture capture = {0};
    log_set_sink(keep, &capture);
    log_set_level(LOG_LEVEL_WARN);
    log_info("not this one");
    assert_int_equal(capture.lines, 0);
    log_warn("link down node=%s", "pi-01");
    assert_int_equal(capture.lines, 1);
    assert_int_equal(capture.level, LOG_LEVEL_WARN);
    assert_string_equal(capture.last, "link down node=pi-01");
    log_set_level(LOG_LEVEL_INFO);
    log_set_sink(NULL, NULL);
}

static void test_log__an_event_is_one_line(void **state)
{
    (void)state;
    struct capture capture = {0};
    log_set_sink(keep, &capture);
    log_error("a\nforged line\r\x1b[2J\x7f");
    assert_string_equal(capture.last, "a?forged line??[2J?");
    char text[5000];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    errno = ENOTTY;
    log_error("%s", text);
    assert_int_equal(errno, ENOTTY);
    assert_true(strlen(capture.last) < 2048);
    assert_true(str_has_suffix(capture.last, "xxx..."));
    log_set_sink(NULL, NULL);
}

static void test_log__names(void **state)
{
    (void)state;
    enum log_level level = LOG_LEVEL_INFO;
    assert_int_equal(log_level_parse("debug", &level), 0);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_int_equal(log_level_parse("error", &level), 0);
    assert_int_equal(level, LOG_LEVEL_ERROR);
    assert_int_equal(log_level_parse("Error", &level), -EINVAL);
    assert_int_equal(log_level_parse("", &level), -EINVAL);
    assert_int_equal(level, LOG_LEVEL_ERROR);
}

static void test_log__quote(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"plain", "\"plain\""},
        {"", "\"\""},
        {NULL, "\"\""},
        {"a \"b\" \\", "\"a \\\"b\\\" \\\\\""},
        {"line\nfeed\ttab\r", "\"line\\nfeed\\ttab\\r\""},
        {"\x01\x7f", "\"\\x01\\x7f\""},
        {"caf\xc3\xa9", "\"caf\xc3\xa9\""},
        {"\xff\xc3", "\"\\xff\\xc3\""},
        {"\xc2\x9b", "\"\\xc2\\x9b\""}, /* CSI, a terminal's control */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(log_quote(cases[i][0]), cases[i][1]);
}

static void test_log__quote_is_bounded(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        char text[1000];
        memset(text, c, sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        const char *quoted = log_quote(text);
        assert_true(strlen(quoted) < 320);
        assert_true(str_has_suffix(quoted, "...\""));
    }
    const char *first = log_quote("first");
    for (int i = 0; i < 7; i++)
        (void)log_quote("other");
    assert_string_equal(first, "\"first\"");
}

/* What a process writes to stderr; journal: it is the stream that JOURNAL_STREAM names, another
 * one, none. */
enum journal { JOURNAL_NONE, JOURNAL_OTHER, JOURNAL_THIS };
static void stderr_of(enum journal journal, char ret[256])
{
    struct stat st;
    char stream[64];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    assert_int_equal(fstat(ends[1], &st), 0);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino + (journal == JOURNAL_OTHER));
    if (journal == JOURNAL_NONE)
        unsetenv("JOURNAL_STREAM");
    else
        setenv("JOURNAL_STREAM", stream, 1);
    log_info("pod started pod=default/web");
    unsetenv("JOURNAL_STREAM");
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t n = read(ends[0], ret, 255);
    close(ends[0]);
    assert_true(n > 0);
    ret[n] = '\0';
}

static void test_log__stderr(void **state)
{
    (void)state;
    char text[256];
    stderr_of(JOURNAL_THIS, text);
    assert_string_equal(text, "<6>info pod started pod=default/web\n");
    for (enum journal journal = JOURNAL_NONE; journal < JOURNAL_THIS; journal++) {
        stderr_of(journal, text);
        assert_string_equal(text + strlen("2025-11-21T01:03:20.123456Z"),
                            " info pod started pod=default/web\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log__level_decides),
        cmocka_unit_test(test_log__an_event_is_one_line),
        cmocka_unit_test(test_log__names),
        cmocka_unit_test(test_log__quote),
        cmocka_unit_test(test_log__quote_is_bounded),
        cmocka_unit_test(test_log__stderr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
