/* Needs inotify, as every kernel of ours has. */

#include "agent/limpetd/file_watch.h"

#include "common/base/str.h"

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

#define SETTLE_NS (20 * NS_PER_MS)
#define PATIENCE 500 /* steps of 10 ms */

struct world {
    struct loop *loop;
    struct file_watch *watch;
    int calls;
};

static char top[] = "/tmp/limpet-unit-file-watch-XXXXXX";

static int setup(void **state)
{
    static struct world world;
    struct err err = {0};
    world = (struct world){0};
    strcpy(top + sizeof(top) - 7, "XXXXXX");
    assert_non_null(mkdtemp(top));
    assert_int_equal(chdir(top), 0);
    assert_int_equal(loop_new(clock_system(), &world.loop, &err), 0);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    char command[128];
    file_watch_free(world->watch);
    loop_free(world->loop);
    snprintf(command, sizeof(command), "rm -r %s", top);
    assert_int_equal(chdir("/tmp"), 0);
    return system(command);
}

static void changed(void *ctx)
{
    ((struct world *)ctx)->calls++;
}

/* A path below the top folder. */
static void start(struct world *world, const char *path)
{
    char absolute[256];
    const char *const paths[] = {absolute, NULL};
    struct err err = {0};
    snprintf(absolute, sizeof(absolute), "%s/%s", top, path);
    if (file_watch_new(world->loop, paths, SETTLE_NS, changed, world, &world->watch, &err) < 0)
        fail_msg("%s", err.msg);
}

/* The change is told, and once. */
static void expect_told(struct world *world)
{
    for (int i = 0; i < PATIENCE && world->calls == 0; i++)
        assert_int_equal(loop_step(world->loop, 10 * NS_PER_MS), 0);
    assert_int_equal(world->calls, 1);
    world->calls = 0;
}

static void expect_silence(struct world *world)
{
    int64_t end = loop_now(world->loop) + 3 * SETTLE_NS;
    while (loop_now(world->loop) < end)
        assert_int_equal(loop_step(world->loop, 10 * NS_PER_MS), 0);
    assert_int_equal(world->calls, 0);
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void put_whole(const char *path, const char *text)
{
    put("temporary", text);
    assert_int_equal(rename("temporary", path), 0);
}

static void test_file_watch__a_file(void **state)
{
    struct world *world = *state;
    put("file", "1");
    start(world, "file");
    expect_silence(world);
    put("file", "2");
    expect_told(world);
    put_whole("file", "3");
    expect_told(world);
    assert_int_equal(unlink("file"), 0);
    expect_told(world);
    put("file", "4");
    expect_told(world);
    put("other", "1");
    put_whole("files", "1");
    expect_silence(world);
}

static void test_file_watch__where_a_link_leads(void **state)
{
    struct world *world = *state;
    assert_int_equal(mkdir("run", 0755) | mkdir("run2", 0755) | mkdir("etc", 0755), 0);
    put("run/stub", "1");
    put("run2/stub", "1");
    assert_int_equal(symlink("../run/stub", "etc/resolv.conf"), 0);
    start(world, "etc/resolv.conf");
    put_whole("run/stub", "2");
    expect_told(world);
    put("run/other", "2");
    put_whole("run2/stub", "2");
    expect_silence(world);
    char target[128];
    snprintf(target, sizeof(target), "%s/run2/stub", top);
    assert_int_equal(symlink(target, "etc/new"), 0);
    assert_int_equal(rename("etc/new", "etc/resolv.conf"), 0);
    expect_told(world);
    put_whole("run2/stub", "3");
    expect_told(world);
    put_whole("run/stub", "3"); /* it leads there no more */
    expect_silence(world);
}

static void test_file_watch__folders_that_come_and_go(void **state)
{
    struct world *world = *state;
    start(world, "a/b/file");
    assert_int_equal(mkdir("x", 0755), 0);
    expect_silence(world);
    assert_int_equal(mkdir("a", 0755), 0);
    expect_told(world);
    assert_int_equal(mkdir("a/b", 0755), 0);
    expect_told(world);
    put("a/b/file", "1");
    expect_told(world);
    assert_int_equal(unlink("a/b/file") | rmdir("a/b"), 0);
    expect_told(world);
    assert_int_equal(mkdir("a/b", 0755), 0);
    put("a/b/file", "2"); /* perhaps before the folder is watched again */
    expect_told(world);
    put("a/b/file", "3");
    expect_told(world);
    assert_int_equal(rename("a/b", "a/c"), 0);
    expect_told(world);
    put("a/c/file", "4");
    expect_silence(world);
}

/* A link that leads nowhere, in a circle, to itself: no hang, and what it leads to is waited for.
 */
static void test_file_watch__odd_links(void **state)
{
    struct world *world = *state;
    assert_int_equal(
        symlink("none/at/all", "dangling") | symlink("two", "one") | symlink("one", "two"), 0);
    start(world, "one");
    file_watch_free(world->watch);
    world->watch = NULL;
    start(world, "dangling");
    assert_int_equal(mkdir("none", 0755), 0);
    expect_told(world);
    assert_int_equal(mkdir("none/at", 0755), 0);
    expect_told(world);
    put("none/at/all", "1");
    expect_told(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_file_watch__a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_watch__where_a_link_leads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_watch__folders_that_come_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_watch__odd_links, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
