#include "agent/runtime/rootfs.h"

#include "agent/runtime/mnt.h"
#include "agent/runtime/selinux.h"
#include "agent/runtime/sys.h"
#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define OPTIONS_MAX ((size_t)4095) /* mount(2) takes a page */

int rootfs_detach(struct err *err)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return err_errno(err, errno, "cannot make the mounts private");
    return 0;
}

static int open_dir(const char *path)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* The same directory with ids mapped, mounted over itself: an overlay takes no mount that is
 * attached nowhere before Linux 6.15. at itself where nothing is to be mapped. */
static int lay_over(int at, const struct userns *userns)
{
    if (!userns)
        return at;
    autoclose int tree = mnt_copy(at, false);
    int r = tree < 0 ? tree : userns_map(tree, userns);
    if (r == 0)
        r = mnt_attach(tree, at);
    return r < 0 ? r : steal_fd(&tree);
}

/* "lowerdir=9:8:7" with the uppermost first: overlayfs looks the numbers up in its working
 * directory, which is /proc/self/fd. Short, so that many layers fit into a page, and free of host
 * paths, colons and commas. */
static int add_layers(const struct launch_container *container, const struct userns *userns,
                      struct buf *options, int *ret_top, struct err *err)
{
    size_t count = 0;
    while (container->layers[count])
        count++;
    for (size_t i = count; i-- > 0;) {
        /* Closed with all others before the program starts. */
        int plain = open_dir(container->layers[i]);
        int fd = plain < 0 ? plain : lay_over(plain, userns);
        if (fd < 0)
            return err_errno(err, -fd, "layer %zu/%zu: cannot open %s", i + 1, count,
                             container->layers[i]);
        if (i + 1 == count)
            *ret_top = plain;
        else if (fd != plain)
            close(plain);
        if (buf_addf(options, "%s%d", i + 1 == count ? "lowerdir=" : ":", fd) < 0)
            return err_set(err, -E2BIG, "%zu layers are too many for a mount", count);
    }
    return 0;
}

static int make_dir(int parent, const char *name, mode_t mode)
{
    if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
        return -errno;
    int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* The merged "/" has the owner and mode of the upper directory: those of the image's root. */
static int make_upper(int dir, int top_layer, int *ret_upper)
{
    struct stat st;
    if (fstat(top_layer, &st) < 0)
        return -errno;
    int fd = make_dir(dir, "upper", 0755);
    if (fd < 0)
        return fd;
    if (fchownat(dir, "upper", st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(dir, "upper", st.st_mode & 07777, 0) < 0) {
        int r = -errno;
        close(fd);
        return r;
    }
    *ret_upper = fd;
    return 0;
}

static int mount_overlay(const char *dir, const struct buf *options, unsigned long flags)
{
    cleanup(buf_done) struct buf volatile_options;
    buf_init(&volatile_options, OPTIONS_MAX);
    if (chdir("/proc/self/fd") < 0)
        return -errno;
    /* Without syncs: what a container leaves in its root is thrown away after a power cut anyway.
     */
    if (buf_addf(&volatile_options, "%s,volatile", buf_str(options)) == 0 &&
        mount("overlay", dir, "overlay", flags, buf_str(&volatile_options)) == 0)
        return 0;
    return mount("overlay", dir, "overlay", flags, buf_str(options)) < 0 ? -errno : 0;
}

static int open_part(int dir, const char *name)
{
    int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* What the container writes. The overlay works in it as who mounts it. */
static int add_upper(const struct launch_container *container, const struct userns *userns, int dir,
                     int top, struct buf *options, struct err *err)
{
    int upper = -1;
    int r = make_upper(dir, top, &upper);
    int work = r < 0 ? r : make_dir(dir, "work", 0700);
    if (work >= 0 && userns) {
        int mapped = lay_over(dir, userns);
        upper = mapped < 0 ? mapped : open_part(mapped, "upper");
        work = upper < 0 ? upper : open_part(mapped, "work");
    }
    if (work < 0)
        return err_errno(err, -work, "cannot make the writable layer");
    autofree char *own = xasprintf("upperdir=%d,workdir=%d", upper, work);
    autofree char *labelled = selinux_mount_data(own, container->selinux_files);
    if (buf_addf(options, ",%s", labelled) < 0)
        return err_set(err, -E2BIG, "too many layers for a mount");
    return userns_make_files_as(userns, err);
}

int rootfs_mount(const struct launch_container *container, const struct userns *userns,
                 const char *dir, struct err *err)
{
    cleanup(buf_done) struct buf options;
    buf_init(&options, OPTIONS_MAX);
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return err_errno(err, errno, "cannot make %s", dir);
    autoclose int parent = open_dir(dir);
    if (parent < 0)
        return err_errno(err, -parent, "cannot open %s", dir);
    int top = -1;
    int r = add_layers(container, userns, &options, &top, err);
    if (r == 0)
        r = add_upper(container, userns, parent, top, &options, err);
    if (r < 0)
        return r;
    r = mount_overlay(dir, &options, container->privileged || WEAKENED(ROOT_NODEV) ? 0 : MS_NODEV);
    if (r < 0)
        return err_errno(err, -r, "cannot mount the root file system over %s", dir);
    int root = open_dir(dir);
    return root < 0 ? err_errno(err, -root, "cannot open %s", dir) : root;
}

int rootfs_enter(int root_fd, struct err *err)
{
    if (fchdir(root_fd) < 0)
        return err_errno(err, errno, "cannot enter the root file system");
    if (syscall(SYS_pivot_root, ".", ".") < 0) {
        if (errno == EINVAL)
            return err_set(err, -EINVAL,
                           "pivot_root: the host's own root is an initramfs: "
                           "let init switch_root to a tmpfs or a disk first");
        return err_errno(err, errno, "pivot_root");
    }
    /* The old root lies over the new one at "." now. */
    if (umount2(".", MNT_DETACH) < 0)
        return err_errno(err, errno, "cannot let go of the host's root");
    if (chdir("/") < 0)
        return err_errno(err, errno, "cannot enter /");
    return 0;
}

int rootfs_seal(const struct launch_container *container, struct err *err)
{
    unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | (container->privileged ? 0 : MS_NODEV);
    if (container->read_only_root && mount(NULL, "/", NULL, flags, NULL) < 0)
        return err_errno(err, errno, "cannot make the root file system read-only");
    return 0;
}
