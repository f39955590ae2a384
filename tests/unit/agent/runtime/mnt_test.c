/* subPath: what stands there, whatever somebody who may write into the volume does meanwhile. */

#include "agent/runtime/mnt.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define ROUNDS 3000
#define EXCHANGE 2U /* RENAME_EXCHANGE */

/* The host's "outside", and a volume beside it. */
struct world {
    char path[64];
    char *volume;
    int dir, inside;
    struct stat outside;
};

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    umask(0022);
    snprintf(world->path, sizeof(world->path), "/tmp/limpet-mnt-XXXXXX");
    assert_non_null(mkdtemp(world->path));
    world->dir = open(world->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    world->volume = xasprintf("%s/volume", world->path);
    assert_int_equal(mkdirat(world->dir, "outside", 0700) | mkdirat(world->dir, "volume", 0777), 0);
    assert_int_equal(fchmodat(world->dir, "volume", 02777, 0), 0);
    assert_int_equal(fstatat(world->dir, "outside", &world->outside, 0), 0);
    world->inside = open(world->volume, O_PATH | O_DIRECTORY | O_CLOEXEC);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    close(world->inside);
    close(world->dir);
    autoclose int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(path_remove_tree(tmp, strrchr(world->path, '/') + 1), 0);
    free(world->volume);
    free(world);
    return 0;
}

static int open_sub(const struct world *world, const char *sub_path, bool make, struct err *err)
{
    const struct launch_mount mount = {
        .source = world->volume, .sub_path = sub_path, .make_sub_path = make};
    return mnt_open_source(&mount, err);
}

static void test_mnt__sub_path(void **state)
{
    struct world *world = *state;
    struct err err = {0};
    autofree char *outside = xasprintf("%s/outside", world->path);
    assert_int_equal(mkdirat(world->inside, "d", 0755), 0);
    assert_int_equal(symlinkat("d", world->inside, "link"), 0);
    assert_int_equal(symlinkat(outside, world->inside, "away"), 0);
    assert_int_equal(symlinkat("../outside", world->inside, "up"), 0);
    assert_int_equal(symlinkat("/proc/self/root", world->inside, "magic"), 0);
    close(openat(world->inside, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const struct {
        const char *path;
        bool make;
        int rc;
        mode_t type; /* of what is opened */
        mode_t made; /* its mode, if it was made */
    } cases[] = {
        {"d", false, 0, S_IFDIR, 0},           {"link", false, 0, S_IFDIR, 0},
        {"file", true, 0, S_IFREG, 0},         {"none", false, -ENOENT, 0, 0},
        {"away", false, -ENOENT, 0, 0},        {"up", false, -ENOENT, 0, 0},
        {"magic", false, -ENOENT, 0, 0},       {"file/x", true, -ENOTDIR, 0, 0},
        {"new/deep", true, 0, S_IFDIR, 02777}, {"link/below", true, 0, S_IFDIR, 02777},
        {"up", true, 0, S_IFDIR, 02777}, /* what is made is made inside */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autoclose int fd = open_sub(world, cases[i].path, cases[i].make, &err);
        struct stat st = {0};
        if ((fd < 0 ? fd : 0) != cases[i].rc)
            fail_msg("%s: %d", cases[i].path, fd);
        if (fd < 0)
            continue;
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_mode & S_IFMT, cases[i].type);
        assert_int_not_equal(st.st_ino, world->outside.st_ino);
        if (cases[i].made)
            assert_int_equal(st.st_mode & 07777, cases[i].made);
    }
    assert_int_equal(unlinkat(world->dir, "outside", AT_REMOVEDIR), 0); /* it stayed empty */
}

static bool exchange(int dir, const char *a, const char *b)
{
    return syscall(SYS_renameat2, dir, a, dir, b, EXCHANGE) == 0;
}

/* Swaps a folder of the volume for links out of it, until it is killed. */
static pid_t start_attacker(const struct world *world)
{
    pid_t pid = fork();
    if (pid == 0) {
        alarm(60);
        while (exchange(world->inside, "sub", "trap") && exchange(world->inside, "sub", "climb"))
            ;
        _exit(1);
    }
    assert_true(pid > 0);
    return pid;
}

static void test_mnt__sub_path_race(void **state)
{
    struct world *world = *state;
    autofree char *outside = xasprintf("%s/outside", world->path);
    assert_int_equal(mkdirat(world->dir, "outside/x", 0700), 0);
    assert_int_equal(mkdirat(world->inside, "sub", 0777) | mkdirat(world->inside, "sub/x", 0777),
                     0);
    assert_int_equal(symlinkat(outside, world->inside, "trap"), 0);
    assert_int_equal(symlinkat("../outside", world->inside, "climb"), 0);
    struct stat secret;
    assert_int_equal(fstatat(world->dir, "outside/x", &secret, 0), 0);
    if (!exchange(world->inside, "sub", "trap"))
        skip();
    pid_t attacker = start_attacker(world);
    int opened = 0, escaped = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct err err = {0};
        struct stat st;
        autoclose int fd = open_sub(world, i % 2 ? "sub/x" : "sub/x/new", i % 4 == 2, &err);
        if (fd < 0 || fstat(fd, &st) < 0)
            continue;
        opened++;
        escaped += st.st_dev == secret.st_dev && st.st_ino == secret.st_ino;
    }
    assert_int_equal(waitpid(attacker, NULL, WNOHANG), 0); /* it was at work all the while */
    kill(attacker, SIGKILL);
    assert_int_equal(waitpid(attacker, NULL, 0), attacker);
    assert_int_equal(escaped, 0);
    assert_true(opened > 0);
    assert_int_equal(unlinkat(world->dir, "outside/x", AT_REMOVEDIR), 0); /* and stayed empty */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_mnt__sub_path),
        TEST(test_mnt__sub_path_race),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
