#include "agent/runtime/kernelfs.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { GOOD, BAD, CANNOT };

static int setup(void **state)
{
    char dir[] = "/tmp/limpet-kernelfs-XXXXXX";
    assert_non_null(mkdtemp(dir));
    autofree char *sys = xasprintf("%s/sys", dir);
    assert_int_equal(mkdir(sys, 0755), 0);
    *state = xstrdup(dir);
    return 0;
}

static int teardown(void **state)
{
    autofree char *dir = *state;
    autoclose int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return path_remove_tree(tmp, strrchr(dir, '/') + 1);
}

static bool put(const char *path, const char *text)
{
    autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Its own user namespace, in which it is root, and a mount namespace below that. */
static bool nest(int more)
{
    char uids[32], gids[32];
    snprintf(uids, sizeof(uids), "0 %u 1", (unsigned)geteuid());
    snprintf(gids, sizeof(gids), "0 %u 1", (unsigned)getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS | more) == 0 &&
           put("/proc/self/setgroups", "deny") && put("/proc/self/uid_map", uids) &&
           put("/proc/self/gid_map", gids);
}

static int statfs_flags(const char *path, unsigned long *ret)
{
    struct statvfs fs;
    if (statvfs(path, &fs) < 0)
        return -errno;
    *ret = fs.f_flag;
    return 0;
}

/* As in a container whose /sys is read-only: a kernel gives it no other one. */
static int guest(const char *dir)
{
    struct err err = {0};
    unsigned long flags = 0;
    autofree char *sys = xasprintf("%s/sys", dir);
    if (!nest(0) || mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0 ||
        !nest(CLONE_NEWNET) || mount("sysfs", sys, "sysfs", 0, NULL) == 0 || errno != EPERM ||
        mount("sysfs", sys, "sysfs", MS_RDONLY, NULL) < 0 || umount2(sys, MNT_DETACH) < 0)
        return CANNOT;
    autoclose int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (kernelfs_mount_sys(root, true, &err) != -EPERM)
        return BAD;
    if (kernelfs_mount_sys(root, false, &err) < 0 || statfs_flags(sys, &flags) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return BAD;
    }
    const unsigned long want = ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC;
    return (flags & want) == want ? GOOD : BAD;
}

/* An agent that is itself in such a container starts pods all the same. */
static void test_kernelfs__sys_within_a_container(void **state)
{
    const char *dir = *state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(guest(dir));
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CANNOT)
        skip(); /* no user namespaces here, or /sys is covered */
    assert_int_equal(WEXITSTATUS(status), GOOD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kernelfs__sys_within_a_container, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
