/* The filter, tried on children of this test: what passes, what fails and how. */
#include "agent/runtime/seccomp.h"

#include "agent/runtime/caps.h"
#include "common/base/str.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* The errno of a call made under the filter; 0: it passed. 125: the filter did not load. */
static int tried(const void *filter, size_t len, long number, long a, long b, long c)
{
    struct sock_fprog program = {.len = (unsigned short)(len / 8),
                                 .filter = (struct sock_filter *)(uintptr_t)filter};
    pid_t pid = fork();
    if (pid == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
            syscall(SYS_exit_group, 125);
        long r = syscall(number, a, b, c);
        syscall(SYS_exit_group, r < 0 ? errno : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_seccomp__default(void **state)
{
    (void)state;
    void *filter;
    size_t len;
    struct err err = {0};
    assert_int_equal(seccomp_default(&filter, &len, &err), 0);
    assert_int_equal(len % 8, 0);
    static const struct {
        long number, a, b, c;
        int want;
    } cases[] = {
        {SYS_getpid, 0, 0, 0, 0},
        {SYS_close, -1, 0, 0, EBADF},  /* passed, and failed by itself */
        {SYS_chroot, 0, 0, 0, EFAULT}, /* of a default capability */
        {SYS_mount, 0, 0, 0, EPERM},
        {SYS_unshare, CLONE_NEWUSER, 0, 0, EPERM},
        {SYS_setns, -1, 0, 0, EPERM},
        {SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, EPERM},
        {SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, EPERM},
        {SYS_keyctl, 0, 0, 0, EPERM},
        {SYS_bpf, 0, 0, 0, EPERM},
        {SYS_perf_event_open, 0, 0, 0, EPERM},
        {SYS_kexec_load, 0, 0, 0, EPERM},
        {SYS_init_module, 0, 0, 0, EPERM},
        {SYS_reboot, 0, 0, 0, EPERM},
        {SYS_userfaultfd, 0, 0, 0, EPERM},
        {SYS_open_by_handle_at, -1, 0, 0, EPERM},
        {SYS_settimeofday, 0, 0, 0, EPERM},
        {SYS_personality, 0xffffffff, 0, 0, 0},
        {SYS_personality, 0x0040000, 0, 0, EPERM}, /* ADDR_NO_RANDOMIZE */
        {SYS_socket, AF_VSOCK, SOCK_STREAM, 0, EPERM},
        {SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0},
        {435 /* clone3 */, 0, 0, 0, ENOSYS}, /* C libraries fall back to clone */
        {425 /* io_uring_setup */, 0, 0, 0, EPERM},
        {100000, 0, 0, 0, EPERM},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int got = tried(filter, len, cases[i].number, cases[i].a, cases[i].b, cases[i].c);
        if (got != cases[i].want)
            fail_msg("system call %ld: got %d, wanted %d", cases[i].number, got, cases[i].want);
    }
    free(filter);
}

static void test_seccomp__capabilities_open_calls(void **state)
{
    (void)state;
    void *filter;
    size_t len;
    uint64_t admin;
    struct err err = {0};
    assert_int_equal(caps_parse("SYS_ADMIN", &admin), 0);
    assert_int_equal(seccomp_profile(caps_default() | admin, &filter, &len, &err), 0);
    assert_int_equal(tried(filter, len, SYS_mount, 0, 0, 0), EFAULT);
    assert_int_equal(tried(filter, len, SYS_setns, -1, 0, 0), EBADF);
    assert_int_equal(tried(filter, len, SYS_kexec_load, 0, 0, 0), EPERM);
    free(filter);
    assert_int_equal(seccomp_profile(0, &filter, &len, &err), 0);
    assert_int_equal(tried(filter, len, SYS_chroot, 0, 0, 0), EPERM);
    free(filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seccomp__default),
        cmocka_unit_test(test_seccomp__capabilities_open_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
