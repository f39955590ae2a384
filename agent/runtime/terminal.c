#include "agent/runtime/terminal.h"

#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#define DEVPTS_MAGIC 0x1cd1UL
#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

int terminal_open(int dev, struct terminal *ret)
{
    int unlock = 0;
    struct statfs fs;
    autoclose int ptmx = openat(dev, "pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ptmx < 0)
        return -errno;
    /* Nothing is asked of a device that only has the name. */
    if (fstatfs(ptmx, &fs) < 0 || (unsigned long)fs.f_type != DEVPTS_MAGIC)
        return -ENXIO;
    if (ioctl(ptmx, TIOCSPTLCK, &unlock) < 0)
        return -errno;
    autoclose int tty = ioctl(ptmx, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (tty < 0)
        return -errno;
    ret->ptmx = steal_fd(&ptmx);
    ret->tty = steal_fd(&tty);
    return 0;
}
