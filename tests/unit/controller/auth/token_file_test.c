#include "controller/auth/token_file.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/loop/loop.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int64_t now_ns = 1000 * NS_PER_S;

static int64_t test_now(const struct clock *clock)
{
    (void)clock;
    return now_ns;
}

static const struct clock test_clock = {test_now, test_now};

struct fixture {
    struct loop *loop;
    char path[64];
};

static void turn(struct fixture *f)
{
    now_ns += 2 * NS_PER_S;
    (void)loop_step(f->loop, 0);
}

static void put(struct fixture *f, const char *text, mode_t mode)
{
    autofree char *next = xasprintf("%s.new", f->path);
    autoclose int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(rename(next, f->path), 0);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    snprintf(f->path, sizeof(f->path), "/tmp/limpet-token-file-%d.csv", (int)getpid());
    assert_int_equal(loop_new(&test_clock, &f->loop, &err), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void test_token_file__is_read_again(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct token_file *file = NULL;
    struct who *who = NULL;
    put(f, "t1,jane,1\n", 0600);
    assert_int_equal(token_file_new(f->loop, f->path, &file, &err), 0);
    assert_int_equal(token_file_check(file, "t1", &who), 1);
    assert_string_equal(who->user.name, "jane");
    who_free(who);
    assert_int_equal(token_file_check(file, "t2", &who), 0);
    put(f, "t2,joe,2\n", 0600);
    turn(f);
    assert_int_equal(token_file_check(file, "t2", &who), 1);
    who_free(who);
    assert_int_equal(token_file_check(file, "t1", &who), 0);
    /* What is wrong, open to others or gone leaves what was there before. */
    put(f, "t3\n", 0600);
    turn(f);
    assert_int_equal(token_file_check(file, "t3", &who), 0);
    put(f, "t3,eve,3\n", 0640);
    turn(f);
    assert_int_equal(token_file_check(file, "t3", &who), 0);
    unlink(f->path);
    turn(f);
    assert_int_equal(token_file_check(file, "t2", &who), 1);
    who_free(who);
    token_file_free(file);
}

static void test_token_file__at_the_start(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct token_file *file = NULL;
    assert_true(token_file_new(f->loop, f->path, &file, &err) < 0);
    assert_non_null(strstr(err.msg, f->path));
    put(f, "t1,jane,1\n", 0604);
    assert_true(token_file_new(f->loop, f->path, &file, &err) < 0);
    assert_non_null(strstr(err.msg, "chmod 600"));
    put(f, "t1,jane,1\nx\n", 0600);
    assert_true(token_file_new(f->loop, f->path, &file, &err) < 0);
    assert_non_null(strstr(err.msg, ".csv:2: "));
    assert_true(token_file_new(f->loop, "/tmp", &file, &err) < 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_token_file__is_read_again),
        TEST(test_token_file__at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
