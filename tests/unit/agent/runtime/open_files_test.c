#include "agent/runtime/open_files.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
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

#define MAY_NOT 3

/* In a process of its own, which has so many: 0 if it has what it is to have then, MAY_NOT if root
 * has no CAP_SYS_RESOURCE here. */
static int limits(rlim_t soft, rlim_t hard, bool root, rlim_t want_soft, rlim_t want_hard)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit files = {soft, hard};
        const struct rlimit more = {soft, hard + 1};
        if (setrlimit(RLIMIT_NOFILE, &files) < 0 || (!root && geteuid() == 0 && setuid(65534) < 0))
            _exit(2);
        if (root && setrlimit(RLIMIT_NOFILE, &more) < 0)
            _exit(MAY_NOT);
        open_files_limit();
        getrlimit(RLIMIT_NOFILE, &files);
        _exit(files.rlim_cur != want_soft || files.rlim_max != want_hard);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_open_files__limit(void **state)
{
    (void)state;
    static const struct {
        rlim_t soft, hard;
        bool root; /* who may have more than he was given */
        rlim_t want_soft, want_hard;
    } cases[] = {
        {1024, 4096, true, OPEN_FILES_SOFT, OPEN_FILES_HARD},
        {1024, 4096, false, 4096, 4096},
        {4096, 4096, false, 4096, 4096},
        {1024, 100000, false, OPEN_FILES_SOFT, 100000},
        {1000000, 1000000, false, OPEN_FILES_SOFT, OPEN_FILES_HARD},
    };
    if (geteuid() != 0)
        skip();
    struct rlimit ours;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &ours), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (cases[i].hard > ours.rlim_max) /* not every root may have more */
            continue;
        int got = limits(cases[i].soft, cases[i].hard, cases[i].root, cases[i].want_soft,
                         cases[i].want_hard);
        if (got != MAY_NOT)
            assert_int_equal(got, 0);
    }
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_open_files__unbound(void **state)
{
    (void)state;
    struct err err = {0};
    char path[] = "/tmp/limpet-open-files-XXXXXX", text[32];
    autofree char *most = xasprintf("%ld\n", LONG_MAX);
    autoclose int fd = mkstemp(path);
    assert_true(fd >= 0);
    put(path, "98765\n");
    assert_int_equal(open_files_unbound(path, &err), 1);
    assert_int_equal(pread(fd, text, sizeof(text), 0), (int)strlen(most));
    assert_memory_equal(text, most, strlen(most));
    assert_int_equal(open_files_unbound(path, &err), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(open_files_unbound(path, &err), -ENOENT);
    assert_non_null(strstr(err.msg, path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_files__limit),
        cmocka_unit_test(test_open_files__unbound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
