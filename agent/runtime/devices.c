#include "agent/runtime/devices.h"

#include "agent/runtime/mnt.h"
#include "agent/runtime/selinux.h"
#include "agent/runtime/sys.h"
#include "agent/runtime/terminal.h"
#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define HOST_NODES_MAX 4096
#define HOST_DEPTH_MAX 3
#define TTY_GID 5

static const struct {
    const char *name;
    unsigned major, minor;
} nodes[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
             {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};

static const struct {
    const char *name, *target;
} links[] = {{"ptmx", "pts/ptmx"},
             {"fd", "/proc/self/fd"},
             {"stdin", "/proc/self/fd/0"},
             {"stdout", "/proc/self/fd/1"},
             {"stderr", "/proc/self/fd/2"}};

/* Whether fd is the character device that it should be, and not what somebody put in its place
 * (CVE-2025-31133). */
static bool is_device(int fd, unsigned major_nr, unsigned minor_nr)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(major_nr, minor_nr);
}

/* A node, mounted on itself: that mount keeps devices alive when /dev itself is made `nodev`.
 * Returns a descriptor of the node in its own mount. */
static int make_node(int dev, size_t i)
{
    if (mknodat(dev, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0 ||
        fchmodat(dev, nodes[i].name, 0666, 0) < 0)
        return -errno;
    int fd = openat(dev, nodes[i].name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = is_device(fd, nodes[i].major, nodes[i].minor) ? mnt_bind(fd, fd, 0) : -ENXIO;
    close(fd);
    if (r < 0)
        return r;
    fd = openat(dev, nodes[i].name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int make_nodes(int dev, struct devices *ret, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        int fd = make_node(dev, i);
        if (fd < 0)
            return err_errno(err, -fd, "cannot make /dev/%s", nodes[i].name);
        if (i == 0)
            ret->null = fd;
        else
            close(fd);
    }
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        if (symlinkat(links[i].target, dev, links[i].name) < 0)
            return err_errno(err, errno, "cannot make /dev/%s", links[i].name);
    return 0;
}

struct sub {
    const char *name, *type, *data;
    unsigned long flags;
    bool optional; /* the kernel may lack the file system */
    bool shared;   /* there is one for all of the pod's containers: no option of a mount of it */
};

static const struct sub subs[] = {
    {"pts", "devpts", "newinstance,ptmxmode=0666,mode=0620,gid=", MS_NOSUID | MS_NOEXEC, false},
    {"mqueue", "mqueue", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, true, true},
    {"shm", "tmpfs", "mode=1777,size=64m", MS_NOSUID | MS_NODEV | MS_NOEXEC, false},
};

static int mount_sub(int dev, const struct sub *sub, int target, const char *data,
                     const struct launch_container *container, const char *shared_label)
{
    if (!sub->shared)
        return mnt_own_fs(sub->type, target, sub->flags, data, container);
    int r = mnt_fs(sub->type, target, sub->flags, data);
    if (r < 0)
        return r;
    autoclose int root = openat(dev, sub->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return root < 0 ? -errno : selinux_label(root, shared_label);
}

static int make_sub(int dev, const struct sub *sub, const struct launch_container *container,
                    const struct devices_pod *pod)
{
    const struct userns *userns = pod->userns;
    char data[96];
    if (sub->data && strchr(sub->data, '\0')[-1] == '=') /* the group tty */
        snprintf(data, sizeof(data), "%s%u", sub->data, TTY_GID + (userns ? userns->base : 0));
    else
        snprintf(data, sizeof(data), "%s", sub->data ? sub->data : "");

    if (mkdirat(dev, sub->name, 0755) < 0)
        return -errno;
    autoclose int fd = openat(dev, sub->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (pod->shm && str_eq(sub->name, "shm")) {
        autoclose int source = open(pod->shm, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return source < 0 ? -errno : mnt_bind(source, fd, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC);
    }
    int r = mount_sub(dev, sub, fd, sub->data ? data : NULL, container, pod->label);
    return r == -ENODEV && sub->optional ? 0 : r;
}

/* A terminal, opened and handed on by descriptor, so that the path of /dev/console or /dev/pts is
 * never looked up again (CVE-2025-52565). */
static int make_terminal(int dev, struct devices *ret)
{
    struct terminal terminal;
    int r = terminal_open(dev, &terminal);
    if (r < 0)
        return r;
    autoclose int ptmx = terminal.ptmx;
    autoclose int tty = terminal.tty;
    autoclose int made = openat(dev, "console", O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made < 0)
        return -errno;
    autoclose int target = openat(dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    r = target < 0 ? -errno : mnt_bind(tty, target, 0);
    if (r < 0)
        return r;
    ret->ptmx = steal_fd(&ptmx);
    ret->tty = steal_fd(&tty);
    return 0;
}

/* For a privileged container: the host's other device nodes, as copies. */
static void copy_host_nodes(int from, int to, int depth, int *budget)
{
    int again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = again < 0 ? NULL : fdopendir(again);
    if (!dir) {
        if (again >= 0)
            close(again);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir)) && *budget > 0) {
        struct stat st;
        if (entry->d_name[0] == '.' || fstatat(from, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        (*budget)--;
        if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
            if (mknodat(to, entry->d_name, st.st_mode, st.st_rdev) < 0)
                continue; /* one of ours has that name */
        } else if (S_ISDIR(st.st_mode) && depth < HOST_DEPTH_MAX &&
                   mkdirat(to, entry->d_name, 0755) == 0) {
            autoclose int sub_from = openat(from, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
            autoclose int sub_to = openat(to, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
            if (sub_from >= 0 && sub_to >= 0)
                copy_host_nodes(sub_from, sub_to, depth + 1, budget);
        }
    }
    closedir(dir);
}

static void add_host_nodes(int dev)
{
    int budget = HOST_NODES_MAX;
    autoclose int from = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
    /* Whoever may use them on the host, and nobody else: a pod with ids of its own not as root. */
    const struct userns_ids ids = userns_files_as_host();
    if (from >= 0)
        copy_host_nodes(from, dev, 0, &budget);
    userns_files_back(ids);
}

static int fill(int dev, const struct launch_container *container, const struct devices_pod *pod,
                struct devices *ret, struct err *err)
{
    int r = make_nodes(dev, ret, err);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(subs); i++) {
        r = make_sub(dev, &subs[i], container, pod);
        if (r < 0)
            return err_errno(err, -r, "cannot mount /dev/%s", subs[i].name);
    }
    if (r == 0 && container->tty) {
        r = make_terminal(dev, ret);
        if (r < 0)
            return err_errno(err, -r, "cannot make a terminal");
    }
    if (r == 0 && container->privileged)
        add_host_nodes(dev);
    return r;
}

int devices_open_null(int root_fd)
{
    autoclose int fd = path_open_in(root_fd, "/dev/null", O_PATH | O_NOFOLLOW, 0);
    return fd < 0 ? fd : is_device(fd, nodes[0].major, nodes[0].minor) ? steal_fd(&fd) : -ENXIO;
}

int devices_make(int root_fd, const struct launch_container *container,
                 const struct devices_pod *pod, struct devices *ret, struct err *err)
{
    struct devices devices = {.null = -1, .tty = -1, .ptmx = -1};
    autoclose int target = mnt_open_dir(root_fd, "dev", err);
    if (target < 0)
        return target;
    int r = mnt_own_fs("tmpfs", target, MS_NOSUID | MS_STRICTATIME, "mode=755,size=64m", container);
    autoclose int dev =
        r < 0 ? r : openat(root_fd, "dev", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dev < 0)
        return err_errno(err, -r ? -r : errno, "cannot mount /dev");
    r = fill(dev, container, pod, &devices, err);
    if (r < 0)
        return r;
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", dev);
    if (!container->privileged && !WEAKENED(DEV_NODEV) &&
        mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_STRICTATIME,
              NULL) < 0)
        return err_errno(err, errno, "cannot close /dev to new devices");
    *ret = devices;
    return 0;
}
