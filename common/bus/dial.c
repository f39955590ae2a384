#include "common/bus/dial.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/bus/resolve.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

struct dial {
    struct loop *loop;
    dial_fn *fn;
    void *ctx;
    char *host;
    int port;
    int64_t timeout_ns;
    struct resolve *resolve;
    union resolve_addr addrs[RESOLVE_MAX];
    size_t count, next;
    int fd;
    struct loop_io *io;
    struct loop_timer *timer;
};

static void close_attempt(struct dial *d)
{
    loop_io_free(d->io);
    d->io = NULL;
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
    loop_timer_stop(d->timer);
}

static void on_socket(void *ctx, int fd, uint32_t events);

static int try_address(struct dial *d, const union resolve_addr *a)
{
    socklen_t len = a->sa.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
    int one = 1;

    d->fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (d->fd < 0)
        return -errno;
    setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(d->fd, &a->sa, len) < 0 && errno != EINPROGRESS)
        return -errno;
    /* A connection that is already made reports EPOLLOUT too. */
    int rc = loop_io_new(d->loop, d->fd, EPOLLOUT, on_socket, d, &d->io, NULL);
    if (rc == 0)
        loop_timer_after(d->timer, d->timeout_ns);
    return rc;
}

static void try_next(struct dial *d, int why)
{
    struct err err = {0};

    close_attempt(d);
    while (d->next < d->count) {
        why = try_address(d, &d->addrs[d->next++]);
        if (why == 0)
            return;
        close_attempt(d);
    }
    err_errno(&err, -why, "%s port %d", d->host, d->port);
    d->fn(d->ctx, -1, &err);
}

static void on_timer(void *ctx)
{
    try_next(ctx, -ETIMEDOUT);
}

static void on_socket(void *ctx, int fd, uint32_t events)
{
    struct dial *d = ctx;
    struct err none = {0};
    int code = 0;
    socklen_t len = sizeof(code);

    (void)events;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
        code = errno;
    if (code != 0) {
        try_next(d, -code);
        return;
    }
    int connected = steal_fd(&d->fd);
    close_attempt(d);
    d->fn(d->ctx, connected, &none);
}

static void on_resolved(void *ctx, const union resolve_addr *addrs, size_t count,
                        const struct err *err)
{
    struct dial *d = ctx;

    if (count == 0) {
        d->fn(d->ctx, -1, err);
        return;
    }
    d->count = count;
    for (size_t i = 0; i < count; i++)
        d->addrs[i] = addrs[i];
    try_next(d, -EHOSTUNREACH);
}

int dial_new(struct loop *loop, const char *host, int port, int64_t timeout_ns, dial_fn *fn,
             void *ctx, struct dial **ret, struct err *err)
{
    struct dial *d = xcalloc(1, sizeof(*d));

    *d = (struct dial){.loop = loop,
                       .fn = fn,
                       .ctx = ctx,
                       .host = xstrdup(host),
                       .port = port,
                       .timeout_ns = timeout_ns,
                       .fd = -1};
    d->timer = loop_timer_new(loop, on_timer, d);
    int rc = resolve_new(loop, host, port, timeout_ns, on_resolved, d, &d->resolve, err);
    if (rc < 0) {
        dial_free(d);
        return rc;
    }
    *ret = d;
    return 0;
}

void dial_free(struct dial *d)
{
    if (!d)
        return;
    resolve_free(d->resolve);
    close_attempt(d);
    loop_timer_free(d->timer);
    free(d->host);
    free(d);
}
