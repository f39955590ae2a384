#pragma once
/* System calls that the C libraries of some targets do not wrap, with the few structures and flags
 * they need: musl has no <linux/...> headers of its own, and glibc's differ between releases. */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define SYS_CLONE_NEWCGROUP UINT64_C(0x02000000)
#define SYS_CLONE_CLEAR_SIGHAND UINT64_C(0x100000000)
#define SYS_CLONE_INTO_CGROUP UINT64_C(0x200000000)
#define SYS_CLOSE_RANGE_CLOEXEC 4U
#define SYS_OPEN_TREE_CLONE 1U
#define SYS_OPEN_TREE_CLOEXEC 02000000U
#define SYS_AT_EMPTY_PATH 0x1000
#define SYS_AT_RECURSIVE 0x8000
#define SYS_ATTR_RDONLY 0x1
#define SYS_ATTR_NOSUID 0x2
#define SYS_ATTR_NODEV 0x4
#define SYS_ATTR_NOEXEC 0x8
#define SYS_ATTR_IDMAP 0x100000

struct sys_clone_args { /* struct clone_args, version 2 */
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
        set_tid_size, cgroup;
};
struct sys_mount_attr {
    uint64_t set, clear, propagation, userns_fd;
};

/* As fork(2) with namespaces: 0 in the child. cgroup_fd: a directory of the unified tree in which
 * the child starts, or -1. -ENOSYS where clone3 is missing or filtered and cgroup_fd >= 0 (without
 * one, clone(2) does the same). */
static inline int sys_fork(uint64_t flags, int cgroup_fd)
{
    struct sys_clone_args args = {.flags = flags | SYS_CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
    if (cgroup_fd >= 0) {
        args.flags |= SYS_CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)cgroup_fd;
    }
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid < 0 && cgroup_fd < 0 && (errno == ENOSYS || errno == EINVAL))
        pid = syscall(SYS_clone, (unsigned long)(flags | SIGCHLD), 0L, 0L, 0L, 0L);
    return pid < 0 ? -errno : (int)pid;
}

static inline int sys_open_tree(int dir_fd, const char *path, unsigned flags)
{
    return (int)syscall(SYS_open_tree, dir_fd, path, flags);
}

static inline int sys_mount_setattr(int dir_fd, const char *path, unsigned flags,
                                    const struct sys_mount_attr *attr)
{
    return (int)syscall(SYS_mount_setattr, dir_fd, path, flags, attr, sizeof(*attr));
}

static inline int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

static inline int sys_pidfd_open(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static inline int sys_pidfd_kill(int pidfd, int signo)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0);
}
