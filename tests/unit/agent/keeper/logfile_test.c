#include "agent/keeper/logfile.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"
#include "common/fs/path.h"

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
#define STAMP "2001-02-03T04:05:06.000000007Z"

struct dir {
    char path[64];
    char log[96];
};

static int64_t when(void)
{
    int64_t wall = 0;
    assert_int_equal(clock_parse(STAMP, &wall), 0);
    return wall;
}

static void dir_init(struct dir *dir)
{
    snprintf(dir->path, sizeof(dir->path), "/tmp/limpet-log-XXXXXX");
    assert_non_null(mkdtemp(dir->path));
    snprintf(dir->log, sizeof(dir->log), "%s/pod/app/0.log", dir->path);
}

static void dir_done(struct dir *dir)
{
    autoclose int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(path_remove_tree(tmp, dir->path + strlen("/tmp/")), 0);
}

static char *contents(const char *path)
{
    struct buf text;
    buf_init(&text, 0);
    if (disk_posix()->read(disk_posix(), path, 1 << 24, &text, NULL) < 0) {
        buf_done(&text);
        return NULL;
    }
    return buf_steal(&text, NULL);
}

static void feed(struct logfile *log, struct logstream *stream, const char *text)
{
    logfile_write(log, stream, text, strlen(text), when());
}

static void test_logfile__lines(void **state)
{
    (void)state;
    struct dir dir;
    dir_init(&dir);
    struct logfile *log = logfile_new(dir.log, 0, 0);
    struct logstream out = {.name = "stdout"}, err = {.name = "stderr"};
    feed(log, &out, "one\n\ntwo");
    feed(log, &err, "bad\n");
    feed(log, &out, " more\n");
    feed(log, &out, "open");
    logfile_end(log, &out, when());
    logfile_end(log, &err, when());
    autofree char *text = contents(dir.log);
    assert_string_equal(text,
                        STAMP " stdout F one\n" STAMP " stdout F \n" STAMP " stdout P two\n" STAMP
                              " stderr F bad\n" STAMP " stdout F  more\n" STAMP
                              " stdout P open\n" STAMP " stdout F \n");
    logfile_free(log);
    dir_done(&dir);
}

static void test_logfile__long_lines_are_pieces(void **state)
{
    (void)state;
    struct dir dir;
    dir_init(&dir);
    struct logfile *log = logfile_new(dir.log, 0, 0);
    struct logstream out = {.name = "stdout"};
    char *line = xmalloc(100001);
    memset(line, 'x', 100000);
    line[99999] = '\n';
    line[100000] = '\0';
    feed(log, &out, line);
    free(line);
    autofree char *text = contents(dir.log);
    size_t lines = 0, letters = 0, full = 0;
    for (const char *p = text; *p; p++) {
        lines += *p == '\n';
        letters += *p == 'x';
        full += strncmp(p, " F ", 3) == 0;
    }
    assert_int_equal(letters, 99999);
    assert_int_equal(full, 1);
    assert_true(lines > 10);
    logfile_free(log);
    dir_done(&dir);
}

static void test_logfile__rotation(void **state)
{
    (void)state;
    struct dir dir;
    dir_init(&dir);
    struct logfile *log = logfile_new(dir.log, 1000, 3);
    struct logstream out = {.name = "stdout"};
    for (int i = 0; i < 200; i++) {
        char line[32];
        snprintf(line, sizeof(line), "line %03d\n", i);
        feed(log, &out, line);
    }
    static const char *const names[] = {"", ".1", ".2", ".3"};
    int want = 199;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        autofree char *path = xasprintf("%s%s", dir.log, names[i]);
        autofree char *text = contents(path);
        assert_int_equal(text != NULL, i < 3);
        if (!text)
            continue;
        assert_true(strlen(text) <= 1000 && strlen(text) > 0);
        /* The last line of each is the one before the first of the next. */
        const char *last = strrchr(text, 'l');
        assert_int_equal(atoi(last + 5), want);
        want = atoi(strstr(text, "line ") + 5) - 1;
    }
    logfile_free(log);
    /* Another keeper goes on in the same file. */
    log = logfile_new(dir.log, 1000, 1);
    for (int i = 0; i < 100; i++)
        feed(log, &out, "again\n");
    autofree char *text = contents(dir.log);
    assert_true(strlen(text) <= 1000);
    logfile_free(log);
    dir_done(&dir);
}

static void test_logfile__a_run_of_its_own(void **state)
{
    (void)state;
    struct dir dir;
    dir_init(&dir);
    struct logfile *log = logfile_new(dir.log, 1000, 3);
    struct logstream out = {.name = "stdout"};
    autofree char *previous = xasprintf("%s.previous", dir.log);
    feed(log, &out, "one\n");
    logfile_turn(log);
    feed(log, &out, "two\n");
    autofree char *first = contents(previous);
    autofree char *second = contents(dir.log);
    assert_non_null(strstr(first, "one"));
    assert_non_null(strstr(second, "two"));
    assert_null(strstr(second, "one"));
    logfile_turn(log);
    logfile_turn(log); /* a run that said nothing */
    assert_int_equal(access(previous, F_OK), -1);
    assert_int_equal(access(dir.log, F_OK), -1);
    logfile_free(log);
    dir_done(&dir);
}

static void test_logfile__says_what_is_lost(void **state)
{
    (void)state;
    struct dir dir;
    dir_init(&dir);
    struct logfile *log = logfile_new(dir.log, 0, 0);
    struct logstream out = {.name = "stdout"};
    autofree char *pod = xasprintf("%s/pod", dir.path);
    int fd = open(pod, O_WRONLY | O_CREAT | O_CLOEXEC, 0600); /* a file where a folder must be */
    assert_true(fd >= 0);
    close(fd);
    feed(log, &out, "lost\n");
    assert_int_equal(unlink(pod), 0);
    feed(log, &out, "kept\n");
    autofree char *text = contents(dir.log);
    assert_string_equal(text,
                        STAMP " stderr F limpet: 45 bytes of this log could not be written\n" STAMP
                              " stdout F kept\n");
    logfile_free(log);
    dir_done(&dir);
}

static void test_logfile__follows_no_link(void **state)
{
    (void)state;
    struct dir dir;
    dir_init(&dir);
    autofree char *folder = xasprintf("%s/pod", dir.path);
    autofree char *victim = xasprintf("%s/victim", dir.path);
    autofree char *link = xasprintf("%s/pod/0.log", dir.path);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(symlink(victim, link), 0);
    struct logfile *log = logfile_new(link, 0, 0);
    struct logstream out = {.name = "stdout"};
    feed(log, &out, "text\n");
    assert_int_equal(access(victim, F_OK), -1);
    logfile_free(log);
    dir_done(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logfile__lines),
        cmocka_unit_test(test_logfile__long_lines_are_pieces),
        cmocka_unit_test(test_logfile__rotation),
        cmocka_unit_test(test_logfile__a_run_of_its_own),
        cmocka_unit_test(test_logfile__says_what_is_lost),
        cmocka_unit_test(test_logfile__follows_no_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
