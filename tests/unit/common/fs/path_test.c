#include "common/fs/path.h"

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

typedef int open_fn(int root_fd, const char *path, int flags, mode_t mode);

/* The kernel's resolution and our walk are held to the same cases. */
static open_fn *const ways[] = {path_open_in, path_walk_in};

static char top[] = "/tmp/limpet-unit-path-XXXXXX";
static int root_fd;

static void plant(const char *path, const char *text)
{
    autoclose int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* top/outside/secret lies outside; everything in top/root is the image's. */
static int open_tree(void **state)
{
    (void)state;
    strcpy(top + sizeof(top) - 7, "XXXXXX");
    assert_non_null(mkdtemp(top));
    assert_int_equal(chdir(top), 0);
    static const char *const dirs[] = {"outside", "root", "root/etc", "root/a", "root/a/b"};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        assert_int_equal(mkdir(dirs[i], 0755), 0);
    plant("outside/secret", "SECRET");
    plant("root/etc/passwd", "inside");
    plant("root/a/b/file", "deep");
    char absolute[128];
    snprintf(absolute, sizeof(absolute), "%s/outside/secret", top);
    const char *const links[][2] = {
        {absolute, "root/abs-out"},
        {"../../../../../../../../etc/passwd", "root/a/b/up"},
        {"../outside/secret", "root/rel-out"},
        {"/etc/passwd", "root/abs-in"},
        {"etc", "root/dir"},
        {"/", "root/slash"},
        {"dir/passwd", "root/chain"},
        {"loop2", "root/loop1"},
        {"loop1", "root/loop2"},
        {"/a/b/../../a/./b", "root/winding"},
        {"new-target", "root/dangling"},
        {"../outside", "root/out-dir"},
        {"/proc/self/root", "root/magic"},
    };
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        assert_int_equal(symlink(links[i][0], links[i][1]), 0);
    root_fd = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(root_fd >= 0);
    return 0;
}

static int close_tree(void **state)
{
    (void)state;
    close(root_fd);
    assert_int_equal(chdir("/tmp"), 0);
    return path_remove_tree(AT_FDCWD, top + strlen("/tmp/"));
}

static void test_path__resolves_inside(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int r;
        const char *content;
    } cases[] = {
        {"etc/passwd", 0, "inside"},
        {"/etc/passwd", 0, "inside"},
        {"//etc/.//passwd", 0, "inside"},
        {"../../../etc/passwd", 0, "inside"},
        {"a/b/../../etc/passwd", 0, "inside"},
        {"a/../../../etc/passwd", 0, "inside"},
        {"abs-in", 0, "inside"},
        {"a/b/up", 0, "inside"},
        {"chain", 0, "inside"},
        {"dir/passwd", 0, "inside"},
        {"slash/slash/dir/passwd", 0, "inside"},
        {"winding/file", 0, "deep"},
        {"dir/../a/b/file", 0, "deep"},
        {"slash/../a/b/file", 0, "deep"},
        {"abs-out", -ENOENT, NULL},
        {"rel-out", -ENOENT, NULL},
        {"out-dir/secret", -ENOENT, NULL},
        {"../outside/secret", -ENOENT, NULL},
        {"magic/etc/passwd", -ENOENT, NULL},
        {"dangling", -ENOENT, NULL},
        {"loop1", -ELOOP, NULL},
        {"loop1/x", -ELOOP, NULL},
        {"none", -ENOENT, NULL},
        {"none/../etc/passwd", -ENOENT, NULL},
        {"", -ENOENT, NULL},
        {"etc/passwd/", -ENOTDIR, NULL},
        {"etc/passwd/.", -ENOTDIR, NULL},
        {"etc/passwd/..", -ENOTDIR, NULL},
        {"abs-in/", -ENOTDIR, NULL},
    };
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            autoclose int fd = ways[w](root_fd, cases[i].path, O_RDONLY, 0);
            if (cases[i].r != (fd < 0 ? fd : 0))
                print_error("way %zu: %s\n", w, cases[i].path);
            assert_int_equal(fd < 0 ? fd : 0, cases[i].r);
            if (fd < 0)
                continue;
            char text[16] = "";
            assert_true(read(fd, text, sizeof(text) - 1) > 0);
            assert_string_equal(text, cases[i].content);
            assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        }
    }
}

static bool same(int fd, const char *path)
{
    struct stat a, b;
    assert_int_equal(fstat(fd, &a), 0);
    assert_int_equal(stat(path, &b), 0);
    return a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static void test_path__the_root_is_its_own_parent(void **state)
{
    (void)state;
    static const char *const roots[] = {"/", ".", "..", "../..", "slash", "a/..", "/a/b/../../.."};
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
            autoclose int fd = ways[w](root_fd, roots[i], O_PATH | O_DIRECTORY, 0);
            assert_true(fd >= 0);
            assert_true(same(fd, "root"));
        }
    }
}

static void test_path__last_component(void **state)
{
    (void)state;
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        struct stat st;
        autoclose int link = ways[w](root_fd, "abs-out", O_PATH | O_NOFOLLOW, 0);
        assert_true(link >= 0 && fstat(link, &st) == 0 && S_ISLNK(st.st_mode));
        assert_int_equal(ways[w](root_fd, "abs-in", O_RDONLY | O_NOFOLLOW, 0), -ELOOP);
        assert_int_equal(ways[w](root_fd, "etc/passwd", O_RDONLY | O_DIRECTORY, 0), -ENOTDIR);
        assert_int_equal(ways[w](root_fd, "abs-in", O_WRONLY | O_CREAT | O_EXCL, 0600), -EEXIST);
        assert_int_equal(ways[w](root_fd, "a", O_WRONLY, 0), -EISDIR);
        assert_int_equal(ways[w](root_fd, "a/new/", O_WRONLY | O_CREAT, 0600), -EISDIR);
        autoclose int dir = ways[w](root_fd, "dir/", O_PATH | O_NOFOLLOW, 0);
        assert_true(dir >= 0 && same(dir, "root/etc"));
    }
}

static void test_path__creates_inside(void **state)
{
    (void)state;
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        autoclose int fd = ways[w](root_fd, "/a/../a/new", O_WRONLY | O_CREAT | O_EXCL, 0600);
        assert_true(fd >= 0 && same(fd, "root/a/new"));
        assert_int_equal(unlink("root/a/new"), 0);
        /* through a dangling link, to where it points inside */
        autoclose int through = ways[w](root_fd, "dangling", O_WRONLY | O_CREAT, 0600);
        assert_true(through >= 0 && same(through, "root/new-target"));
        assert_int_equal(unlink("root/new-target"), 0);
        assert_int_equal(ways[w](root_fd, "out-dir/evil", O_WRONLY | O_CREAT, 0600), -ENOENT);
        assert_int_equal(access("outside/evil", F_OK), -1);
        autoclose int nameless = ways[w](root_fd, "a", O_TMPFILE | O_RDWR, 0600);
        assert_true(nameless >= 0 || nameless == -EOPNOTSUPP || nameless == -EISDIR);
    }
}

static void test_path__limits(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        assert_int_equal(ways[w](root_fd, text, O_RDONLY, 0), -ENAMETOOLONG);
        assert_int_equal(ways[w](root_fd, text + sizeof(text) - 300, O_RDONLY, 0), -ENAMETOOLONG);
    }
    /* 40 links are followed, 41 are not. */
    for (int i = 0; i <= 40; i++) {
        char from[32], to[32];
        snprintf(from, sizeof(from), "root/l%d", i);
        snprintf(to, sizeof(to), i ? "l%d" : "etc/passwd", i - 1);
        assert_int_equal(symlink(to, from), 0);
    }
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        autoclose int fd = ways[w](root_fd, "l39", O_RDONLY, 0);
        assert_true(fd >= 0);
        assert_int_equal(ways[w](root_fd, "l40", O_RDONLY, 0), -ELOOP);
    }
}

static void test_path__mkdirs(void **state)
{
    (void)state;
    mode_t before = umask(077);
    static const char *const cases[][2] = {
        {"x/y/z", "root/x/y/z"},
        {"/x/y/z/", "root/x/y/z"},
        {"dir/below", "root/etc/below"},
        {"slash/../../top", "root/top"},
        {"dangling/deep", "root/new-target/deep"}, /* what it points to is made */
        {"out-dir/sub", "root/outside/sub"},       /* as if the root were / */
        {"/", "root"},
        {"a/b/../c", "root/a/c"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autoclose int fd = path_mkdirs_in(root_fd, cases[i][0], 0750);
        if (fd < 0)
            print_error("%s\n", cases[i][0]);
        assert_true(fd >= 0 && same(fd, cases[i][1]));
    }
    struct stat st;
    assert_int_equal(stat("root/x/y", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    assert_int_equal(stat("root/a/b", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755); /* it was there */
    assert_int_equal(access("outside/sub", F_OK), -1);
    assert_int_equal(path_mkdirs_in(root_fd, "etc/passwd/x", 0755), -ENOTDIR);
    assert_int_equal(path_mkdirs_in(root_fd, "etc/passwd", 0755), -ENOTDIR);
    assert_int_equal(path_mkdirs_in(root_fd, "loop1/x", 0755), -ELOOP);
    assert_int_equal(path_mkdirs_in(root_fd, "", 0755), -ENOENT);
    umask(before);
}

static void test_path__mkfile(void **state)
{
    (void)state;
    char absolute[128], made[160];
    snprintf(absolute, sizeof(absolute), "%s/outside/hosts", top);
    snprintf(made, sizeof(made), "root%s", absolute);
    assert_int_equal(symlink("../../run/resolve/stub", "root/etc/resolv.conf"), 0);
    assert_int_equal(symlink(absolute, "root/etc/hosts"), 0);
    assert_int_equal(symlink("resolv.conf", "root/etc/twice"), 0);
    assert_int_equal(symlink("made-dir/", "root/etc/slash"), 0);
    mode_t before = umask(077);
    const char *const cases[][2] = {
        {"/none/etc/hosts", "root/none/etc/hosts"},
        {"/etc/passwd", "root/etc/passwd"},
        {"abs-in", "root/etc/passwd"},
        {"/etc/twice", "root/run/resolve/stub"}, /* made where the dangling links lead */
        {"/etc/resolv.conf", "root/run/resolve/stub"},
        {"/etc/hosts", made}, /* as if the root were / */
        {"dangling", "root/new-target"},
        {"out-dir/secret", "root/outside/secret"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autoclose int fd = path_mkfile_in(root_fd, cases[i][0], 0644);
        if (fd < 0 || !same(fd, cases[i][1]))
            fail_msg("%s: %d", cases[i][0], fd);
        assert_true((fcntl(fd, F_GETFL) & O_PATH) && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
    }
    umask(before);
    struct stat st;
    assert_int_equal(stat("root/run/resolve/stub", &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0644);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(stat("root/none/etc", &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0755);
    assert_int_equal(stat("root/etc/passwd", &st), 0);
    assert_int_equal(st.st_size, strlen("inside"));
    assert_int_equal(access("outside/hosts", F_OK), -1);
    assert_int_equal(path_mkfile_in(root_fd, "etc/passwd/x", 0644), -ENOTDIR);
    assert_int_equal(path_mkfile_in(root_fd, "loop1", 0644), -ELOOP);
    assert_int_equal(path_mkfile_in(root_fd, "a/new/", 0644), -EISDIR);
    assert_int_equal(path_mkfile_in(root_fd, "etc/slash", 0644), -EISDIR);
    assert_int_equal(path_mkfile_in(root_fd, "", 0644), -ENOENT);
}

static void test_path__depth_is_bounded(void **state)
{
    (void)state;
    char path[2 * 129 + 1];
    for (int i = 0; i < 129; i++)
        memcpy(path + 2 * i, "d/", 3);
    assert_int_equal(path_mkdirs_in(root_fd, path, 0755), -ENAMETOOLONG);
    autoclose int fd = path_mkdirs_in(root_fd, path + 2, 0755);
    assert_true(fd >= 0);
}

#define TREE(test) cmocka_unit_test_setup_teardown(test, open_tree, close_tree)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TREE(test_path__resolves_inside), TREE(test_path__the_root_is_its_own_parent),
        TREE(test_path__last_component),  TREE(test_path__creates_inside),
        TREE(test_path__limits),          TREE(test_path__mkdirs),
        TREE(test_path__mkfile),          TREE(test_path__depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
