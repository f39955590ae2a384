/* What holds on any kernel; that a program is confined is for one that has such a module. */
#include "agent/runtime/apparmor.h"
#include "agent/runtime/selinux.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

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

static const struct {
    int (*on_exec)(const char *proc, const char *text, struct err *err);
    const char *text, *why;
} modules[] = {
    {apparmor_on_exec, "limpet-test-that-nobody-has-loaded",
     "cannot enforce AppArmor profile \"limpet-test-that-nobody-has-loaded\": "},
    {selinux_on_exec, "nobody:has:this", "cannot set SELinux label \"nobody:has:this\": "},
};

static void test_exec_attr__what_nobody_knows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(modules); i++) {
        struct err err = {0};
        assert_true(modules[i].on_exec("/proc", modules[i].text, &err) < 0);
        assert_non_null(strstr(err.msg, modules[i].why));
    }
}

/* A folder in the place of /proc takes what is written, and confines nothing. */
static void test_exec_attr__a_proc_that_is_none(void **state)
{
    (void)state;
    char dir[] = "/tmp/limpet-exec-attr-XXXXXX";
    assert_non_null(mkdtemp(dir));
    static const char *const parts[] = {"thread-self", "thread-self/attr"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        autofree char *path = xasprintf("%s/%s", dir, parts[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    autofree char *file = xasprintf("%s/thread-self/attr/exec", dir);
    autoclose int fd = open(file, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    int results[ARRAY_LEN(modules)];
    struct stat st;
    for (size_t i = 0; i < ARRAY_LEN(modules); i++) {
        struct err err = {0};
        results[i] = modules[i].on_exec(dir, modules[i].text, &err);
    }
    assert_int_equal(fstat(fd, &st), 0);
    unlink(file);
    for (size_t i = ARRAY_LEN(parts); i-- > 0;) {
        autofree char *path = xasprintf("%s/%s", dir, parts[i]);
        rmdir(path);
    }
    rmdir(dir);
    for (size_t i = 0; i < ARRAY_LEN(modules); i++)
        assert_int_equal(results[i], -EPERM);
    assert_int_equal(st.st_size, 0);
}

static void test_exec_attr__mount_data(void **state)
{
    (void)state;
    static const struct {
        const char *data, *label, *expected;
    } cases[] = {
        {"size=1m", "u:r:t:s0:c1,c2", "size=1m,context=\"u:r:t:s0:c1,c2\""},
        {NULL, "u:r:t", "context=\"u:r:t\""},
        {"", "u:r:t", "context=\"u:r:t\""},
        {"size=1m", NULL, "size=1m"},
        {NULL, NULL, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *data = selinux_mount_data(cases[i].data, cases[i].label);
        assert_string_equal(data, cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exec_attr__what_nobody_knows),
        cmocka_unit_test(test_exec_attr__a_proc_that_is_none),
        cmocka_unit_test(test_exec_attr__mount_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
