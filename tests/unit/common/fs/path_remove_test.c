#include "common/fs/path.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static char top[] = "/tmp/limpet-unit-remove-XXXXXX";

static int open_top(void **state)
{
    (void)state;
    strcpy(top + sizeof(top) - 7, "XXXXXX");
    assert_non_null(mkdtemp(top));
    assert_int_equal(chdir(top), 0);
    assert_int_equal(mkdir("tree", 0755), 0);
    assert_int_equal(mkdir("kept", 0755), 0);
    close(open("kept/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    return 0;
}

static int close_top(void **state)
{
    (void)state;
    assert_int_equal(chdir("/tmp"), 0);
    return path_remove_tree(AT_FDCWD, top + strlen("/tmp/"));
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void test_path_remove__trees_and_files(void **state)
{
    (void)state;
    assert_int_equal(mkdir("tree/a", 0755), 0);
    assert_int_equal(mkdir("tree/a/b", 0), 0);
    for (int i = 0; i < 300; i++) {
        char path[64];
        snprintf(path, sizeof(path), "tree/a/%d", i);
        assert_int_equal(i % 2 ? mkdir(path, 0755) : mkfifo(path, 0600), 0);
    }
    assert_int_equal(path_remove_tree(AT_FDCWD, "tree"), 0);
    assert_false(exists("tree"));
    assert_int_equal(path_remove_tree(AT_FDCWD, "tree"), 0); /* missing is success */
    autoclose int kept = open("kept", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(path_remove_tree(kept, "file"), 0);
    assert_false(exists("kept/file"));
    static const char *const bad[] = {"", ".", "..", "kept/file", "/", "a/"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(path_remove_tree(AT_FDCWD, bad[i]), -EINVAL);
}

static void test_path_remove__links_are_not_followed(void **state)
{
    (void)state;
    assert_int_equal(symlink("../kept", "tree/rel"), 0);
    assert_int_equal(symlink(top, "tree/abs"), 0);
    assert_int_equal(symlink("kept", "link"), 0);
    assert_int_equal(path_remove_tree(AT_FDCWD, "link"), 0);
    assert_int_equal(path_remove_tree(AT_FDCWD, "tree"), 0);
    assert_false(exists("tree") || exists("link"));
    assert_true(exists("kept/file"));
}

/* Two chains of directories, far deeper than descriptors, paths or a stack allow. */
static void test_path_remove__any_depth(void **state)
{
    (void)state;
    for (int chain = 0; chain < 2; chain++) {
        int fd = open("tree", O_PATH | O_DIRECTORY | O_CLOEXEC);
        for (int depth = 0; depth < 3000; depth++) {
            const char *name = chain && depth == 0 ? "second" : ".limpet-hoist-0";
            assert_int_equal(mkdirat(fd, name, 0755), 0);
            if (depth % 100 == 0)
                close(openat(fd, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
            int below = openat(fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
            assert_true(below >= 0);
            close(fd);
            fd = below;
        }
        close(fd);
    }
    assert_int_equal(path_remove_tree(AT_FDCWD, "tree"), 0);
    assert_false(exists("tree"));
}

/* 77: not allowed here. */
static int in_own_mounts(void (*fn)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
            _exit(77);
        fn();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            _exit(__LINE__ % 70 + 1);                                                              \
    } while (0)

static void remove_over_mounts(void)
{
    /* A bind mount of the same file system: its device number gives nothing away. */
    CHECK(mkdir("tree/a", 0755) == 0 && mkdir("tree/a/mnt", 0755) == 0);
    if (mount("kept", "tree/a/mnt", NULL, MS_BIND, NULL) < 0)
        _exit(77);
    int r = path_remove_tree(AT_FDCWD, "tree");
    CHECK(r == -EXDEV || r == -EBUSY);
    CHECK(exists("kept/file"));
    CHECK(umount("tree/a/mnt") == 0);
    CHECK(mount("limpet-test", "tree/a/mnt", "tmpfs", 0, NULL) == 0);
    CHECK(mkdir("tree/a/mnt/inside", 0755) == 0);
    r = path_remove_tree(AT_FDCWD, "tree");
    CHECK(r == -EXDEV || r == -EBUSY);
    CHECK(exists("tree/a/mnt/inside"));
    CHECK(umount("tree/a/mnt") == 0);
    CHECK(path_remove_tree(AT_FDCWD, "tree") == 0);
}

static void test_path_remove__stops_at_mounts(void **state)
{
    (void)state;
    int r = in_own_mounts(remove_over_mounts);
    if (r == 77)
        skip();
    assert_int_equal(r, 0);
    assert_false(exists("tree"));
}

#define TOP(test) cmocka_unit_test_setup_teardown(test, open_top, close_top)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TOP(test_path_remove__trees_and_files),
        TOP(test_path_remove__links_are_not_followed),
        TOP(test_path_remove__any_depth),
        TOP(test_path_remove__stops_at_mounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
