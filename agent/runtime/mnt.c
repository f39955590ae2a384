#include "agent/runtime/mnt.h"

#include "agent/runtime/propagation.h"
#include "agent/runtime/selinux.h"
#include "agent/runtime/sys.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#ifndef SYS_move_mount
#define SYS_move_mount 429
#endif
#define MOVE_FROM_FD 0x04 /* MOVE_MOUNT_F_EMPTY_PATH */
#define MOVE_TO_FD 0x40   /* MOVE_MOUNT_T_EMPTY_PATH */
#define PROC_MAGIC 0x9fa0

static void fd_path(int fd, char ret[32])
{
    snprintf(ret, 32, "/proc/self/fd/%d", fd);
}

int mnt_fs(const char *type, int target_fd, unsigned long flags, const char *data)
{
    char target[32];
    fd_path(target_fd, target);
    return mount(type, target, type, flags, data) < 0 ? -errno : 0;
}

int mnt_own_fs(const char *type, int target_fd, unsigned long flags, const char *data,
               const struct launch_container *container)
{
    autofree char *all = selinux_mount_data(data, container->selinux_files);
    return mnt_fs(type, target_fd, flags, all);
}

static const struct {
    unsigned flag;
    uint64_t attr;
    unsigned long mount_flag;
} flag_table[] = {
    {MNT_READ_ONLY, SYS_ATTR_RDONLY, MS_RDONLY},
    {MNT_NODEV, SYS_ATTR_NODEV, MS_NODEV},
    {MNT_NOSUID, SYS_ATTR_NOSUID, MS_NOSUID},
    {MNT_NOEXEC, SYS_ATTR_NOEXEC, MS_NOEXEC},
};

/* Kernels before 5.12, after the tree was attached; what is mounted below it stays as it is. */
static int set_flags_old(int tree_fd, unsigned flags)
{
    char path[32];
    struct statfs fs;
    fd_path(tree_fd, path);
    if (fstatfs(tree_fd, &fs) < 0)
        return -errno;
    /* A remount sets all flags anew: the ones that are there must be given again. */
    unsigned long set = (unsigned long)fs.f_flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
    for (size_t i = 0; i < ARRAY_LEN(flag_table); i++)
        if (flags & flag_table[i].flag)
            set |= flag_table[i].mount_flag;
    return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | set, NULL) < 0 ? -errno : 0;
}

static int set_some(int tree_fd, unsigned flags, bool recursive)
{
    struct sys_mount_attr attr = {.set = 0};
    for (size_t i = 0; i < ARRAY_LEN(flag_table); i++)
        if (flags & flag_table[i].flag)
            attr.set |= flag_table[i].attr;
    if (attr.set == 0)
        return 0;
    unsigned how = SYS_AT_EMPTY_PATH | (recursive ? SYS_AT_RECURSIVE : 0);
    return sys_mount_setattr(tree_fd, "", how, &attr) < 0 ? -errno : 0;
}

static int set_flags(int tree_fd, unsigned flags)
{
    bool recursive = flags & MNT_RECURSIVE;
    bool below = recursive && flags & MNT_READ_ONLY_BELOW;
    int r = set_some(tree_fd, flags & ~(unsigned)MNT_READ_ONLY, recursive);
    return r < 0 ? r : set_some(tree_fd, flags & MNT_READ_ONLY, below);
}

int mnt_copy(int source_fd, bool recursive)
{
    unsigned how = SYS_OPEN_TREE_CLONE | SYS_OPEN_TREE_CLOEXEC | SYS_AT_EMPTY_PATH |
                   (recursive ? SYS_AT_RECURSIVE : 0);
    int tree = sys_open_tree(source_fd, "", how);
    return tree < 0 ? -errno : tree;
}

int mnt_attach(int tree_fd, int target_fd)
{
    return syscall(SYS_move_mount, tree_fd, "", target_fd, "", MOVE_FROM_FD | MOVE_TO_FD) < 0
               ? -errno
               : 0;
}

/* -ENOSYS with must: the kernel cannot set flags below the top. */
static int attach(int tree, int target_fd, unsigned flags, bool must)
{
    int r = set_flags(tree, flags);
    bool old = r == -ENOSYS;
    if (r < 0 && (!old || must))
        return r;
    r = mnt_attach(tree, target_fd);
    return r == 0 && old ? set_flags_old(tree, flags) : r;
}

int mnt_bind(int source_fd, int target_fd, unsigned flags)
{
    autoclose int tree = mnt_copy(source_fd, flags & MNT_RECURSIVE);
    return tree < 0 ? tree : attach(tree, target_fd, flags, false);
}

int mnt_open_dir(int root_fd, const char *name, struct err *err)
{
    if (mkdirat(root_fd, name, 0755) < 0 && errno != EEXIST)
        return err_errno(err, errno, "cannot make /%s", name);
    int fd = openat(root_fd, name,
                    O_PATH | O_DIRECTORY | (WEAKENED(MOUNT_DIR_LINK) ? 0 : O_NOFOLLOW) | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "the image's /%s is not a directory", name);
    return fd;
}

/* The directory or file at which a mount goes, made if missing. Links of the image are followed
 * inside the root, also one that leads nowhere (/etc/resolv.conf into a /run that is empty). */
static int open_target(int root_fd, const char *target, bool directory)
{
    return directory ? path_mkdirs_in(root_fd, target, 0755)
                     : path_mkfile_in(root_fd, target, 0644);
}

/* A volume over /proc would let a container answer for the kernel (CVE-2019-16884). */
static int check_target(int target_fd, const struct launch_container *container)
{
    struct statfs fs;
    if (fstatfs(target_fd, &fs) < 0)
        return -errno;
    if ((unsigned long)fs.f_type == PROC_MAGIC && !container->privileged &&
        !WEAKENED(MOUNT_OVER_PROC))
        return -EPERM;
    return 0;
}

/* Each step of the way is taken by descriptor, so that nobody who writes into the volume meanwhile
 * can lead it elsewhere (CVE-2017-1002101, CVE-2021-25741). */
static int open_sub_path(int volume, const struct launch_mount *mount)
{
    struct stat st;
    int fd = WEAKENED(SUB_PATH_IN_VOLUME) ? openat(volume, mount->sub_path, O_PATH | O_CLOEXEC)
                                          : path_open_in(volume, mount->sub_path, O_PATH, 0);
    if (fd != -ENOENT || !mount->make_sub_path)
        return fd;
    if (fstat(volume, &st) < 0)
        return -errno;
    /* By the ids of the disk. */
    const struct userns_ids ids = userns_files_as_host();
    fd = path_mkdirs_in(volume, mount->sub_path, st.st_mode & 07777);
    userns_files_back(ids);
    return fd;
}

int mnt_open_source(const struct launch_mount *mount, struct err *err)
{
    struct stat st;
    autoclose int fd = open(mount->source, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "cannot open %s", mount->source);
    if (!str_empty(mount->sub_path)) {
        int sub = open_sub_path(fd, mount);
        if (sub < 0)
            return err_errno(err, -sub, "failed to prepare subPath %s below %s", mount->sub_path,
                             mount->source);
        close(fd);
        fd = sub;
    }
    if (fstat(fd, &st) < 0)
        return err_errno(err, errno, "cannot look at %s", mount->source);
    if (S_ISLNK(st.st_mode))
        return err_set(err, -ELOOP, "%s is a symbolic link", mount->source);
    return steal_fd(&fd);
}

static unsigned flags_of(const struct launch_mount *mount, mode_t type, bool privileged)
{
    unsigned flags =
        (mount->read_only ? MNT_READ_ONLY : 0) | (mount->recursive ? MNT_RECURSIVE : 0);
    if (mount->read_only_below != LAUNCH_READ_ONLY_TOP)
        flags |= MNT_READ_ONLY_BELOW;
    /* Device nodes of their own making are of no use to a container, which may have CAP_MKNOD; one
     * that the plan names as such is. */
    if (!privileged && !S_ISCHR(type) && !S_ISBLK(type))
        flags |= MNT_NODEV;
    return flags;
}

/* A device is who it is on the host. */
static int map_ids(int tree, mode_t type, const struct launch_mount *mount,
                   const struct userns *userns, struct err *err)
{
    if (!userns || S_ISCHR(type) || S_ISBLK(type) || WEAKENED(USERNS_VOLUME))
        return 0;
    int r = userns_map(tree, userns);
    return r < 0 ? err_errno(err, -r,
                             "hostUsers is false, and the file system of %s cannot be mounted with "
                             "ids mapped",
                             mount->source)
                 : 0;
}

/* tree: of propagation_take, or -1. */
static int bind_volume(int root_fd, const struct launch_mount *mount,
                       const struct launch_container *container, int tree,
                       const struct userns *userns, struct err *err)
{
    struct stat st = {0};
    autoclose int source = tree >= 0 ? -1 : mnt_open_source(mount, err);
    if (tree < 0 && source < 0)
        return source;
    autoclose int copy = tree >= 0 ? tree : mnt_copy(source, mount->recursive);
    if (copy < 0 || fstat(copy, &st) < 0)
        return err_errno(err, copy < 0 ? -copy : errno, "cannot copy the mount at %s",
                         mount->source);
    int r = map_ids(copy, st.st_mode, mount, userns, err);
    if (r < 0)
        return r;
    autoclose int target = open_target(root_fd, mount->target, S_ISDIR(st.st_mode));
    if (target < 0)
        return err_errno(err, -target, "cannot make the mount point %s", mount->target);
    r = check_target(target, container);
    if (r < 0)
        return err_errno(err, -r, "%s cannot be mounted over", mount->target);
    bool must = mount->read_only_below == LAUNCH_READ_ONLY_BELOW;
    r = tree >= 0 ? propagation_set(copy, mount->propagation) : 0;
    if (r == 0)
        r = attach(copy, target, flags_of(mount, st.st_mode, container->privileged), must);
    if (r == -ENOSYS && must)
        return err_set(err, r,
                       "volume at %s requested recursive read-only mode, but it is not "
                       "supported by the kernel",
                       mount->target);
    return r < 0 ? err_errno(err, -r, "cannot mount %s at %s", mount->source, mount->target) : 0;
}

static int tmpfs_volume(int root_fd, const struct launch_mount *mount,
                        const struct launch_container *container, struct err *err)
{
    autoclose int target = open_target(root_fd, mount->target, true);
    if (target < 0)
        return err_errno(err, -target, "cannot make the mount point %s", mount->target);
    int r = check_target(target, container);
    unsigned long flags = MS_NOSUID | MS_NODEV | (mount->read_only ? MS_RDONLY : 0);
    if (r == 0)
        r = mnt_own_fs("tmpfs", target, flags, mount->options, container);
    return r < 0 ? err_errno(err, -r, "cannot mount a tmpfs at %s", mount->target) : 0;
}

int mnt_volumes(int root_fd, const struct launch_container *container, const int *trees,
                const struct userns *userns, struct err *err)
{
    for (size_t i = 0; i < container->mount_count; i++) {
        const struct launch_mount *mount = &container->mounts[i];
        int r = mount->type == LAUNCH_MOUNT_BIND
                    ? bind_volume(root_fd, mount, container, trees[i], userns, err)
                    : tmpfs_volume(root_fd, mount, container, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int mnt_message_open(const char *dir, const struct launch_container *container, int *ret_fd,
                     struct err *err)
{
    *ret_fd = -1;
    if (str_empty(container->message_path))
        return 0;
    autofree char *file = xasprintf("%s/" MNT_MESSAGE, dir);
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return err_errno(err, errno, "cannot make %s", dir);
    autoclose int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0 || fchmod(fd, 0666) < 0) /* whoever it runs as */
        return err_errno(err, errno, "cannot make %s", file);
    int r = selinux_label(fd, container->selinux_files);
    if (r < 0)
        return err_errno(err, -r, "cannot label %s", file);
    *ret_fd = steal_fd(&fd);
    return 0;
}

int mnt_message(int root_fd, int fd, const struct launch_container *container,
                const struct userns *userns, struct err *err)
{
    if (fd < 0)
        return 0;
    autoclose int target = open_target(root_fd, container->message_path, false);
    if (target < 0)
        return err_errno(err, -target, "cannot make %s", container->message_path);
    int r = check_target(target, container);
    autoclose int tree = r < 0 ? r : mnt_copy(fd, false);
    if (r == 0)
        r = tree < 0 ? tree : userns ? userns_map(tree, userns) : 0;
    if (r == 0)
        r = attach(tree, target, MNT_NODEV, false);
    return r < 0 ? err_errno(err, -r, "cannot mount a file at %s", container->message_path) : 0;
}
