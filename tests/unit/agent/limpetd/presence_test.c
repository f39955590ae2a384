#include "agent/limpetd/presence.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static int setup(void **state)
{
    char *dir = xstrdup("/tmp/limpet-presence-XXXXXX");
    *state = mkdtemp(dir);
    return *state == NULL;
}

static int teardown(void **state)
{
    autofree char *dir = *state;
    autofree char *path = xasprintf("%s/limpetd.lock", dir);
    (void)unlink(path);
    return rmdir(dir);
}

static void test_presence__taken_and_free(void **state)
{
    const char *dir = *state;
    struct err err = {0};
    assert_false(presence_is_taken(dir)); /* never run */
    int fd = presence_take(dir, &err);
    assert_true(fd >= 0);
    assert_true(presence_is_taken(dir));
    assert_int_equal(presence_take(dir, &err), -EBUSY);
    assert_true(presence_is_taken(dir)); /* looking and trying change nothing */
    close(fd);
    assert_false(presence_is_taken(dir)); /* it has ended */
    fd = presence_take(dir, &err);
    assert_true(fd >= 0);
    close(fd);
}

/* An agent that starts while somebody looks does not take that for another agent. */
static void test_presence__looked_at_while_it_starts(void **state)
{
    const char *dir = *state;
    struct err err = {0};
    autofree char *path = xasprintf("%s/limpetd.lock", dir);
    int told[2];
    char byte;
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        bool held = fd >= 0 && flock(fd, LOCK_SH) == 0 && write(told[1], "!", 1) == 1;
        usleep(20000);
        _exit(!held);
    }
    assert_int_equal(read(told[0], &byte, 1), 1);
    int fd = presence_take(dir, &err);
    assert_true(fd >= 0);
    close(fd);
    close(told[0]);
    close(told[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_presence__##name, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(taken_and_free), TEST(looked_at_while_it_starts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
