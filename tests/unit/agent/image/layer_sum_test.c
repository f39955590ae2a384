#include "agent/image/layer_sum.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"

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

struct fixture {
    char dir[64];
    int fd;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    snprintf(f->dir, sizeof(f->dir), "/tmp/limpet-sum-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close(f->fd);
    int rc = disk_posix()->remove_tree(disk_posix(), f->dir, NULL);
    free(f);
    return rc;
}

static void put(const struct fixture *f, const char *name, const char *text, mode_t mode)
{
    autoclose int fd = openat(f->fd, name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
}

static void fill(const struct fixture *f)
{
    assert_int_equal(mkdirat(f->fd, "bin", 0755), 0);
    assert_int_equal(mkdirat(f->fd, "etc", 0755), 0);
    put(f, "bin/sh", "program", 0755);
    put(f, "etc/passwd", "root", 0644);
    assert_int_equal(symlinkat("bin/sh", f->fd, "sh"), 0);
}

static uint64_t sum(const struct fixture *f)
{
    uint64_t fresh = 0, medium = 0;
    assert_int_equal(layer_sum(f->fd, false, &fresh, NULL), 0);
    assert_int_equal(layer_sum(f->fd, true, &medium, NULL), 0);
    assert_true(fresh == medium);
    return fresh;
}

/* Whatever a medium may do to it makes another number, and undone it is the first again. */
static void test_layer_sum__tells_what_changed(void **state)
{
    const struct fixture *f = *state;
    fill(f);
    uint64_t whole = sum(f);
    assert_true(whole != 0);
    put(f, "bin/sh", "progran", 0755); /* a bit */
    assert_true(sum(f) != whole);
    put(f, "bin/sh", "progra", 0755);
    assert_true(sum(f) != whole);
    put(f, "bin/sh", "program", 0754);
    assert_true(sum(f) != whole);
    put(f, "bin/sh", "program", 0755);
    assert_true(sum(f) == whole);
    assert_int_equal(renameat(f->fd, "etc/passwd", f->fd, "bin/passwd"), 0);
    assert_true(sum(f) != whole);
    assert_int_equal(renameat(f->fd, "bin/passwd", f->fd, "etc/passwd"), 0);
    assert_int_equal(unlinkat(f->fd, "sh", 0), 0);
    assert_true(sum(f) != whole);
    assert_int_equal(symlinkat("bin/zh", f->fd, "sh"), 0);
    assert_true(sum(f) != whole);
    assert_int_equal(unlinkat(f->fd, "sh", 0), 0);
    assert_int_equal(symlinkat("bin/sh", f->fd, "sh"), 0);
    put(f, "etc/more", "", 0644);
    assert_true(sum(f) != whole);
    assert_int_equal(unlinkat(f->fd, "etc/more", 0), 0);
    assert_true(sum(f) == whole);
}

/* Contents of two files changed for each other, and the same files in another order of making. */
static void test_layer_sum__names_count_their_order_does_not(void **state)
{
    const struct fixture *f = *state;
    put(f, "one", "1", 0644);
    put(f, "two", "2", 0644);
    uint64_t whole = sum(f);
    put(f, "one", "2", 0644);
    put(f, "two", "1", 0644);
    assert_true(sum(f) != whole);
    assert_int_equal(unlinkat(f->fd, "one", 0) + unlinkat(f->fd, "two", 0), 0);
    put(f, "two", "2", 0644);
    put(f, "one", "1", 0644);
    assert_true(sum(f) == whole);
}

#define KIB ((off_t)1024)

/* Letters at some places of a file, and between them holes, or as many zeros. */
static void put_sparse(const struct fixture *f, off_t size, bool holes)
{
    static const off_t places[] = {0, 1, 200 * KIB, 264 * KIB, 1000 * KIB - 1, 3001 * KIB};
    static const char zeros[64 * 1024];
    autoclose int fd = openat(f->fd, "disk", O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    for (off_t at = 0; !holes && at < size; at += (off_t)sizeof(zeros)) {
        size_t len = size - at < (off_t)sizeof(zeros) ? (size_t)(size - at) : sizeof(zeros);
        assert_int_equal(write(fd, zeros, len), len);
    }
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (places[i] < size)
            assert_int_equal(pwrite(fd, "x", 1, places[i]), 1);
    assert_int_equal(ftruncate(fd, size), 0);
}

static void test_layer_sum__holes_are_zeros(void **state)
{
    const struct fixture *f = *state;
    static const off_t sizes[] = {0, 1, 199 * KIB + 7, 1000 * KIB, 3001 * KIB + 1, 5000 * KIB + 3};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        put_sparse(f, sizes[i], true);
        uint64_t holes = sum(f);
        put_sparse(f, sizes[i], false);
        assert_true(sum(f) == holes);
    }
}

/* To read all of it would take hours. */
static void test_layer_sum__holes_are_not_read(void **state)
{
    const struct fixture *f = *state;
    put_sparse(f, 1024 * 1024 * 1024 * KIB, true);
    uint64_t whole = sum(f);
    autoclose int fd = openat(f->fd, "disk", O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "x", 1, 1024 * 1024 * KIB), 1);
    assert_true(sum(f) != whole);
}

/* Deeper than anything that is real. */
static void test_layer_sum__is_bounded(void **state)
{
    const struct fixture *f = *state;
    uint64_t ret = 0;
    autoclose int at = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 3 * LAYER_SUM_DEPTH; i++) {
        assert_int_equal(mkdirat(at, "d", 0755), 0);
        int below = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(below >= 0);
        close(at);
        at = below;
    }
    assert_int_equal(layer_sum(f->fd, true, &ret, NULL), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_layer_sum__##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(tells_what_changed), TEST(names_count_their_order_does_not),
        TEST(holes_are_zeros),    TEST(holes_are_not_read),
        TEST(is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
