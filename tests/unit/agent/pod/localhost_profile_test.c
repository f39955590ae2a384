/* Profiles of seccompProfile Localhost: what they let through is tried on children of this test;
 * what is wrong in one is named. */
#include "agent/pod/localhost_profile.h"

#include "agent/runtime/caps.h"
#include "common/base/buf.h"
#include "common/base/str.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
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

#define DIED 1000 /* and the signal */

/* The errno of a call made under the filter; 0: it passed. 125: the filter did not load. */
static int tried(const void *filter, size_t len, long number, long a, long b)
{
    struct sock_fprog program = {.len = (unsigned short)(len / 8),
                                 .filter = (struct sock_filter *)(uintptr_t)filter};
    pid_t pid = fork();
    if (pid == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
            syscall(SYS_exit_group, 125);
        long r = syscall(number, a, b, 0);
        syscall(SYS_exit_group, r < 0 ? errno : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? DIED + WTERMSIG(status) : WEXITSTATUS(status);
}

static const struct {
    const char *profile;
    long number, a, b;
    int want;
} tries[] = {
    /* a list of what is refused */
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"sync\"], \"action\": "
     "\"SCMP_ACT_ERRNO\"}]}",
     SYS_sync, 0, 0, EPERM},
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"sync\"], \"action\": "
     "\"SCMP_ACT_ERRNO\"}]}",
     SYS_getpid, 0, 0, 0},
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"name\": \"sync\", \"action\": "
     "\"SCMP_ACT_ERRNO\", \"errnoRet\": 38, \"args\": []}]}",
     SYS_sync, 0, 0, ENOSYS},
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"sync\"], \"action\": "
     "\"SCMP_ACT_KILL_PROCESS\"}]}",
     SYS_sync, 0, 0, DIED + SIGSYS},
    /* a list of what is let through */
    {"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 95, \"syscalls\": [{\"names\": "
     "[\"exit_group\", \"of_another_kernel\"], \"action\": \"SCMP_ACT_ALLOW\"}]}",
     SYS_sync, 0, 0, EOPNOTSUPP},
    /* arguments: of different ones all, of the same one any */
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"socket\"], \"action\": "
     "\"SCMP_ACT_ERRNO\", \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}, "
     "{\"index\": 1, \"value\": 15, \"valueTwo\": 2, \"op\": \"SCMP_CMP_MASKED_EQ\"}]}]}",
     SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, EPERM},
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"socket\"], \"action\": "
     "\"SCMP_ACT_ERRNO\", \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}, "
     "{\"index\": 1, \"value\": 15, \"valueTwo\": 2, \"op\": \"SCMP_CMP_MASKED_EQ\"}]}]}",
     SYS_socket, AF_UNIX, SOCK_STREAM, 0},
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"socket\"], \"action\": "
     "\"SCMP_ACT_ERRNO\", \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}, "
     "{\"index\": 0, \"value\": 2, \"op\": \"SCMP_CMP_EQ\"}]}]}",
     SYS_socket, AF_UNIX, SOCK_STREAM, EPERM},
    /* whom a rule is for: the container has CHOWN and no SYS_ADMIN, the kernel is not of 1999 */
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"sync\"], \"action\": "
     "\"SCMP_ACT_ERRNO\", \"comment\": \"c\", \"includes\": {\"caps\": [\"CAP_CHOWN\"], "
     "\"minKernel\": \"2.2\"}, \"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\"], \"arches\": "
     "[\"vax\"]}}]}",
     SYS_sync, 0, 0, EPERM},
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"sync\"], \"action\": "
     "\"SCMP_ACT_ERRNO\", \"includes\": {\"caps\": [\"CAP_CHOWN\", \"CAP_SYS_ADMIN\"]}}]}",
     SYS_sync, 0, 0, 0},
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"sync\"], \"action\": "
     "\"SCMP_ACT_ERRNO\", \"includes\": {\"minKernel\": \"999.0\"}}]}",
     SYS_sync, 0, 0, 0},
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"sync\"], \"action\": "
     "\"SCMP_ACT_ERRNO\", \"excludes\": {\"caps\": [\"CAP_CHOWN\"]}}]}",
     SYS_sync, 0, 0, 0},
    /* architectures, those of other machines too; what the default says anyway */
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_X86_64\", "
     "\"SCMP_ARCH_AARCH64\", \"SCMP_ARCH_S390X\"], \"archMap\": [{\"architecture\": "
     "\"SCMP_ARCH_X86_64\", \"subArchitectures\": [\"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\"]}], "
     "\"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"], \"syscalls\": [{\"names\": [\"sync\"], "
     "\"action\": \"SCMP_ACT_ALLOW\"}, {\"names\": [\"getpid\"], \"action\": "
     "\"SCMP_ACT_ERRNO\"}]}",
     SYS_getpid, 0, 0, EPERM},
};

static void test_localhost_profile__filters(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        void *filter;
        size_t len;
        struct err err = {0};
        if (localhost_profile_compile(tries[i].profile, strlen(tries[i].profile), caps_default(),
                                      &filter, &len, &err) < 0)
            fail_msg("%s: %s", tries[i].profile, err.msg);
        assert_true(len > 0 && len % 8 == 0);
        int got = tried(filter, len, tries[i].number, tries[i].a, tries[i].b);
        if (got != tries[i].want)
            fail_msg("%s: got %d, wanted %d", tries[i].profile, got, tries[i].want);
        free(filter);
    }
}

#define ONE_RULE(rule) "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [" rule "]}"

static void test_localhost_profile__refused(void **state)
{
    (void)state;
    static const struct {
        const char *profile, *message;
    } cases[] = {
        {"[]", "is not a map"},
        {"{}", "defaultAction is missing"},
        {"{\"defaultAction\": \"ALLOW\"}", "defaultAction \"ALLOW\" is not known"},
        {"{\"defaultAction\": \"SCMP_ACT_NOTIFY\"}",
         "defaultAction \"SCMP_ACT_NOTIFY\" is not known"},
        {"{\"defaultAction\": 1}", "\"defaultAction\" is not a string"},
        {"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 4096}",
         "defaultErrnoRet is beyond 4095"},
        {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"sycalls\": []}", "\"sycalls\" is not known"},
        {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"X\"]}", "flags[0] is not known"},
        {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"X86\"]}",
         "architecture \"X86\" is not known"},
        {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [3]}",
         "architectures[0] is not a string"},
        {ONE_RULE("{\"names\": [\"sync\"]}"), "syscalls[0]: action is missing"},
        {ONE_RULE("{\"names\": [\"sync\"], \"action\": \"SCMP_ACT_MAYBE\"}"),
         "syscalls[0]: action \"SCMP_ACT_MAYBE\" is not known"},
        {ONE_RULE("{\"action\": \"SCMP_ACT_ERRNO\"}"),
         "syscalls[0]: either names or name is wanted"},
        {ONE_RULE("{\"names\": [1], \"action\": \"SCMP_ACT_ERRNO\"}"),
         "syscalls[0]: names[0] is not a string"},
        {ONE_RULE("{\"names\": [\"sync\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": -1}"),
         "syscalls[0]: errnoRet is beyond 4095"},
        {ONE_RULE("{\"names\": [\"sync\"], \"action\": \"SCMP_ACT_ERRNO\", \"args\": [{\"index\": "
                  "6, \"op\": \"SCMP_CMP_EQ\"}]}"),
         "syscalls[0]: args[0]: index or value is beyond its range"},
        {ONE_RULE("{\"names\": [\"sync\"], \"action\": \"SCMP_ACT_ERRNO\", \"args\": [{\"index\": "
                  "0, \"op\": \"SCMP_CMP_IS\"}]}"),
         "syscalls[0]: args[0]: op \"SCMP_CMP_IS\" is not known"},
        {ONE_RULE("{\"names\": [\"sync\"], \"action\": \"SCMP_ACT_ERRNO\", \"includes\": "
                  "{\"caps\": [\"CAP_NOPE\"]}}"),
         "syscalls[0]: includes: capability \"CAP_NOPE\" is not known"},
        {ONE_RULE("{\"names\": [\"sync\"], \"action\": \"SCMP_ACT_ERRNO\", \"excludes\": "
                  "{\"minKernel\": \"new\"}}"),
         "syscalls[0]: excludes: minKernel \"new\" is not a version"},
        {ONE_RULE("7"), "syscalls[0]: is not a map"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        void *filter = NULL;
        size_t len = 0;
        struct err err = {0};
        if (localhost_profile_compile(cases[i].profile, strlen(cases[i].profile), caps_default(),
                                      &filter, &len, &err) != -EINVAL)
            fail_msg("taken: %s", cases[i].profile);
        assert_string_equal(err.msg, cases[i].message);
        assert_null(filter);
    }
}

/* Nothing in a file makes the agent work for long. */
static void test_localhost_profile__bounds(void **state)
{
    (void)state;
    static const struct {
        const char *head, *item, *last, *tail;
        size_t count;
        int rc;
    } cases[] = {
        {"", "[", "[", "", 100000, -E2BIG},
        {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"action\": \"SCMP_ACT_ERRNO\", "
         "\"names\": [",
         "\"nothing\", ", "\"nothing\"", "]}]}", 8192, -E2BIG},
        {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [",
         "{\"name\": \"dup\", \"action\": \"SCMP_ACT_ERRNO\", \"args\": [{\"index\": 0, \"value\": "
         "1, \"op\": \"SCMP_CMP_EQ\"}]}, ",
         "{\"name\": \"dup\", \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": "
         "1, \"op\": \"SCMP_CMP_EQ\"}]}",
         "]}", 300, -E2BIG},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf text;
        buf_init(&text, 0);
        (void)buf_addstr(&text, cases[i].head);
        for (size_t n = 0; n < cases[i].count; n++)
            (void)buf_addstr(&text, cases[i].item);
        (void)buf_addf(&text, "%s%s", cases[i].last, cases[i].tail);
        void *filter = NULL;
        size_t len;
        struct err err = {0};
        int rc = localhost_profile_compile(buf_str(&text), text.len, 0, &filter, &len, &err);
        if (rc != cases[i].rc)
            fail_msg("case %zu: %d %s", i, rc, err.msg);
        assert_null(filter);
    }
}

/* The most conditions on one call that are taken: no worse than linear, and within the kernel's
 * instructions or refused. */
static void test_localhost_profile__many_conditions(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    (void)buf_addstr(&text, "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [");
    for (int i = 0; i < LOCALHOST_PROFILE_COMPARISONS; i++)
        (void)buf_addf(&text,
                       "%s{\"name\": \"dup\", \"action\": \"SCMP_ACT_ERRNO\", \"args\": "
                       "[{\"index\": 0, \"value\": %d, \"op\": \"SCMP_CMP_EQ\"}]}",
                       i ? "," : "", i + 1000);
    (void)buf_addstr(&text, "]}");
    void *filter = NULL;
    size_t len = 0;
    struct err err = {0};
    assert_int_equal(localhost_profile_compile(buf_str(&text), text.len, 0, &filter, &len, &err),
                     0);
    assert_int_equal(tried(filter, len, SYS_dup, 1100, 0), EPERM);
    assert_int_equal(tried(filter, len, SYS_dup, 900, 0), EBADF);
    free(filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_localhost_profile__filters),
        cmocka_unit_test(test_localhost_profile__refused),
        cmocka_unit_test(test_localhost_profile__bounds),
        cmocka_unit_test(test_localhost_profile__many_conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
