#include "agent/runtime/kernelfs.h"

#include "agent/runtime/mnt.h"
#include "agent/runtime/sys.h"
#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define PROC_MAGIC 0x9fa0
#define SYSFS_MAGIC 0x62656572

static const char *const masked[] = {
    "/proc/acpi",       "/proc/asound",        "/proc/interrupts",  "/proc/kcore",
    "/proc/keys",       "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
    "/proc/timer_list", "/proc/timer_stats",   "/sys/firmware",     "/sys/devices/virtual/powercap",
};
static const char *const read_only[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                        "/proc/sysrq-trigger"};

/* Read-only as a mount, not as a file system: containers of one network namespace share /sys, and
 * who comes first does not decide for a privileged one. */
static int mount_named(int root_fd, const char *name, const char *type, unsigned long flags,
                       struct err *err)
{
    autoclose int target = mnt_open_dir(root_fd, name, err);
    if (target < 0)
        return target;
    int r = mnt_fs(type, target, flags & ~(unsigned long)MS_RDONLY, NULL);
    if (r == -EPERM && (flags & MS_RDONLY)) /* we are in a container that has it so itself */
        r = mnt_fs(type, target, flags, NULL);
    if (r == 0 && (flags & MS_RDONLY)) {
        autoclose int mounted = mnt_open_dir(root_fd, name, err);
        if (mounted < 0)
            return mounted;
        r = mnt_fs(type, mounted, MS_REMOUNT | MS_BIND | flags, NULL);
    }
    return r < 0 ? err_errno(err, -r, "cannot mount /%s", name) : 0;
}

/* One v1 tree below the tmpfs at /sys/fs/cgroup, under the name that its mount has on the host. */
static int mount_v1(int dir, const struct cgroup_tree *tree, unsigned long flags)
{
    const char *name = strrchr(tree->mount, '/');
    name = name && name[1] ? name + 1 : tree->names;
    if (mkdirat(dir, name, 0755) < 0)
        return -errno;
    autoclose int target = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return target < 0 ? -errno : mnt_fs("cgroup", target, flags, tree->names);
}

/* Read-only, so that no release_agent can be set and no limit lifted (CVE-2022-0492,
 * CVE-2023-25809); but in a privileged container, which could mount them itself. In the cgroup
 * namespace, which hides the host's groups. What does not work here is left out: programs find no
 * control groups, and no harm is done. */
static void mount_cgroups(int root_fd, const struct cgroup_host *cgroups, bool privileged)
{
    const unsigned long flags = SAFE | (privileged || WEAKENED(CGROUP_READ_ONLY) ? 0 : MS_RDONLY);
    autoclose int target = path_open_in(root_fd, "/sys/fs/cgroup", O_PATH | O_DIRECTORY, 0);
    if (target < 0 || cgroups->count == 0)
        return;
    bool v2 = cgroups->count == 1 && cgroups->trees[0].unified;
    if (v2) {
        if (mnt_fs("cgroup2", target, flags, NULL) < 0) {
            /* none, then */
        }
        return;
    }
    if (mnt_fs("tmpfs", target, SAFE, "mode=755,size=64k") < 0)
        return;
    autoclose int dir = path_open_in(root_fd, "/sys/fs/cgroup", O_PATH | O_DIRECTORY, 0);
    if (dir < 0)
        return;
    for (size_t i = 0; i < cgroups->count; i++)
        if (!cgroups->trees[i].unified && mount_v1(dir, &cgroups->trees[i], flags) < 0)
            continue;
}

int kernelfs_mount_sys(int root_fd, bool privileged, struct err *err)
{
    return mount_named(root_fd, "sys", "sysfs", SAFE | (privileged ? 0 : MS_RDONLY), err);
}

int kernelfs_mount_own(int root_fd, const struct cgroup_host *cgroups, bool privileged,
                       struct err *err)
{
    int r = mount_named(root_fd, "proc", "proc", SAFE, err);
    if (r == 0)
        mount_cgroups(root_fd, cgroups, privileged);
    return r;
}

/* A path below the /proc and /sys that were just mounted, or -ENOENT; anything else that a link or
 * a volume has put in its place is refused. */
static int open_kernel_path(int root_fd, const char *path)
{
    struct statfs fs;
    autoclose int fd = path_open_in(root_fd, path, O_PATH | O_NOFOLLOW, 0);
    if (fd < 0)
        return fd;
    if (fstatfs(fd, &fs) < 0)
        return -errno;
    if ((unsigned long)fs.f_type != PROC_MAGIC && (unsigned long)fs.f_type != SYSFS_MAGIC)
        return -EPERM;
    return steal_fd(&fd);
}

static int mask_one(int fd, int null_fd, const struct launch_container *container)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return mnt_own_fs("tmpfs", fd, SAFE | MS_RDONLY, "size=0k,nr_inodes=2", container);
    return mnt_bind(null_fd, fd, MNT_READ_ONLY | MNT_NOSUID | MNT_NOEXEC);
}

int kernelfs_mask(int root_fd, int null_fd, const struct launch_container *container,
                  struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(masked) && !WEAKENED(MASKED_PATHS); i++) {
        autoclose int fd = open_kernel_path(root_fd, masked[i]);
        int r = fd == -ENOENT ? 0 : fd < 0 ? fd : mask_one(fd, null_fd, container);
        if (r < 0)
            return err_errno(err, -r, "cannot hide %s", masked[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(read_only) && !WEAKENED(READONLY_PATHS); i++) {
        autoclose int fd = open_kernel_path(root_fd, read_only[i]);
        int r = fd == -ENOENT ? 0
                : fd < 0      ? fd
                         : mnt_bind(fd, fd, MNT_READ_ONLY | MNT_NOSUID | MNT_NODEV | MNT_NOEXEC);
        if (r < 0)
            return err_errno(err, -r, "cannot make %s read-only", read_only[i]);
    }
    return 0;
}
