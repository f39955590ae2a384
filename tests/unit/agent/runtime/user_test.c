#include "agent/runtime/user.h"

#include "common/base/cleanup.h"
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

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "broken\n"
                             "app:x:1000:1001:App:/home/app:/bin/sh\n"
                             "short:x:7:8\n"
                             "wrap:x:4294967296:0::/:/bin/sh\n"
                             "word:x:abc:0::/:/bin/sh\n"
                             "relative:x:9:9::home:/bin/sh"; /* no newline at the end */
static const char group[] = "root:x:0:\n"
                            "staff:x:50:other,app\n"
                            "near:x:51:application,ap\n"
                            "wrap:x:4294967295:\n"
                            "audio:x:29:app\n";

static void test_user__resolves(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        uint32_t uid, gid;
        size_t groups;
        const char *home;
    } cases[] = {
        {NULL, 0, 0, 0, "/root"},
        {"", 0, 0, 0, "/root"},
        {"app", 1000, 1001, 2, "/home/app"},
        {"1000", 1000, 1001, 2, "/home/app"},
        {"1000:1000", 1000, 1000, 2, "/home/app"},
        {"app:staff", 1000, 50, 2, "/home/app"},
        {"app:0", 1000, 0, 2, "/home/app"},
        {"app:", 1000, 1001, 2, "/home/app"},
        {":staff", 0, 50, 0, "/root"},
        {"1234", 1234, 0, 0, "/"},
        {"short", 7, 8, 0, "/"},
        {"relative", 9, 9, 0, "/"},
        {"2147483647:2147483647", 2147483647, 2147483647, 0, "/"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct user user;
        struct err err = {0};
        if (user_resolve(cases[i].spec, passwd, group, &user, &err) < 0)
            fail_msg("%s: %s", cases[i].spec, err.msg);
        assert_int_equal(user.uid, cases[i].uid);
        assert_int_equal(user.gid, cases[i].gid);
        assert_int_equal(user.group_count, cases[i].groups);
        assert_string_equal(user.home, cases[i].home);
    }
    struct user user;
    assert_int_equal(user_resolve("app", passwd, group, &user, NULL), 0);
    assert_int_equal(user.groups[0], 50);
    assert_int_equal(user.groups[1], 29);
}

/* CVE-2024-40635: an id that wraps around must not become root. */
static void test_user__refuses(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        int r;
        const char *says;
    } cases[] = {
        {"nobody", -ENOENT, "user nobody is not in the image's /etc/passwd"},
        {"app:nogroup", -ENOENT, "group nogroup is not in the image's /etc/group"},
        {"4294967296", -ERANGE, "beyond 2147483647"},
        {"4294967295", -ERANGE, "beyond"},
        {"2147483648", -ERANGE, "beyond"},
        {"99999999999999999999999999", -ERANGE, "beyond"},
        {"0:4294967296", -ERANGE, "beyond"},
        {"wrap", -ERANGE, "beyond"},
        {"0:wrap", -ERANGE, "beyond"},
        {"word", -EINVAL, "user word"},
        {"-1", -ENOENT, "user -1"},
        {" 0", -ENOENT, "not in the image"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct user user = {.uid = 77};
        struct err err = {0};
        assert_int_equal(user_resolve(cases[i].spec, passwd, group, &user, &err), cases[i].r);
        if (!strstr(err.msg, cases[i].says))
            fail_msg("got: %s, wanted: %s", err.msg, cases[i].says);
        assert_int_equal(user.uid, 77);
    }
}

static void test_user__many_groups(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf text;
    struct user user;
    buf_init(&text, 0);
    for (int i = 0; i < 1000; i++)
        buf_addf(&text, "g%d:x:%d:app\n", i, 5000 + i);
    assert_int_equal(user_resolve("app", passwd, buf_str(&text), &user, NULL), 0);
    assert_int_equal(user.group_count, USER_MAX_GROUPS);
}

static void test_user__reads_files(void **state)
{
    (void)state;
    char dir[] = "/tmp/limpet-user-XXXXXX";
    assert_non_null(mkdtemp(dir));
    autoclose int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cleanup(buf_done) struct buf text;
    struct err err = {0};
    buf_init(&text, USER_FILE_MAX + 8192);
    assert_int_equal(user_read_file(root, "/etc/passwd", &text, &err), 0); /* missing: empty */
    assert_int_equal(mkdirat(root, "etc", 0755), 0);
    assert_int_equal(mknodat(root, "etc/fifo", S_IFIFO | 0600, 0), 0);
    assert_int_equal(user_read_file(root, "/etc/fifo", &text, &err), 0); /* does not block */
    assert_int_equal(text.len, 0);
    assert_int_equal(symlinkat("/etc/real", root, "etc/passwd"), 0); /* absolute: inside the root */
    autoclose int fd = openat(root, "etc/real", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "a:b\n", 4), 4);
    assert_int_equal(user_read_file(root, "/etc/passwd", &text, &err), 0);
    assert_string_equal(buf_str(&text), "a:b\n");
    assert_int_equal(ftruncate(fd, (off_t)USER_FILE_MAX * 4), 0);
    text.len = 0;
    assert_int_equal(user_read_file(root, "/etc/passwd", &text, &err), -EFBIG);
    unlinkat(root, "etc/real", 0);
    unlinkat(root, "etc/passwd", 0);
    unlinkat(root, "etc/fifo", 0);
    unlinkat(root, "etc", AT_REMOVEDIR);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user__resolves),
        cmocka_unit_test(test_user__refuses),
        cmocka_unit_test(test_user__many_groups),
        cmocka_unit_test(test_user__reads_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
