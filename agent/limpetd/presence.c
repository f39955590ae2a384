#include "agent/limpetd/presence.h"

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

/* Those who only look hold the lock for an instant. */
#define TRIES 20
#define PAUSE_NS (5 * NS_PER_MS)

static char *lock_path(const char *run_dir)
{
    return xasprintf("%s/limpetd.lock", run_dir);
}

int presence_take(const char *run_dir, struct err *err)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    autofree char *path = lock_path(run_dir);
    autoclose int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, errno, "%s", path);
    for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
        if (errno != EWOULDBLOCK)
            return err_errno(err, errno, "%s", path);
        if (i >= TRIES)
            return err_set(err, -EBUSY, "another limpetd runs on %s", run_dir);
        nanosleep(&pause, NULL);
    }
    return steal_fd(&fd);
}

bool presence_is_taken(const char *run_dir)
{
    autofree char *path = lock_path(run_dir);
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno != ENOENT;
    return flock(fd, LOCK_SH | LOCK_NB) < 0;
}
