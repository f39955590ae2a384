#include "agent/limpetd/folder_watch.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define CAME (IN_CLOSE_WRITE | IN_MOVED_TO)
#define WENT (IN_MOVED_FROM | IN_DELETE)
#define LOST (IN_IGNORED | IN_MOVE_SELF | IN_DELETE_SELF)
#define CAME_NS (2 * NS_PER_MS)
#define WENT_NS (100 * NS_PER_MS)
#define LOOK_NS (20 * NS_PER_S)

struct folder_watch {
    char *path;
    int fd;
    int wd;    /* of the folder; -1: none is watched */
    dev_t dev; /* of the folder that is watched */
    ino_t ino;
    struct loop_io *io;
    struct loop_timer *settle, *look;
    bool something_went; /* since the last call */
    folder_watch_counts_fn *counts;
    folder_watch_fn *fn;
    void *ctx;
};

static void soon(struct folder_watch *watch, uint32_t mask)
{
    if (mask & WENT && !watch->something_went) {
        watch->something_went = true;
        loop_timer_after(watch->settle, WENT_NS);
    } else if (mask & (CAME | WENT) && !loop_timer_armed(watch->settle)) {
        loop_timer_after(watch->settle, CAME_NS);
    }
}

/* Watches what stands at the path now, if it is not that already. */
static void look(void *ctx)
{
    struct folder_watch *watch = ctx;
    struct stat st;
    bool there = stat(watch->path, &st) == 0 && S_ISDIR(st.st_mode);
    loop_timer_after(watch->look, LOOK_NS);
    if (there && watch->wd >= 0 && st.st_dev == watch->dev && st.st_ino == watch->ino)
        return;
    if (watch->wd >= 0) {
        inotify_rm_watch(watch->fd, watch->wd);
        watch->wd = -1;
        soon(watch, WENT);
    }
    if (!there)
        return;
    watch->wd = inotify_add_watch(watch->fd, watch->path,
                                  CAME | WENT | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR);
    watch->dev = st.st_dev;
    watch->ino = st.st_ino;
    if (watch->wd >= 0)
        soon(watch, CAME);
}

/* What one event means; of a watch that was given up, nothing. */
static uint32_t meaning(const struct folder_watch *watch, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW)
        return CAME | WENT;
    if (event->wd != watch->wd)
        return 0;
    if (event->mask & LOST)
        return WENT | LOST;
    return event->len > 0 && watch->counts(event->name) ? event->mask : 0;
}

static void changed(void *ctx, int fd, uint32_t events)
{
    struct folder_watch *watch = ctx;
    _Alignas(struct inotify_event) char buffer[4096];
    uint32_t mask = 0;
    ssize_t n;
    (void)events;
    while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
        for (const char *p = buffer; p < buffer + n;) {
            const struct inotify_event *event = (const void *)p;
            mask |= meaning(watch, event);
            p += sizeof(*event) + event->len;
        }
    }
    soon(watch, mask);
    if (mask & LOST) {
        watch->wd = -1; /* whatever stands at the path: when this has settled */
        loop_timer_after(watch->look, WENT_NS);
    }
}

static void settled(void *ctx)
{
    struct folder_watch *watch = ctx;
    watch->something_went = false;
    watch->fn(watch->ctx);
}

int folder_watch_new(struct loop *loop, const char *path, folder_watch_counts_fn *counts,
                     folder_watch_fn *fn, void *ctx, struct folder_watch **ret, struct err *err)
{
    autoclose int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return err_errno(err, errno, "cannot watch %s", path);
    struct folder_watch *watch = xcalloc(1, sizeof(*watch));
    *watch = (struct folder_watch){.wd = -1, .counts = counts, .fn = fn, .ctx = ctx};
    int r = loop_io_new(loop, fd, EPOLLIN, changed, watch, &watch->io, err);
    if (r < 0) {
        free(watch);
        return r;
    }
    watch->path = xstrdup(path);
    watch->fd = steal_fd(&fd);
    watch->settle = loop_timer_new(loop, settled, watch);
    watch->look = loop_timer_new(loop, look, watch);
    look(watch);
    loop_timer_stop(watch->settle); /* what is there at first is no change */
    *ret = watch;
    return 0;
}

void folder_watch_free(struct folder_watch *watch)
{
    if (!watch)
        return;
    loop_timer_free(watch->settle);
    loop_timer_free(watch->look);
    loop_io_free(watch->io);
    close(watch->fd);
    free(watch->path);
    free(watch);
}
