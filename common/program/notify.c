#include "common/program/notify.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define READY_WAIT_S 2
#define NS_PER_US 1000

struct notify {
    struct loop_timer *feed;
    int64_t feed_ns; /* 0: nobody asks */
    int fd;
};

/* A path, or '@' and an abstract name. */
static int connect_to(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval wait = {.tv_sec = READY_WAIT_S};
    size_t len = name ? strlen(name) : 0;
    if (len < 2 || len >= sizeof(address.sun_path) || (name[0] != '/' && name[0] != '@'))
        return -1;
    memcpy(address.sun_path, name, len);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0 ||
        connect(fd, (struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        return -1;
    return steal_fd(&fd);
}

/* Twice within the time that the manager gives us. */
static int64_t feed_interval(void)
{
    uint64_t usec = 0, pid = 0;
    const char *meant = getenv("WATCHDOG_PID"), *within = getenv("WATCHDOG_USEC");
    if (meant && (str_to_u64(meant, &pid) < 0 || pid != (uint64_t)getpid()))
        return 0;
    if (!within || str_to_u64(within, &usec) < 0 || usec > INT64_MAX / NS_PER_US)
        return 0;
    return (int64_t)usec * NS_PER_US / 2;
}

static void tell(const struct notify *notify, const char *message, int flags)
{
    /* A manager that is gone, or too busy to listen, is no reason to stop. */
    (void)!send(notify->fd, message, strlen(message), flags | MSG_NOSIGNAL);
}

static void feed(void *ctx)
{
    struct notify *notify = ctx;
    tell(notify, "WATCHDOG=1", MSG_DONTWAIT);
    loop_timer_after(notify->feed, notify->feed_ns);
}

struct notify *notify_new(struct loop *loop)
{
    const int fd = connect_to(getenv("NOTIFY_SOCKET"));
    struct notify *notify = NULL;
    if (fd >= 0) {
        notify = xcalloc(1, sizeof(*notify));
        notify->fd = fd;
        notify->feed_ns = feed_interval();
        notify->feed = loop_timer_new(loop, feed, notify);
    }
    if (!WEAKENED(NOTIFY_ENVIRONMENT)) {
        unsetenv("NOTIFY_SOCKET");
        unsetenv("WATCHDOG_USEC");
        unsetenv("WATCHDOG_PID");
    }
    return notify;
}

void notify_ready(struct notify *notify)
{
    if (!notify)
        return;
    tell(notify, "READY=1", 0);
    if (notify->feed_ns)
        feed(notify);
}

void notify_stopping(struct notify *notify)
{
    if (notify)
        tell(notify, "STOPPING=1", MSG_DONTWAIT);
}

void notify_free(struct notify *notify)
{
    if (!notify)
        return;
    loop_timer_free(notify->feed);
    close(notify->fd);
    free(notify);
}
