#include "agent/keeper/lastwords.h"

#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define AT "2026-01-02T03:04:05.000000006Z "

static void test_lastwords__of_a_log(void **state)
{
    (void)state;
    static const struct {
        const char *log, *says;
    } cases[] = {
        {"", NULL},
        {AT "stdout F one\n" AT "stderr F two\n", "one\ntwo\n"},
        {AT "stdout P half \n" AT "stdout F whole\n", "half whole\n"},
        {"cut off stdout\n" AT "stdout F after\n", "after\n"},
        {AT "stdout F not ended", NULL},
        {AT "stdout F\n", NULL},
        {AT "stdout F \n", "\n"},
        {AT "stdout F a\n" AT "stdout F \n", "a\n\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *says = lastwords_of_log(cases[i].log, strlen(cases[i].log), LASTWORDS_MAX);
        if (!says || !cases[i].says)
            assert_true(!says == !cases[i].says);
        else
            assert_string_equal(says, cases[i].says);
    }
}

static void test_lastwords__limits(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf log;
    buf_init(&log, 0);
    for (int i = 0; i < 200; i++)
        (void)buf_addf(&log, AT "stdout F line %d\n", i);
    autofree char *says = lastwords_of_log(log.data, log.len, LASTWORDS_MAX);
    assert_true(str_has_prefix(says, "line 120\n"));
    assert_true(str_has_suffix(says, "\nline 199\n"));
    buf_drop(&log, log.len);
    for (int i = 0; i < 60; i++)
        (void)buf_addf(&log, AT "stdout F %0100d\n", i);
    autofree char *bytes = lastwords_of_log(log.data, log.len, LASTWORDS_MAX);
    assert_int_equal(strlen(bytes), LASTWORDS_LOG_MAX);
    autofree char *few = lastwords_of_log(log.data, log.len, 10);
    assert_string_equal(few, "000000059\n");
}

static void write_file(const char *path, const char *data, size_t len)
{
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && write(fd, data, len) == (ssize_t)len);
}

static void test_lastwords__file(void **state)
{
    (void)state;
    char dir[] = "/tmp/lastwordsXXXXXX";
    assert_non_null(mkdtemp(dir));
    autofree char *message = xasprintf("%s/message", dir);
    autofree char *log = xasprintf("%s/log", dir);
    struct launch_container container = {.message_path = "/dev/termination-log", .log_path = log};
    write_file(log, AT "stdout F logged\n", strlen(AT "stdout F logged\n"));
    assert_null(lastwords_read(&container, dir, true, LASTWORDS_MAX)); /* no file */
    write_file(message, "", 0);
    assert_null(lastwords_read(&container, dir, true, LASTWORDS_MAX));
    container.message_log = true;
    assert_null(lastwords_read(&container, dir, false, LASTWORDS_MAX));
    autofree char *logged = lastwords_read(&container, dir, true, LASTWORDS_MAX);
    assert_string_equal(logged, "logged\n");
    write_file(message, "a\0b", 3);
    autofree char *said = lastwords_read(&container, dir, true, LASTWORDS_MAX);
    assert_string_equal(said, "a b");
    container.message_path = NULL;
    assert_null(lastwords_read(&container, dir, true, LASTWORDS_MAX));
    container.message_path = "/m";
    container.message_log = false;
    assert_int_equal(truncate(message, (off_t)1 << 40), 0); /* a hole: no terabyte is read */
    autofree char *holes = lastwords_read(&container, dir, true, LASTWORDS_MAX);
    assert_int_equal(strlen(holes), LASTWORDS_MAX);
    autofree char *few = lastwords_read(&container, dir, true, 5);
    assert_string_equal(few, "     ");
    /* Something else in its place: nothing is read, nothing waited for. */
    assert_int_equal(unlink(message), 0);
    assert_int_equal(mkfifo(message, 0600), 0);
    assert_null(lastwords_read(&container, dir, true, LASTWORDS_MAX));
    assert_int_equal(unlink(message), 0);
    assert_int_equal(symlink(log, message), 0);
    assert_null(lastwords_read(&container, dir, true, LASTWORDS_MAX));
    assert_int_equal(unlink(message) + unlink(log) + rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lastwords__of_a_log),
        cmocka_unit_test(test_lastwords__limits),
        cmocka_unit_test(test_lastwords__file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
