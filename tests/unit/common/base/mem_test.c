#include "common/base/mem.h"

#include "common/base/cleanup.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_mem__nothing_is_something(void **state)
{
    (void)state;
    void *ptrs[] = {xmalloc(0), xcalloc(0, 4), xmemdup(NULL, 0), xrealloc(NULL, 0)};
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(ptrs[i]);
        free(ptrs[i]);
    }
}

static void test_mem__copies(void **state)
{
    (void)state;
    autofree char *a = xstrdup("limpet");
    autofree char *b = xstrndup("limpet", 3);
    autofree char *c = xstrndup("limpet", 99);
    autofree char *d = xasprintf("%s-%d", a, 7);
    autofree char *e = xmemdup("a\0b", 3);
    assert_string_equal(a, "limpet");
    assert_string_equal(b, "lim");
    assert_string_equal(c, "limpet");
    assert_string_equal(d, "limpet-7");
    assert_memory_equal(e, "a\0b", 3);
}

static void overflow(void)
{
    volatile size_t count = SIZE_MAX / 4 + 2;
    free(xreallocarray(NULL, count, 8));
}

static void test_mem__overflow_aborts(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        overflow();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void test_mem__steal_leaves_nothing(void **state)
{
    (void)state;
    char *kept;
    {
        autofree char *p = xstrdup("kept");
        kept = steal(p);
        assert_null(p);
    }
    assert_string_equal(kept, "kept");
    free(kept);
    int fd = 7;
    assert_int_equal(steal_fd(&fd), 7);
    assert_int_equal(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mem__nothing_is_something),
        cmocka_unit_test(test_mem__copies),
        cmocka_unit_test(test_mem__overflow_aborts),
        cmocka_unit_test(test_mem__steal_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
