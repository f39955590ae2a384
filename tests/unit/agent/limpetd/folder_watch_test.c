#include "agent/limpetd/folder_watch.h"

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

/* The clock stands still but for what a test adds, so that a busy machine changes nothing. */
struct fixture {
    struct clock clock;
    int64_t now;
    char dir[64];
    char *folder; /* what is watched, in dir */
    struct loop *loop;
    struct folder_watch *watch;
    int calls;
};

static int64_t fake_boot(const struct clock *clock)
{
    return ((const struct fixture *)clock)->now;
}

static void called(void *ctx)
{
    ((struct fixture *)ctx)->calls++;
}

static bool is_yaml(const char *name)
{
    return str_has_suffix(name, ".yaml");
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    f->clock = *clock_system();
    f->clock.boot_ns = fake_boot;
    f->now = NS_PER_S;
    snprintf(f->dir, sizeof(f->dir), "/tmp/limpet-watch-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->folder = xasprintf("%s/manifests", f->dir);
    assert_int_equal(mkdir(f->folder, 0700), 0);
    assert_int_equal(loop_new(&f->clock, &f->loop, NULL), 0);
    assert_int_equal(folder_watch_new(f->loop, f->folder, is_yaml, called, f, &f->watch, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    folder_watch_free(f->watch);
    loop_free(f->loop);
    struct disk *disk = disk_posix();
    int rc = disk->remove_tree(disk, f->dir, NULL);
    free(f->folder);
    free(f);
    return rc;
}

static void write_file(const struct fixture *f, const char *name)
{
    autofree char *path = xasprintf("%s/%s", f->folder, name);
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
}

static void move(const struct fixture *f, const char *from, const char *to)
{
    autofree char *a = xasprintf("%s/%s", f->folder, from), *b = xasprintf("%s/%s", f->folder, to);
    assert_int_equal(rename(a, b), 0);
}

/* What happens within so many milliseconds from now; the calls of that time. */
static int calls_within(struct fixture *f, int64_t ms)
{
    f->calls = 0;
    for (int64_t i = 0; i < ms; i++) {
        assert_int_equal(loop_step(f->loop, 0), 0);
        f->now += NS_PER_MS;
    }
    assert_int_equal(loop_step(f->loop, 0), 0);
    return f->calls;
}

static void test_folder_watch__came(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.yaml");
    write_file(f, "b.yaml");
    assert_int_equal(calls_within(f, 1), 0); /* a burst is one call */
    assert_int_equal(calls_within(f, 2), 1);
    assert_int_equal(calls_within(f, 500), 0);
}

static void test_folder_watch__never_put_off(void **state)
{
    struct fixture *f = *state;
    int calls = 0;
    for (int i = 0; i < 100; i++) {
        write_file(f, "a.yaml");
        calls += calls_within(f, 1);
    }
    assert_in_range(calls, 30, 50);
}

/* As vi does: the old file aside, then the new one. */
static void test_folder_watch__moved_aside(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.yaml");
    assert_int_equal(calls_within(f, 10), 1);
    move(f, "a.yaml", "a.yaml~");
    assert_int_equal(calls_within(f, 50), 0);
    write_file(f, "a.yaml");
    assert_int_equal(calls_within(f, 40), 0);
    assert_int_equal(calls_within(f, 20), 1);
    assert_int_equal(calls_within(f, 500), 0);
}

static void test_folder_watch__removals_go_on(void **state)
{
    struct fixture *f = *state;
    int calls = 0;
    for (int i = 0; i < 100; i++) {
        write_file(f, "a.yaml");
        move(f, "a.yaml", "b.yaml");
        calls += calls_within(f, 10);
    }
    assert_in_range(calls, 8, 10); /* each 100 ms after the first, however many follow */
}

/* The usual way to write a file whole: beside, then over the old one. */
static void test_folder_watch__replaced_file(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.yaml.new");
    assert_int_equal(calls_within(f, 500), 0);
    move(f, "a.yaml.new", "a.yaml");
    assert_int_equal(calls_within(f, 3), 1);
    write_file(f, "notes.txt");
    assert_int_equal(calls_within(f, 500), 0);
}

static void remove_folder(const struct fixture *f)
{
    struct disk *disk = disk_posix();
    assert_int_equal(disk->remove_tree(disk, f->folder, NULL), 0);
}

static void test_folder_watch__replaced_folder(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.yaml");
    assert_int_equal(calls_within(f, 10), 1);
    remove_folder(f);
    assert_int_equal(mkdir(f->folder, 0700), 0);
    assert_in_range(calls_within(f, 210), 1, 2);
    write_file(f, "b.yaml");
    assert_int_equal(calls_within(f, 3), 1); /* the new one is watched */
    remove_folder(f);
    assert_in_range(calls_within(f, 210), 1, 2);
    assert_int_equal(mkdir(f->folder, 0700), 0);
    assert_int_equal(calls_within(f, 21 * 1000), 1); /* it came too late for the first look */
    write_file(f, "c.yaml");
    assert_int_equal(calls_within(f, 3), 1);
}

/* As those do who lay out a whole set and then turn a link to it. */
static void test_folder_watch__link(void **state)
{
    struct fixture *f = *state;
    autofree char *one = xasprintf("%s/one", f->dir), *two = xasprintf("%s/two", f->dir);
    autofree char *link = xasprintf("%s/link", f->dir), *next = xasprintf("%s/next", f->dir);
    folder_watch_free(f->watch);
    f->watch = NULL;
    assert_int_equal(folder_watch_new(f->loop, link, is_yaml, called, f, &f->watch, NULL), 0);
    assert_int_equal(calls_within(f, 1000), 0); /* not there yet */
    assert_int_equal(mkdir(one, 0700), 0);
    assert_int_equal(mkdir(two, 0700), 0);
    assert_int_equal(symlink("one", link), 0);
    assert_int_equal(calls_within(f, 21 * 1000), 1);
    assert_int_equal(symlink("two", next), 0);
    assert_int_equal(rename(next, link), 0);
    assert_int_equal(calls_within(f, 21 * 1000), 1);
    assert_int_equal(calls_within(f, 60 * 1000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_folder_watch__came, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folder_watch__never_put_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folder_watch__moved_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folder_watch__removals_go_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folder_watch__replaced_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folder_watch__replaced_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folder_watch__link, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
