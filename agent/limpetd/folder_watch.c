#include "agent/limpetd/folder_watch.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/inotify.h>

#define CAME (IN_CLOSE_WRITE | IN_MOVED_TO)
#define WENT (IN_MOVED_FROM | IN_DELETE)
#define CAME_NS (2 * NS_PER_MS)
#define WENT_NS (100 * NS_PER_MS)

struct folder_watch {
    int fd;
    struct loop_io *io;
    struct loop_timer *timer;
    bool something_went; /* since the last call */
    folder_watch_fn *fn;
    void *ctx;
};

/* What came and went since the last look. */
static uint32_t read_changes(int fd)
{
    _Alignas(struct inotify_event) char events[4096];
    uint32_t mask = 0;
    ssize_t n;
    while ((n = read(fd, events, sizeof(events))) > 0) {
        for (const char *p = events; p < events + n;) {
            const struct inotify_event *event = (const void *)p;
            mask |= event->mask;
            p += sizeof(*event) + event->len;
        }
    }
    return mask & IN_Q_OVERFLOW ? CAME | WENT : mask & (CAME | WENT);
}

static void settled(void *ctx)
{
    struct folder_watch *watch = ctx;
    watch->something_went = false;
    watch->fn(watch->ctx);
}

static void changed(void *ctx, int fd, uint32_t events)
{
    struct folder_watch *watch = ctx;
    (void)events;
    uint32_t mask = read_changes(fd);
    if (mask & WENT && !watch->something_went) {
        watch->something_went = true;
        loop_timer_after(watch->timer, WENT_NS);
    } else if (mask && !loop_timer_armed(watch->timer)) {
        loop_timer_after(watch->timer, CAME_NS);
    }
}

int folder_watch_new(struct loop *loop, const char *path, folder_watch_fn *fn, void *ctx,
                     struct folder_watch **ret, struct err *err)
{
    autoclose int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0 || inotify_add_watch(fd, path, CAME | WENT | IN_ONLYDIR) < 0)
        return err_errno(err, errno, "cannot watch %s", path);
    struct folder_watch *watch = xcalloc(1, sizeof(*watch));
    int r = loop_io_new(loop, fd, EPOLLIN, changed, watch, &watch->io, err);
    if (r < 0) {
        free(watch);
        return r;
    }
    watch->fd = steal_fd(&fd);
    watch->timer = loop_timer_new(loop, settled, watch);
    watch->fn = fn;
    watch->ctx = ctx;
    *ret = watch;
    return 0;
}

void folder_watch_free(struct folder_watch *watch)
{
    if (!watch)
        return;
    loop_timer_free(watch->timer);
    loop_io_free(watch->io);
    close(watch->fd);
    free(watch);
}
