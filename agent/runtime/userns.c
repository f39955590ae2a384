#include "agent/runtime/userns.h"

#include "agent/runtime/mnt.h"
#include "agent/runtime/sys.h"
#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static int write_map(pid_t pid, const char *name, uint32_t base)
{
    char path[64], text[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    int len = snprintf(text, sizeof(text), "0 %u %d\n", base, USERNS_IDS);
    autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 || write(fd, text, (size_t)len) != len ? -errno : 0;
}

static int open_ns(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int enter_owned(pid_t pid, int owned)
{
    static const struct {
        int flag;
        const char *name;
    } kinds[] = {{CLONE_NEWNET, "net"}, {CLONE_NEWUTS, "uts"}, {CLONE_NEWIPC, "ipc"}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!(owned & kinds[i].flag))
            continue;
        autoclose int fd = open_ns(pid, kinds[i].name);
        if (fd < 0)
            return fd;
        if (setns(fd, kinds[i].flag) < 0)
            return -errno;
    }
    return 0;
}

/* pid: a child that is in them and waits. */
static int take(pid_t pid, uint32_t base, int owned, int *ret_fd)
{
    int r = write_map(pid, "uid_map", base);
    if (r == 0)
        r = write_map(pid, "gid_map", base);
    if (r == 0)
        r = enter_owned(pid, owned);
    autoclose int fd = r < 0 ? r : open_ns(pid, "user");
    if (fd < 0)
        return fd;
    *ret_fd = steal_fd(&fd);
    return 0;
}

int userns_make(uint32_t base, int owned, int *ret_fd, struct err *err)
{
    int life[2];
    char nothing;
    if (pipe2(life, O_CLOEXEC) < 0)
        return err_errno(err, errno, "cannot make a pipe");
    int pid = sys_fork((uint64_t)CLONE_NEWUSER | (uint64_t)owned, -1);
    if (pid == 0) {
        close(life[1]);
        _exit(read(life[0], &nothing, 1) > 0); /* until the other end closes */
    }
    close(life[0]);
    int r = pid < 0 ? pid : take(pid, base, owned, ret_fd);
    close(life[1]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return r < 0 ? err_errno(err, -r, "cannot make the pod's user namespace") : 0;
}

int userns_enter(const struct userns *userns, struct err *err)
{
    if (setns(userns->fd, CLONE_NEWUSER) < 0 || setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 ||
        setresuid(0, 0, 0) < 0)
        return err_errno(err, errno, "cannot enter the pod's user namespace");
    return 0;
}

int userns_make_files_as(const struct userns *userns, struct err *err)
{
    if (!userns)
        return 0;
    /* Without that its capabilities would go with the id. Both end with userns_enter. */
    if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0)
        return err_errno(err, errno, "cannot keep the capabilities");
    setfsgid(userns->base);
    setfsuid(userns->base);
    return 0;
}

struct userns_ids userns_files_as_host(void)
{
    const struct userns_ids ids = {(uint32_t)setfsuid(0), (uint32_t)setfsgid(0)};
    return ids;
}

void userns_files_back(struct userns_ids ids)
{
    setfsgid(ids.gid);
    setfsuid(ids.uid);
}

int userns_map(int tree_fd, const struct userns *userns)
{
    const struct sys_mount_attr attr = {.set = SYS_ATTR_IDMAP, .userns_fd = (uint64_t)userns->fd};
    return sys_mount_setattr(tree_fd, "", SYS_AT_EMPTY_PATH, &attr) < 0 ? -errno : 0;
}

bool userns_works(const char *dir, struct err *err)
{
    struct userns userns = {-1, USERNS_IDS};
    autoclose int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    autoclose int tree = at < 0 ? -errno : mnt_copy(at, false);
    if (tree < 0 || userns_make(userns.base, 0, &userns.fd, err) < 0) {
        if (tree < 0)
            (void)err_errno(err, -tree, "%s", dir);
        return false;
    }
    int r = userns_map(tree, &userns);
    close(userns.fd);
    if (r < 0)
        (void)err_errno(err, -r, "the kernel cannot map the ids of what lies at %s", dir);
    return r == 0;
}
