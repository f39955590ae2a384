#include "common/program/passphrase.h"

#include "common/base/str.h"

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LEAST 8
#define WORDS "correct horse"

static int get(const char *file, bool again, const char *want)
{
    struct buf passphrase;
    struct err err = {0};
    buf_init(&passphrase, 0);
    int r = passphrase_get(file, "Passphrase", again, LEAST, &passphrase, &err);
    if (r < 0 && (!*err.msg || passphrase.len))
        return 1;
    if (r == 0 && !str_eq(buf_str(&passphrase), want))
        return 2;
    passphrase_wipe(&passphrase);
    return r;
}

static void test_passphrase__from_a_file(void **state)
{
    (void)state;
    static char longest[PASSPHRASE_MAX + 2];
    memset(longest, 'x', PASSPHRASE_MAX + 1);
    const struct {
        const char *text, *want;
        int code;
    } cases[] = {
        {WORDS "\n", WORDS, 0},
        {WORDS, WORDS, 0},
        {WORDS "\r\nanother line\n", WORDS, 0},
        {" with spaces \n", " with spaces ", 0},
        {"short\n", NULL, -EINVAL},
        {"", NULL, -EINVAL},
        {"\n" WORDS "\n", NULL, -EINVAL},
        {longest, NULL, -EINVAL},
        {longest + 1, longest + 1, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[] = "/tmp/passphrase_test_XXXXXX";
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, cases[i].text, strlen(cases[i].text)),
                         (ssize_t)strlen(cases[i].text));
        close(fd);
        assert_int_equal(get(path, true, cases[i].want), cases[i].code);
        unlink(path);
        assert_int_equal(get(path, true, NULL), -ENOENT);
    }
}

/* Reads what the terminal shows until the text is among it. */
static void await_text(int master, struct buf *shown, const char *text)
{
    size_t from = shown->len;
    while (!strstr(buf_str(shown) + from, text)) {
        struct pollfd fd = {.fd = master, .events = POLLIN};
        char bytes[256];
        assert_int_equal(poll(&fd, 1, 30000), 1);
        ssize_t n = read(master, bytes, sizeof(bytes));
        assert_true(n > 0);
        (void)buf_add(shown, bytes, (size_t)n);
    }
}

static int at_terminal(const char *first, const char *second, struct buf *shown)
{
    int master, status;
    pid_t pid = forkpty(&master, NULL, NULL, NULL);
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(-get(NULL, second != NULL, WORDS));
    await_text(master, shown, "Passphrase: ");
    assert_int_equal(write(master, first, strlen(first)), (ssize_t)strlen(first));
    if (second) {
        await_text(master, shown, "again: ");
        assert_int_equal(write(master, second, strlen(second)), (ssize_t)strlen(second));
    }
    await_text(master, shown, "\n");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(master);
    assert_true(WIFEXITED(status));
    return -WEXITSTATUS(status);
}

/* Asked for without an echo. */
static void test_passphrase__at_a_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        int code;
    } cases[] = {
        {WORDS "\n", NULL, 0},
        {WORDS "\n", WORDS "\n", 0},
        {WORDS "\n", WORDS ".\n", -EINVAL},
        {"short\n", NULL, -EINVAL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cleanup(buf_done) struct buf shown;
        buf_init(&shown, 0);
        assert_int_equal(at_terminal(cases[i].first, cases[i].second, &shown), cases[i].code);
        assert_null(strstr(buf_str(&shown), "horse"));
    }
}

static void test_passphrase__no_terminal(void **state)
{
    (void)state;
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setsid();
        _exit(-get(NULL, false, NULL));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), ENOTTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passphrase__from_a_file),
        cmocka_unit_test(test_passphrase__at_a_terminal),
        cmocka_unit_test(test_passphrase__no_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
