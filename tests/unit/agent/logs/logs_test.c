#include "agent/logs/line.h"
#include "agent/logs/logs.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/path.h"

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

#define ROOM INT64_MAX

struct world {
    char dir[64];
    char *log;
    struct loop *loop;
    struct logs *logs;
    struct buf got;
    int64_t room; /* bytes that the sink still takes */
    int ends, code;
};

static size_t on_data(void *ctx, const char *data, size_t len)
{
    struct world *world = ctx;
    size_t taken = (int64_t)len < world->room ? len : (size_t)world->room;
    world->room -= (int64_t)taken;
    (void)buf_add(&world->got, data, taken);
    return taken;
}

static void on_end(void *ctx, int code, const char *message)
{
    struct world *world = ctx;
    (void)message;
    world->ends++;
    world->code = code;
}

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct err err = {0};
    snprintf(world->dir, sizeof(world->dir), "/tmp/limpet-logs-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    world->log = xasprintf("%s/app.log", world->dir);
    assert_int_equal(loop_new(clock_system(), &world->loop, &err), 0);
    buf_init(&world->got, 0);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    logs_free(world->logs);
    loop_free(world->loop);
    int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(path_remove_tree(tmp, strrchr(world->dir, '/') + 1), 0);
    close(tmp);
    buf_done(&world->got);
    free(world->log);
    free(world);
    return 0;
}

static void write_to(const struct world *world, int older, const char *text)
{
    autofree char *name = older ? xasprintf("%s.%d", world->log, older) : xstrdup(world->log);
    int fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

#define AT(second) "2026-01-02T03:04:0" #second ".000000000Z"
#define LINE(second, text) AT(second) " stdout F " text "\n"

/* As a keeper: .1 becomes .2, the log becomes .1; of `files` files the oldest goes. */
static void rotate(const struct world *world, int files)
{
    for (int i = files - 1; i >= 1; i--) {
        autofree char *from = i > 1 ? xasprintf("%s.%d", world->log, i - 1) : xstrdup(world->log);
        autofree char *to = xasprintf("%s.%d", world->log, i);
        assert_true(rename(from, to) == 0 || errno == ENOENT);
    }
}

static void start(struct world *world, const struct logs_query *query)
{
    static const struct logs_sink sink = {on_data, on_end};
    struct err err = {0};
    logs_free(world->logs);
    world->logs = NULL;
    buf_drop(&world->got, world->got.len);
    world->ends = 0;
    assert_int_equal(logs_open(world->loop, world->log, query, &sink, world, &world->logs, &err),
                     0);
}

/* Until nothing more happens. */
static void run(struct world *world)
{
    for (int i = 0; i < 200; i++)
        assert_int_equal(loop_step(world->loop, 0), 0);
}

static void read_all(struct world *world, const struct logs_query *query, const char *expected)
{
    world->room = ROOM;
    start(world, query);
    run(world);
    assert_string_equal(buf_str(&world->got), expected);
    assert_int_equal(world->ends, 1);
    assert_int_equal(world->code, 0);
}

static void test_line__table(void **state)
{
    (void)state;
    static const struct {
        const char *text, *parts; /* "<stream><tag> <text>"; NULL: refused */
    } cases[] = {
        {AT(1) " stdout F hello", "oF hello"},
        {AT(1) " stderr P ", "eP "},
        {AT(1) " stdout F  two  spaces", "oF  two  spaces"},
        {AT(1) " stdout X a", NULL},
        {AT(1) " stdin  F a", NULL},
        {AT(1) " stdout F", NULL},
        {" stdout F a", NULL},
        {"", NULL},
        {"torn", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct log_line line;
        bool good = log_line_parse(cases[i].text, strlen(cases[i].text), &line);
        assert_int_equal(good, cases[i].parts != NULL);
        autofree char *parts =
            good ? xasprintf("%c%c %.*s", line.is_stderr ? 'e' : 'o', line.partial ? 'P' : 'F',
                             (int)line.text_len, line.text)
                 : NULL;
        assert_true(str_eq(parts, cases[i].parts));
    }
}

static void test_logs__queries(void **state)
{
    struct world *world = *state;
    write_to(world, 2, LINE(1, "a") LINE(2, "b"));
    write_to(world, 1, LINE(3, "c") LINE(4, "d"));
    write_to(world, 0, LINE(5, "e") LINE(6, "f"));
    static const struct {
        int64_t tail, limit;
        const char *since;
        bool stamps;
        const char *expected;
    } cases[] = {
        {-1, 0, NULL, false, "a\nb\nc\nd\ne\nf\n"},
        {0, 0, NULL, false, ""},
        {1, 0, NULL, false, "f\n"},
        {2, 0, NULL, false, "e\nf\n"},
        {3, 0, NULL, false, "d\ne\nf\n"},
        {4, 0, NULL, false, "c\nd\ne\nf\n"},
        {5, 0, NULL, false, "b\nc\nd\ne\nf\n"},
        {600, 0, NULL, false, "a\nb\nc\nd\ne\nf\n"},
        {-1, 3, NULL, false, "a\nb"},
        {2, 1, NULL, false, "e"},
        {-1, 0, AT(4), false, "d\ne\nf\n"},
        {1, 0, AT(4), true, AT(6) " f\n"},
        {-1, 0, AT(9), false, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct logs_query query = {.tail_lines = cases[i].tail,
                                   .limit_bytes = cases[i].limit,
                                   .timestamps = cases[i].stamps};
        if (cases[i].since)
            assert_int_equal(clock_parse(cases[i].since, &query.since_wall_ns), 0);
        read_all(world, &query, cases[i].expected);
    }
}

/* The newest file is there and empty: the line before it is the last one all the same. */
static void test_logs__tail_after_rotation(void **state)
{
    struct world *world = *state;
    write_to(world, 1, LINE(1, "a") LINE(2, "b"));
    write_to(world, 0, "");
    read_all(world, &(struct logs_query){.tail_lines = 1}, "b\n");
    read_all(world, &(struct logs_query){.tail_lines = 2}, "a\nb\n");
}

static void test_logs__torn_and_partial(void **state)
{
    struct world *world = *state;
    write_to(world, 1, LINE(1, "a") AT(2) " stdou"); /* a power cut */
    write_to(world, 0,
             AT(3) " stdout P be"
                   "\n" AT(3) " stdout F gun\n");
    read_all(world, &(struct logs_query){.tail_lines = -1, .timestamps = true},
             AT(1) " a\n" AT(3) " begun\n");
    write_to(world, 0, "nonsense\n" LINE(4, "c"));
    read_all(world, &(struct logs_query){.tail_lines = -1}, "a\nbegun\nc\n");
}

static void test_logs__follow(void **state)
{
    struct world *world = *state;
    world->room = ROOM;
    start(world, &(struct logs_query){.tail_lines = -1, .follow = true}); /* not there yet */
    run(world);
    write_to(world, 0, LINE(1, "a"));
    run(world);
    assert_string_equal(buf_str(&world->got), "a\n");
    write_to(world, 0, AT(2) " stdout F half");
    run(world);
    assert_string_equal(buf_str(&world->got), "a\n");
    write_to(world, 0, " a line\n");
    run(world);
    assert_string_equal(buf_str(&world->got), "a\nhalf a line\n");
    rotate(world, 3);
    run(world);
    write_to(world, 0, LINE(3, "b"));
    run(world);
    assert_string_equal(buf_str(&world->got), "a\nhalf a line\nb\n");
    assert_int_equal(world->ends, 0);
    logs_finish(world->logs);
    run(world);
    assert_int_equal(world->ends, 1);
}

/* A reader that is slower than the log: what was rotated under it, once or often, and what was
 * written just before, is all there. */
static void test_logs__rotated_while_reading(void **state)
{
    struct world *world = *state;
    write_to(world, 0, LINE(1, "a"));
    world->room = 1;
    start(world, &(struct logs_query){.tail_lines = -1, .follow = true});
    run(world);
    assert_string_equal(buf_str(&world->got), "a");
    write_to(world, 0, LINE(2, "late"));
    rotate(world, 5);
    write_to(world, 0, LINE(3, "b"));
    rotate(world, 5);
    write_to(world, 0, LINE(4, "c"));
    rotate(world, 5);
    write_to(world, 0, LINE(5, "d"));
    world->room = ROOM;
    logs_resume(world->logs);
    run(world);
    assert_string_equal(buf_str(&world->got), "a\nlate\nb\nc\nd\n");
}

/* ... and where it was rotated out of existence, the reader goes on with the oldest there is. */
static void test_logs__rotated_away(void **state)
{
    struct world *world = *state;
    write_to(world, 0, LINE(1, "a"));
    world->room = 1;
    start(world, &(struct logs_query){.tail_lines = -1, .follow = true});
    run(world);
    for (int i = 2; i < 6; i++) {
        autofree char *line = xasprintf("2026-01-02T03:04:0%d.000000000Z stdout F %d\n", i, i);
        rotate(world, 3);
        write_to(world, 0, line);
    }
    world->room = ROOM;
    logs_resume(world->logs);
    run(world);
    assert_string_equal(buf_str(&world->got), "a\n3\n4\n5\n");
}

static void test_logs__slow_reader(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 3000; i++)
        write_to(world, 0, LINE(1, "0123456789"));
    world->room = 0;
    start(world, &(struct logs_query){.tail_lines = -1});
    for (size_t i = 0; i < 3000 * 11 / 1000; i++) {
        run(world);
        assert_int_equal(world->got.len, i * 1000);
        world->room = 1000;
        logs_resume(world->logs);
    }
    assert_int_equal(world->ends, 0);
    world->room = ROOM;
    logs_resume(world->logs);
    run(world);
    assert_int_equal(world->ends, 1);
}

static void test_logs__not_there(void **state)
{
    struct world *world = *state;
    const struct logs_query query = {.tail_lines = -1};
    read_all(world, &query, "");                             /* nothing was written */
    assert_int_equal(symlink("/etc/passwd", world->log), 0); /* never followed */
    read_all(world, &query, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_line__table),
        TEST(test_logs__queries),
        TEST(test_logs__tail_after_rotation),
        TEST(test_logs__torn_and_partial),
        TEST(test_logs__follow),
        TEST(test_logs__rotated_while_reading),
        TEST(test_logs__rotated_away),
        TEST(test_logs__slow_reader),
        TEST(test_logs__not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
