/* The writer in a process of its own, stopped at each of its system calls: what can be read then is
 * one set or the other, and killed there it leaves one that the next call finds its way from. */

#include "agent/volume/atomic_files.h"

#include "agent/runtime/selinux.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NOW INT64_C(1796033400123456789) /* 2026-11-30 10:10:00 */
#define STOPS_MAX 5000
#define LABEL "system_u:object_r:container_file_t:s0:c1,c2"

struct world {
    char path[64];
    int dir;
    bool labels; /* can be set here: kernels without SELinux keep them too */
};

static bool can_label(int dir)
{
    autoclose int fd = openat(dir, "try", O_CREAT | O_RDONLY | O_CLOEXEC, 0600);
    bool can = selinux_label(fd, LABEL) == 0 && selinux_has_label(fd, LABEL);
    return unlinkat(dir, "try", 0) == 0 && can;
}

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    snprintf(world->path, sizeof(world->path), "/tmp/limpet-atomic-XXXXXX");
    assert_non_null(mkdtemp(world->path));
    world->dir = open(world->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    world->labels = can_label(world->dir);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    close(world->dir);
    autoclose int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(path_remove_tree(tmp, strrchr(world->path, '/') + 1), 0);
    free(world);
    return 0;
}

/* "path=content;path=content;" */
static struct file_set *set_of(const char *text)
{
    struct file_set *set = file_set_new();
    struct err err = {0};
    autofree char *copy = xstrdup(text);
    char *left = NULL;
    for (char *item = strtok_r(copy, ";", &left); item; item = strtok_r(NULL, ";", &left)) {
        char *content = strchr(item, '=');
        *content++ = '\0';
        struct file file = {
            .path = item, .data = content, .len = strlen(content), .mode = 0644, .owner = -1};
        if (str_eq(content, "?") || str_eq(content, "!")) {
            file.keep = true;
            file.must = content[0] == '!';
            file.len = 0;
        }
        assert_int_equal(file_set_add(set, &file, &err), 0);
    }
    return set;
}

static int write_to(int dir, const char *text, int64_t fs_group)
{
    cleanup(file_set_free) struct file_set *set = set_of(text);
    struct err err = {0};
    return atomic_files_write(dir, set, fs_group, LABEL, NOW, &err);
}

/* What of these paths a reader finds, written as set_of takes it. */
static void view(int dir, struct buf *ret)
{
    static const char *const paths[] = {"a", "new", "old", "sub/c", "sub/d"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        char text[32] = "";
        autoclose int fd = openat(dir, paths[i], O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && read(fd, text, sizeof(text) - 1) >= 0)
            (void)buf_addf(ret, "%s=%s;", paths[i], text);
    }
}

static void expect_view(int dir, const char *one, const char *other)
{
    cleanup(buf_done) struct buf now;
    buf_init(&now, 0);
    view(dir, &now);
    if (!str_eq(buf_str(&now), one) && !str_eq(buf_str(&now), other))
        fail_msg("a mixture is seen: %s", buf_str(&now));
}

/* What can be seen has its label from the first moment. */
static void expect_labels(const struct world *world)
{
    static const char *const paths[] = {"..data", "..data/.", "..data/a",     "a",
                                        "new",    "sub",      "..data/sub/c", "..data/sub"};
    for (size_t i = 0; world->labels && i < ARRAY_LEN(paths); i++) {
        autoclose int fd = openat(world->dir, paths[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && !selinux_has_label(fd, LABEL))
            fail_msg("%s has no label", paths[i]);
    }
}

/* How many names are in the volume, its own among them. */
static size_t count_names(const struct world *world)
{
    DIR *dir = opendir(world->path);
    size_t count = 0;
    for (const struct dirent *entry; (entry = readdir(dir));)
        count += !str_eq(entry->d_name, ".") && !str_eq(entry->d_name, "..");
    closedir(dir);
    return count;
}

static pid_t start_writer(const struct world *world, const char *text)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
            _exit(77);
        raise(SIGSTOP);
        _exit(write_to(world->dir, text, -1) == 1 ? 0 : 1);
    }
    assert_true(pid > 0);
    return pid;
}

/* Lets it go on to its next stop; false at its end, which must be a good one. */
static bool step(pid_t pid, bool killed)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSTOPPED(status))
        return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_true(killed ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return false;
}

/* Runs the writer, looking at each stop. kill_at: the stop at which it is killed; -1: none. Returns
 * how many stops there were. */
static int run_writer(const struct world *world, const char *old, const char *new, int kill_at)
{
    pid_t pid = start_writer(world, new);
    int stops = 0;
    bool killed = false;
    while (step(pid, killed)) {
        expect_view(world->dir, old, new);
        expect_labels(world);
        assert_true(stops < STOPS_MAX);
        killed = stops++ == kill_at;
        if (killed)
            kill(pid, SIGKILL);
        else
            assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
    }
    return stops;
}

static const struct {
    const char *old, *new;
    size_t names; /* afterwards */
} changes[] = {
    {"", "a=1;sub/c=2;", 4},
    {"a=1;old=x;sub/c=3;", "a=2;new=y;sub/c=4;sub/d=5;", 5},
    {"a=1;sub/c=3;", "", 2},
};

static void begin(struct world *world, const char *old)
{
    assert_true(write_to(world->dir, "gone=1;", -1) >= 0);
    assert_true(write_to(world->dir, old, -1) >= 0);
}

static void test_atomic_files__every_step(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        begin(world, changes[i].old);
        assert_true(run_writer(world, changes[i].old, changes[i].new, -1) > 20);
        expect_view(world->dir, changes[i].new, changes[i].new);
        assert_int_equal(count_names(world), changes[i].names);
    }
}

static void test_atomic_files__killed_at_every_step(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        begin(world, changes[i].old);
        int stops = run_writer(world, changes[i].old, changes[i].new, -1);
        for (int at = 0; at < stops; at += 2) { /* at their begin: their end is the next one's */
            begin(world, changes[i].old);
            (void)run_writer(world, changes[i].old, changes[i].new, at);
            expect_view(world->dir, changes[i].old, changes[i].new);
            assert_true(write_to(world->dir, changes[i].new, -1) >= 0);
            expect_view(world->dir, changes[i].new, changes[i].new);
            assert_int_equal(count_names(world), changes[i].names);
        }
    }
}

static void test_atomic_files__layout(void **state)
{
    struct world *world = *state;
    char link[64] = "";
    assert_int_equal(write_to(world->dir, "a=1;sub/c=2;", -1), 1);
    assert_true(readlinkat(world->dir, "..data", link, sizeof(link) - 1) > 0);
    assert_string_equal(link, "..2026_11_30_10_10_00.123456789");
    memset(link, 0, sizeof(link));
    assert_true(readlinkat(world->dir, "sub", link, sizeof(link) - 1) > 0);
    assert_string_equal(link, "..data/sub");
    memset(link, 0, sizeof(link));
    assert_int_equal(write_to(world->dir, "a=1;sub/c=3;", -1), 1); /* in the same nanosecond */
    assert_true(readlinkat(world->dir, "..data", link, sizeof(link) - 1) > 0);
    assert_string_equal(link, "..2026_11_30_10_10_00.123456790");
}

/* Writing would change the times of what is there. */
static int64_t changed_ns(const struct world *world, const char *path)
{
    struct stat st;
    assert_int_equal(fstatat(world->dir, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    return (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
}

static void test_atomic_files__unchanged(void **state)
{
    struct world *world = *state;
    static const char *const paths[] = {".", "..data", "..data/a", "..data/sub", "a"};
    for (int64_t group = -1; group < 3000; group += 2001) {
        assert_int_equal(write_to(world->dir, "a=1;sub/c=2;", group), 1);
        int64_t before[ARRAY_LEN(paths)];
        for (size_t i = 0; i < ARRAY_LEN(paths); i++)
            before[i] = changed_ns(world, paths[i]);
        assert_int_equal(write_to(world->dir, "a=1;sub/c=2;", group), 0);
        for (size_t i = 0; i < ARRAY_LEN(paths); i++)
            assert_true(before[i] == changed_ns(world, paths[i]));
    }
    /* Content of the same length, one file more, one less, another mode, another name. */
    static const char *const others[] = {"a=1;sub/c=3;", "a=1;sub/c=3;sub/d=;", "a=1;sub/d=;",
                                         "a=1;sub/e=;"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(write_to(world->dir, others[i], -1), 1);
    cleanup(file_set_free) struct file_set *set = file_set_new();
    struct err err = {0};
    for (mode_t mode = 0600; mode <= 0640; mode += 040) {
        assert_int_equal(
            file_set_add(
                set, &(struct file){.path = "a", .data = "1", .len = 1, .mode = mode, .owner = -1},
                &err),
            0);
        assert_int_equal(atomic_files_write(world->dir, set, -1, LABEL, NOW, &err), 1);
    }
}

static void test_atomic_files__keep(void **state)
{
    struct world *world = *state;
    assert_int_equal(write_to(world->dir, "a=!;", -1), -EAGAIN);
    assert_int_equal(count_names(world), 0);
    assert_int_equal(write_to(world->dir, "a=?;old=1;", -1), 1);
    expect_view(world->dir, "old=1;", "");
    assert_int_equal(count_names(world), 3);
    assert_int_equal(write_to(world->dir, "a=1;old=1;", -1), 1);
    assert_int_equal(write_to(world->dir, "a=?;old=!;", -1), 0);
    assert_int_equal(write_to(world->dir, "a=!;new=2;", -1), 1);
    expect_view(world->dir, "a=1;new=2;", "");
}

/* An older release wrote plain files, into which nothing of the new is written. */
static void test_atomic_files__of_an_older_release(void **state)
{
    struct world *world = *state;
    assert_int_equal(mkdirat(world->dir, "sub", 0755) | mkdirat(world->dir, "sub/x", 0755), 0);
    close(openat(world->dir, "a", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    close(openat(world->dir, "old", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    assert_int_equal(write_to(world->dir, "a=1;sub/c=2;", -1), 1);
    expect_view(world->dir, "a=1;sub/c=2;", "");
    assert_int_equal(count_names(world), 4);
}

/* Links that lead elsewhere are replaced, never followed. */
static void test_atomic_files__links(void **state)
{
    struct world *world = *state;
    static const char *const targets[] = {"/etc", "..", "../..", "..x/../..", "nowhere", "..loop"};
    autofree char *outside = xasprintf("%s-outside", world->path);
    assert_int_equal(mkdir(outside, 0755), 0);
    assert_int_equal(symlinkat(outside, world->dir, "..away"), 0);
    for (size_t i = 0; i <= ARRAY_LEN(targets); i++) {
        (void)unlinkat(world->dir, "..data", 0);
        (void)unlinkat(world->dir, "a", 0);
        assert_int_equal(
            symlinkat(i < ARRAY_LEN(targets) ? targets[i] : "..away", world->dir, "..data"), 0);
        assert_int_equal(symlinkat(outside, world->dir, "a"), 0);
        assert_int_equal(write_to(world->dir, "a=1;", -1), 1);
        expect_view(world->dir, "a=1;", "");
        assert_int_equal(count_names(world), 3);
    }
    assert_int_equal(rmdir(outside), 0); /* it is empty */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_atomic_files__layout),
        TEST(test_atomic_files__unchanged),
        TEST(test_atomic_files__keep),
        TEST(test_atomic_files__of_an_older_release),
        TEST(test_atomic_files__links),
        TEST(test_atomic_files__every_step),
        TEST(test_atomic_files__killed_at_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
