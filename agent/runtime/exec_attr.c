#include "agent/runtime/exec_attr.h"

#include "agent/runtime/sys.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#define NO_XDEV 0x01
#define NO_MAGICLINKS 0x02
#define BENEATH 0x08
#define PROC_MAGIC 0x9fa0

static bool is_proc(int fd)
{
    struct statfs fs;
    return WEAKENED(EXEC_ATTR_PROC) ||
           (fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == PROC_MAGIC);
}

/* Within the mount at dir alone. */
static int open_below(int dir, const char *path)
{
    const struct {
        uint64_t flags, mode, resolve;
    } how = {.flags = O_WRONLY | O_CLOEXEC, .resolve = NO_XDEV | NO_MAGICLINKS | BENEATH};
    int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
    if (fd < 0 && errno == ENOSYS)
        fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int open_exec(int dir, const char *own)
{
    autofree char *path = own ? xasprintf("thread-self/attr/%s/exec", own) : NULL;
    int fd = path ? open_below(dir, path) : -ENOENT;
    return fd == -ENOENT ? open_below(dir, "thread-self/attr/exec") : fd;
}

int exec_attr_write(const char *proc, const char *own, const char *text)
{
    autoclose int dir = open(proc, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    if (!is_proc(dir))
        return -EPERM;
    autoclose int fd = open_exec(dir, own);
    if (fd < 0)
        return fd;
    if (!is_proc(fd))
        return -EPERM;
    ssize_t n = write(fd, text, strlen(text));
    return n < 0 ? -errno : (size_t)n < strlen(text) ? -EIO : 0;
}
