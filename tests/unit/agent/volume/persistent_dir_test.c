#include "agent/volume/persistent_dir.h"

#include "common/base/cleanup.h"
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

static int setup(void **state)
{
    char dir[] = "/tmp/limpet-persistent-XXXXXX";
    assert_non_null(mkdtemp(dir));
    *state = xstrdup(dir);
    return 0;
}

static int teardown(void **state)
{
    autofree char *dir = *state;
    autoclose int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return path_remove_tree(tmp, strrchr(dir, '/') + 1);
}

/* Whether it stands there. */
static bool is_there(const char *dir, const char *path)
{
    autofree char *whole = xasprintf("%s/volumes/%s", dir, path);
    return access(whole, F_OK) == 0;
}

static int make(const char *dir, const char *name)
{
    struct err err = {0};
    autofree char *volumes = xasprintf("%s/volumes", dir);
    autofree char *path = NULL;
    return persistent_dir_make(volumes, name, &path, &err);
}

static int retire(const char *dir, const char *name)
{
    struct err err = {0};
    autofree char *volumes = xasprintf("%s/volumes", dir);
    return persistent_dir_retire(volumes, name, &err);
}

static void test_persistent_dir__goes_whole(void **state)
{
    const char *dir = *state;
    assert_int_equal(retire(dir, "pv"), 0); /* there are none at all */
    assert_int_equal(make(dir, "pv"), 0);
    autofree char *file = xasprintf("%s/volumes/pv/file", dir);
    assert_int_equal(mkdir(file, 0700), 0);
    assert_int_equal(retire(dir, "other"), 0);
    assert_true(is_there(dir, "pv/file"));
    assert_int_equal(retire(dir, "pv"), 0);
    assert_false(is_there(dir, "pv"));
    assert_true(is_there(dir, ".gone/pv/file"));
    assert_int_equal(retire(dir, "pv"), 0);
    assert_true(is_there(dir, ".gone/pv/file"));
}

/* One of the same name that went before is not mixed with it. */
static void test_persistent_dir__waits_for_the_earlier(void **state)
{
    const char *dir = *state;
    assert_int_equal(make(dir, "pv"), 0);
    autofree char *file = xasprintf("%s/volumes/pv/file", dir);
    assert_int_equal(mkdir(file, 0700), 0);
    assert_int_equal(retire(dir, "pv"), 0);
    assert_int_equal(make(dir, "pv"), 0);
    assert_int_equal(retire(dir, "pv"), -EBUSY);
    assert_true(is_there(dir, "pv"));
    assert_false(is_there(dir, "pv/file"));
}

/* A name as long as names get, and what is no name. */
/* Another folder goes the same way, from where it is. */
static void test_persistent_dir__buries(void **state)
{
    struct err err = {0};
    const char *dir = *state;
    autofree char *volumes = xasprintf("%s/volumes", dir);
    autofree char *from = xasprintf("%s/of-a-pod", dir);
    assert_int_equal(persistent_dir_bury(volumes, from, "pod_1", &err), -ENOENT);
    assert_false(is_there(dir, PERSISTENT_DIR_GONE));
    assert_int_equal(mkdir(from, 0755), 0);
    assert_int_equal(persistent_dir_bury(volumes, from, "../pod_1", &err), -EINVAL);
    assert_int_equal(persistent_dir_bury(volumes, from, "pod_1", &err), 0);
    assert_true(is_there(dir, PERSISTENT_DIR_GONE "/pod_1"));
    autofree char *inside = xasprintf("%s/" PERSISTENT_DIR_GONE "/pod_1/file", volumes);
    assert_int_equal(mkdir(inside, 0755), 0);
    assert_int_equal(access(from, F_OK), -1);
    assert_int_equal(mkdir(from, 0755), 0);
    assert_true(persistent_dir_bury(volumes, from, "pod_1", &err) < 0); /* it is still full */
    assert_int_equal(access(from, F_OK), 0);
}

static void test_persistent_dir__names(void **state)
{
    const char *dir = *state;
    static const char *const bad[] = {"", ".", "..", ".gone", ".new", "a/b", "../x", "/etc"};
    char name[254];
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(make(dir, name), 0);
    assert_int_equal(retire(dir, name), 0);
    assert_false(is_there(dir, name));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (make(dir, bad[i]) != -EINVAL || retire(dir, bad[i]) != -EINVAL)
            fail_msg("%s", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_persistent_dir__goes_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_persistent_dir__waits_for_the_earlier, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_persistent_dir__buries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_persistent_dir__names, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
