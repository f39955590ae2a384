/* What holds on any kernel; that a program is confined is for one that has AppArmor. */
#include "agent/runtime/apparmor.h"

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

static void test_apparmor__no_such_profile(void **state)
{
    (void)state;
    struct err err = {0};
    assert_true(apparmor_on_exec("/proc", "limpet-test-that-nobody-has-loaded", &err) < 0);
    assert_non_null(strstr(
        err.msg, "cannot enforce AppArmor profile \"limpet-test-that-nobody-has-loaded\": "));
}

/* A folder in the place of /proc takes what is written, and confines nothing. */
static void test_apparmor__a_proc_that_is_none(void **state)
{
    (void)state;
    char dir[] = "/tmp/limpet-apparmor-XXXXXX";
    assert_non_null(mkdtemp(dir));
    static const char *const parts[] = {"thread-self", "thread-self/attr"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        autofree char *path = xasprintf("%s/%s", dir, parts[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    autofree char *file = xasprintf("%s/thread-self/attr/exec", dir);
    autoclose int fd = open(file, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    struct err err = {0};
    int r = apparmor_on_exec(dir, "some", &err);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    unlink(file);
    for (size_t i = ARRAY_LEN(parts); i-- > 0;) {
        autofree char *path = xasprintf("%s/%s", dir, parts[i]);
        rmdir(path);
    }
    rmdir(dir);
    assert_int_equal(r, -EPERM);
    assert_int_equal(st.st_size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apparmor__no_such_profile),
        cmocka_unit_test(test_apparmor__a_proc_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
