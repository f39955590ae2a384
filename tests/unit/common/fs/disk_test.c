#include "common/fs/disk.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/path.h"

#include "tests/sim/fake/disk_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* The real disk and the simulator's are held to the same cases. */
struct fixture {
    struct disk *disk;
    struct disk_fake *fake; /* NULL: the real one */
    char root[64];
};

static int open_real(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    f->disk = disk_posix();
    strcpy(f->root, "/tmp/limpet-unit-disk-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    *state = f;
    return 0;
}

static int open_fake(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    f->fake = disk_fake_new(1, clock_system());
    f->disk = disk_fake_disk(f->fake);
    strcpy(f->root, "/tmp/r");
    struct err err;
    assert_int_equal(f->disk->mkdirs(f->disk, f->root, 0700, &err), 0);
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    autoclose int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (!f->fake)
        assert_int_equal(path_remove_tree(tmp, f->root + strlen("/tmp/")), 0);
    disk_fake_free(f->fake);
    free(f);
    return 0;
}

/* A path below the root; a rotating buffer. */
static const char *at(const struct fixture *f, const char *path)
{
    static char slots[4][512];
    static unsigned next;
    char *slot = slots[next++ % ARRAY_LEN(slots)];
    snprintf(slot, sizeof(slots[0]), "%s/%s", f->root, path);
    return slot;
}

static int put(const struct fixture *f, const char *path, const char *text)
{
    struct err err = {0};
    int r = f->disk->replace(f->disk, at(f, path), text, strlen(text), 0644, &err);
    assert_true(r == 0 || (err.code == r && strstr(err.msg, path)));
    return r;
}

static int make(const struct fixture *f, const char *path)
{
    struct err err = {0};
    return f->disk->mkdirs(f->disk, at(f, path), 0755, &err);
}

static int del(const struct fixture *f, const char *path)
{
    struct err err = {0};
    return f->disk->remove(f->disk, at(f, path), &err);
}

static void expect(const struct fixture *f, const char *path, const char *text)
{
    struct err err = {0};
    cleanup(buf_done) struct buf buf = {0};
    int r = f->disk->read(f->disk, at(f, path), 1000, &buf, &err);
    assert_int_equal(r, text ? 0 : -ENOENT);
    assert_string_equal(buf_str(&buf), text ? text : "");
    assert_true(r == 0 || strstr(err.msg, path));
}

static void test_disk__replace_read_remove(void **state)
{
    const struct fixture *f = *state;
    expect(f, "a", NULL);
    assert_int_equal(put(f, "a", "one"), 0);
    expect(f, "a", "one");
    assert_int_equal(put(f, "a", ""), 0);
    expect(f, "a", "");
    assert_int_equal(put(f, "a", "two, longer"), 0);
    expect(f, "a", "two, longer");
    assert_int_equal(del(f, "a"), 0);
    expect(f, "a", NULL);
    assert_int_equal(del(f, "a"), 0); /* missing is success */
    assert_int_equal(del(f, "no/such/folder"), 0);
    assert_int_equal(put(f, "no/folder", "x"), -ENOENT);
}

static int over(const struct fixture *f, const char *path, const char *text)
{
    struct err err = {0};
    int r = f->disk->overwrite(f->disk, at(f, path), text, strlen(text), 0644, &err);
    assert_true(r == 0 || (err.code == r && strstr(err.msg, path)));
    return r;
}

static void test_disk__overwrite(void **state)
{
    const struct fixture *f = *state;
    assert_int_equal(over(f, "a", "one"), 0);
    expect(f, "a", "one");
    assert_int_equal(over(f, "a", "two, longer"), 0);
    expect(f, "a", "two, longer");
    assert_int_equal(over(f, "a", "3"), 0);
    expect(f, "a", "3");
    assert_int_equal(over(f, "a", ""), 0);
    expect(f, "a", "");
    assert_int_equal(over(f, "no/folder", "x"), -ENOENT);
    assert_int_equal(make(f, "d"), 0);
    assert_int_equal(over(f, "d", "x"), -EISDIR);
    assert_int_equal(over(f, "a/below", "x"), -ENOTDIR);
}

static void test_disk__read_appends_up_to_a_cap(void **state)
{
    const struct fixture *f = *state;
    struct err err = {0};
    cleanup(buf_done) struct buf buf = {0};
    assert_int_equal(put(f, "a", "12345"), 0);
    assert_int_equal(buf_addstr(&buf, "before:"), 0);
    assert_int_equal(f->disk->read(f->disk, at(f, "a"), 4, &buf, &err), -EFBIG);
    assert_string_equal(buf_str(&buf), "before:");
    assert_int_equal(f->disk->read(f->disk, at(f, "a"), 5, &buf, &err), 0);
    assert_string_equal(buf_str(&buf), "before:12345");
    buf.max = buf.len + 2; /* the buffer's own cap */
    assert_int_equal(f->disk->read(f->disk, at(f, "a"), 5, &buf, &err), -EFBIG);
    assert_string_equal(buf_str(&buf), "before:12345");
    assert_int_equal(f->disk->read(f->disk, f->root, 5, &buf, &err), -EISDIR);
}

static void test_disk__folders(void **state)
{
    const struct fixture *f = *state;
    assert_int_equal(make(f, "d/e//f/"), 0);
    assert_int_equal(make(f, "d/e/f"), 0);
    assert_int_equal(put(f, "d/e/f/x", "1"), 0);
    expect(f, "d//e/f/x", "1");
    assert_int_equal(del(f, "d/e/f"), -ENOTEMPTY);
    assert_int_equal(del(f, "d/e/f/x"), 0);
    assert_int_equal(del(f, "d/e/f"), 0);
    assert_int_equal(put(f, "file", "1"), 0);
    assert_int_equal(make(f, "file"), -ENOTDIR);
    assert_int_equal(make(f, "file/below"), -ENOTDIR);
    assert_int_equal(put(f, "file/below", "1"), -ENOTDIR);
    assert_int_equal(put(f, "d/e", "a file over a folder"), -EISDIR);
    expect(f, "file", "1");
}

static void test_disk__paths_that_name_no_file(void **state)
{
    const struct fixture *f = *state;
    static const char *const bad[] = {"relative", "", "/", "/tmp/..", "/tmp/."};
    struct err err = {0};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(f->disk->replace(f->disk, bad[i], "x", 1, 0600, &err), -EINVAL);
        assert_int_equal(f->disk->overwrite(f->disk, bad[i], "x", 1, 0600, &err), -EINVAL);
        assert_int_equal(f->disk->remove(f->disk, bad[i], &err), -EINVAL);
    }
    assert_int_equal(f->disk->mkdirs(f->disk, "relative", 0700, &err), -EINVAL);
    assert_int_equal(f->disk->mkdirs(f->disk, "/", 0700, &err), 0);
}

static int add_name(void *ctx, const char *name, enum disk_type type)
{
    static const char *const types[] = {"file", "dir", "other"};
    if (str_eq(name, "stop"))
        return 7;
    return buf_addf(ctx, "%s:%s ", name, types[type]);
}

static void test_disk__list_in_byte_order(void **state)
{
    const struct fixture *f = *state;
    cleanup(buf_done) struct buf buf = {0};
    struct err err = {0};
    assert_int_equal(f->disk->list(f->disk, f->root, add_name, &buf, &err), 0);
    assert_string_equal(buf_str(&buf), "");
    assert_int_equal(put(f, "b", "x"), 0);
    assert_int_equal(put(f, "Z", "x"), 0);
    assert_int_equal(put(f, ".hidden", "x"), 0);
    assert_int_equal(make(f, "a/below"), 0);
    assert_int_equal(f->disk->list(f->disk, f->root, add_name, &buf, &err), 0);
    assert_string_equal(buf_str(&buf), ".hidden:file Z:file a:dir b:file ");
    buf_done(&buf);
    assert_int_equal(put(f, "stop", "x"), 0);
    assert_int_equal(put(f, "t", "x"), 0);
    assert_int_equal(f->disk->list(f->disk, f->root, add_name, &buf, &err), 7);
    assert_string_equal(buf_str(&buf), ".hidden:file Z:file a:dir b:file ");
    assert_int_equal(f->disk->list(f->disk, at(f, "none"), add_name, &buf, &err), -ENOENT);
    assert_int_equal(f->disk->list(f->disk, at(f, "b"), add_name, &buf, &err), -ENOTDIR);
}

static void test_disk__stat_and_space(void **state)
{
    const struct fixture *f = *state;
    struct disk_stat st = {0};
    struct err err = {0};
    int64_t before = clock_wall(clock_system()) - 5 * NS_PER_S, room;
    assert_int_equal(put(f, "a", "12345"), 0);
    assert_int_equal(f->disk->stat(f->disk, at(f, "a"), &st, &err), 0);
    assert_true(st.type == DISK_FILE && st.size == 5 && st.mtime_ns > before);
    assert_int_equal(f->disk->stat(f->disk, f->root, &st, &err), 0);
    assert_int_equal(st.type, DISK_DIR);
    assert_int_equal(f->disk->stat(f->disk, "/", &st, &err), 0);
    assert_int_equal(st.type, DISK_DIR);
    assert_int_equal(f->disk->stat(f->disk, at(f, "none"), &st, &err), -ENOENT);
    assert_int_equal(f->disk->space(f->disk, f->root, &room, &err), 0);
    assert_true(room > 0);
}

#define BOTH(test)                                                                                 \
    {"posix: " #test, test, open_real, close_fixture, NULL},                                       \
    {                                                                                              \
        "fake: " #test, test, open_fake, close_fixture, NULL                                       \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_disk__replace_read_remove),      BOTH(test_disk__overwrite),
        BOTH(test_disk__read_appends_up_to_a_cap), BOTH(test_disk__folders),
        BOTH(test_disk__paths_that_name_no_file),  BOTH(test_disk__list_in_byte_order),
        BOTH(test_disk__stat_and_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
