#include "agent/volume/disk_usage.h"

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

#define SIZE 65536

struct world {
    char path[64];
    int dir;
};

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    snprintf(world->path, sizeof(world->path), "/tmp/limpet-usage-XXXXXX");
    assert_non_null(mkdtemp(world->path));
    world->dir = open(world->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
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

static void fill(const struct world *world, const char *name)
{
    static char data[SIZE];
    memset(data, 'x', sizeof(data));
    autoclose int fd = openat(world->dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
    assert_int_equal(fsync(fd), 0);
}

static struct disk_usage measure(const struct world *world)
{
    struct disk_usage usage = {.whole = true};
    assert_int_equal(disk_usage_add(world->path, &usage), 0);
    return usage;
}

/* Every file once, links not followed, however many names a file has. */
static void test_disk_usage__counts(void **state)
{
    struct world *world = *state;
    int64_t empty = measure(world).bytes;
    fill(world, "a");
    assert_int_equal(mkdirat(world->dir, "d", 0700) | mkdirat(world->dir, "d/e", 0700), 0);
    fill(world, "d/e/b");
    assert_int_equal(symlinkat("/", world->dir, "root") | symlinkat("d", world->dir, "again"), 0);
    struct disk_usage usage = measure(world);
    assert_in_range(usage.bytes - empty, 2 * SIZE, 3 * SIZE - 1);
    assert_int_equal(usage.inodes, 7);
    assert_true(usage.whole);
    assert_int_equal(linkat(world->dir, "a", world->dir, "d/same", 0) |
                         linkat(world->dir, "a", world->dir, "d/e/same", 0),
                     0);
    usage = measure(world);
    assert_in_range(usage.bytes - empty, 2 * SIZE - 512, 3 * SIZE - 1);
}

/* What is nested too deep to be looked at is not taken for nothing. */
static void test_disk_usage__deep(void **state)
{
    struct world *world = *state;
    int at = dup(world->dir);
    for (int i = 0; i < DISK_USAGE_MAX_DEPTH + 20; i++) {
        assert_int_equal(mkdirat(at, "d", 0700), 0);
        int next = openat(at, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
    }
    close(at);
    struct disk_usage usage = measure(world);
    assert_false(usage.whole);
    assert_int_equal(usage.inodes, DISK_USAGE_MAX_DEPTH + 2);
}

static void test_disk_usage__not_there(void **state)
{
    struct world *world = *state;
    struct disk_usage usage = {0};
    assert_int_equal(disk_usage_add("/nowhere/at/all", &usage), -ENOENT);
    assert_int_equal(symlinkat("/", world->dir, "link"), 0);
    autofree char *link = xasprintf("%s/link", world->path);
    assert_int_equal(disk_usage_add(link, &usage), -ENOTDIR);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_disk_usage__counts),
        TEST(test_disk_usage__deep),
        TEST(test_disk_usage__not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
