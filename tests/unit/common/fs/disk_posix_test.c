#include "common/fs/disk.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* The calls that matter stand in the log in the order in which they are made: w(rite), f(sync of a
 * file), r(ename), d (fsync of a directory). `fails` names the one that fails, with `error`. */
static struct {
    char log[64];
    char fails;
    int error;
} calls;

static int note(char call)
{
    size_t len = strlen(calls.log);
    if (len + 1 < sizeof(calls.log))
        calls.log[len] = call;
    if (call != calls.fails)
        return 0;
    errno = calls.error;
    return -1;
}

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    if (fd <= 2)
        return __real_write(fd, data, len);
    /* Short, as a disk that is nearly full would. */
    return note('w') < 0 ? -1 : __real_write(fd, data, len > 7 ? 7 : len);
}

int __wrap_fsync(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return note(S_ISDIR(st.st_mode) ? 'd' : 'f') < 0 ? -1 : __real_fsync(fd);
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return note('r') < 0 ? -1 : __real_renameat(from_dir, from, to_dir, to);
}

static char root[] = "/tmp/limpet-unit-posix-XXXXXX";

static int open_root(void **state)
{
    (void)state;
    strcpy(root + sizeof(root) - 7, "XXXXXX");
    assert_non_null(mkdtemp(root));
    assert_int_equal(chdir(root), 0);
    memset(&calls, 0, sizeof(calls));
    return 0;
}

static int close_root(void **state)
{
    (void)state;
    calls.fails = 0;
    assert_int_equal(chdir("/tmp"), 0);
    return path_remove_tree(AT_FDCWD, root + strlen("/tmp/"));
}

static const char *at(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", root, name);
    return path;
}

static int put(const char *name, const char *text, struct err *err)
{
    memset(calls.log, 0, sizeof(calls.log));
    return disk_posix()->replace(disk_posix(), at(name), text, strlen(text), 0640, err);
}

static void expect(const char *name, const char *text)
{
    cleanup(buf_done) struct buf buf = {0};
    assert_int_equal(disk_posix()->read(disk_posix(), at(name), 1000, &buf, NULL), 0);
    assert_string_equal(buf_str(&buf), text);
}

/* Everything in the folder, hidden and temporary files too. */
static int count_files(void)
{
    FILE *pipe = popen("ls -A | wc -l", "r");
    int count = -1;
    assert_int_equal(fscanf(pipe, "%d", &count), 1);
    pclose(pipe);
    return count;
}

static void test_disk_posix__order_of_calls(void **state)
{
    (void)state;
    struct err err = {0};
    mode_t umask_before = umask(077);
    assert_int_equal(put("a", "12 bytes now", &err), 0);
    assert_string_equal(calls.log, "wwfrd");
    struct stat st;
    assert_int_equal(stat(at("a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640); /* whatever the umask says */
    memset(calls.log, 0, sizeof(calls.log));
    assert_int_equal(disk_posix()->mkdirs(disk_posix(), at("b/c"), 0755, &err), 0);
    assert_string_equal(calls.log, "dd");
    assert_int_equal(stat(at("b/c"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    memset(calls.log, 0, sizeof(calls.log));
    assert_int_equal(disk_posix()->remove(disk_posix(), at("a"), &err), 0);
    assert_string_equal(calls.log, "d");
    umask(umask_before);
}

static void test_disk_posix__failures_keep_the_old_content(void **state)
{
    (void)state;
    static const struct {
        char fails;
        int error, r;
        const char *content, *msg;
    } cases[] = {
        {'w', ENOSPC, -ENOSPC, "old", "No space left on device"},
        {'w', EROFS, -EROFS, "old", "Read-only file system"},
        {'f', EIO, -EIO, "old", "Input/output error"},
        {'r', EIO, -EIO, "old", "Input/output error"},
        {'d', EIO, -EIO, "new", "what is on the medium is unknown"},
        {'d', ENOSPC, -EIO, "new", "what is on the medium is unknown"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        calls.fails = 0;
        assert_int_equal(put("a", "old", &err), 0);
        calls.fails = cases[i].fails;
        calls.error = cases[i].error;
        assert_int_equal(put("a", "new", &err), cases[i].r);
        assert_int_equal(err.code, cases[i].r);
        assert_non_null(strstr(err.msg, root));
        assert_non_null(strstr(err.msg, cases[i].msg));
        expect("a", cases[i].content);
        assert_int_equal(count_files(), 1); /* nothing is left lying about */
    }
}

static int see(void *ctx, const char *name, enum disk_type type)
{
    (void)type;
    return buf_addf(ctx, "%s ", name);
}

/* A writer that was killed leaves its temporary file: not listed, and used again by the next. */
static void test_disk_posix__leftovers_do_not_pile_up(void **state)
{
    (void)state;
    struct err err = {0};
    /* As such a writer would leave it, with rights and content that must not shine through. */
    assert_int_equal(put("a", "1", &err), 0);
    int fd = open(at(".limpet-tmp-af63dc4c8601ec8c"), O_CREAT | O_WRONLY | O_CLOEXEC, 0777);
    assert_int_equal(__real_write(fd, "left over, and long", 19), 19);
    close(fd);
    cleanup(buf_done) struct buf names = {0};
    assert_int_equal(disk_posix()->list(disk_posix(), root, see, &names, &err), 0);
    assert_string_equal(buf_str(&names), "a ");
    assert_int_equal(put("a", "2", &err), 0);
    expect("a", "2");
    assert_int_equal(count_files(), 1);
}

/* Two writers of one file, and a reader that must never see anything but the one or the other. */
static void test_disk_posix__concurrent_writers(void **state)
{
    (void)state;
    struct err err = {0};
    static const char *const texts[] = {"the first writer's content", "the second's"};
    pid_t pids[2];
    assert_int_equal(put("a", texts[0], &err), 0);
    for (int w = 0; w < 2; w++) {
        pids[w] = fork();
        if (pids[w] == 0) {
            int failed = 0;
            for (int i = 0; i < 100; i++)
                failed |= put("a", texts[w], &err) < 0;
            _exit(failed);
        }
    }
    for (int i = 0; i < 200; i++) {
        cleanup(buf_done) struct buf buf = {0};
        assert_int_equal(disk_posix()->read(disk_posix(), at("a"), 1000, &buf, &err), 0);
        assert_true(str_eq(buf_str(&buf), texts[0]) || str_eq(buf_str(&buf), texts[1]));
    }
    for (int w = 0; w < 2; w++) {
        int status;
        waitpid(pids[w], &status, 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(count_files(), 1);
}

static void test_disk_posix__what_is_not_a_file(void **state)
{
    (void)state;
    struct err err = {0};
    cleanup(buf_done) struct buf buf = {0};
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    assert_int_equal(disk_posix()->read(disk_posix(), at("fifo"), 10, &buf, &err), -EINVAL);
    assert_non_null(strstr(err.msg, "not a regular file"));
    /* Links are followed for reading, replaced for writing. */
    assert_int_equal(put("target", "kept", &err), 0);
    assert_int_equal(symlink("target", "link"), 0);
    expect("link", "kept");
    assert_int_equal(put("link", "new", &err), 0);
    expect("target", "kept");
    expect("link", "new");
    /* A link in the temporary file's place leads nowhere. */
    assert_int_equal(symlink("target", ".limpet-tmp-af63dc4c8601ec8c"), 0);
    assert_int_equal(put("a", "x", &err), -ELOOP);
    expect("target", "kept");
}

static int over(const char *name, const char *text, struct err *err)
{
    memset(calls.log, 0, sizeof(calls.log));
    return disk_posix()->overwrite(disk_posix(), at(name), text, strlen(text), 0644, err);
}

/* Who has the file open sees what is written over it; nothing is synced. */
static void test_disk_posix__overwrite_is_in_place(void **state)
{
    (void)state;
    static const char *const texts[] = {"short", "and longer than", "s"};
    struct err err = {0};
    mode_t umask_before = umask(077);
    assert_int_equal(over("a", "first", &err), 0);
    assert_string_equal(calls.log, "w");
    autoclose int fd = open(at("a"), O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        char text[32] = "";
        assert_int_equal(over("a", texts[i], &err), 0);
        assert_int_equal(pread(fd, text, sizeof(text) - 1, 0), strlen(texts[i]));
        assert_string_equal(text, texts[i]);
        assert_null(strpbrk(calls.log, "frd"));
    }
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644); /* whatever the umask says */
    umask(umask_before);
    calls.fails = 'w';
    calls.error = ENOSPC;
    assert_int_equal(over("a", "x", &err), -ENOSPC);
    assert_non_null(strstr(err.msg, root));
    calls.fails = 0;
    assert_int_equal(symlink("a", "link"), 0);
    assert_int_equal(over("link", "x", &err), -ELOOP);
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    assert_true(over("fifo", "x", &err) < 0); /* and does not wait for a reader */
    expect("a", "s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_disk_posix__order_of_calls, open_root, close_root),
        cmocka_unit_test_setup_teardown(test_disk_posix__failures_keep_the_old_content, open_root,
                                        close_root),
        cmocka_unit_test_setup_teardown(test_disk_posix__leftovers_do_not_pile_up, open_root,
                                        close_root),
        cmocka_unit_test_setup_teardown(test_disk_posix__concurrent_writers, open_root, close_root),
        cmocka_unit_test_setup_teardown(test_disk_posix__what_is_not_a_file, open_root, close_root),
        cmocka_unit_test_setup_teardown(test_disk_posix__overwrite_is_in_place, open_root,
                                        close_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
