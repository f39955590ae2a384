#include "common/bus/wire.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/base/traffic.h"
#include "common/bus/dial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

struct wire {
    struct loop *loop;
    const struct wire_handler *handler;
    void *ctx;
    struct tls_config *tls;
    int64_t timeout_ns;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    struct dial *dial;
    struct tls_relay *relay;
};

static int listen_at(const char *path, struct err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0)
        return err_errno(err, errno, "relay socket %s", path);
    return steal_fd(&fd);
}

/* Whether the process at the other end is this one: nobody else gets onto our connection. */
static bool is_ourselves(int fd)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.pid == getpid();
}

/* The plain end: libmosquitto connects into the backlog, and is accepted from there. */
static int plain_end(struct wire *w, struct err *err)
{
    autoclose int listener = listen_at(w->path, err);

    if (listener < 0)
        return listener;
    w->handler->ready(w->ctx, w->path);
    autoclose int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int code = errno;
    unlink(w->path);
    if (fd < 0)
        return err_errno(err, code, "relay socket %s", w->path);
    if (!is_ourselves(fd))
        return err_set(err, -EPERM, "relay socket %s: a stranger connected", w->path);
    return steal_fd(&fd);
}

static void on_relay_ready(void *ctx, struct tls_relay *relay, int plain_fd,
                           const struct tls_peer *peer)
{
    (void)ctx, (void)relay, (void)plain_fd, (void)peer;
}

static void on_relay_closed(void *ctx, struct tls_relay *relay, const struct err *err)
{
    struct wire *w = ctx;

    (void)relay;
    w->handler->closed(w->ctx, err);
}

static const struct tls_relay_handler relay_handler = {
    .ready = on_relay_ready,
    .closed = on_relay_closed,
};

static void on_dial(void *ctx, int fd, const struct err *dial_err)
{
    struct wire *w = ctx;
    autoclose int net = fd;
    struct err err = *dial_err;

    if (fd >= 0) {
        autoclose int plain = plain_end(w, &err);
        traffic_mark(fd, TRAFFIC_CONTROL);

        if (plain >= 0 && tls_relay_connect(w->loop, w->tls, steal_fd(&net), steal_fd(&plain),
                                            w->timeout_ns, &relay_handler, w, &w->relay, &err) == 0)
            return;
    }
    w->handler->closed(w->ctx, &err);
}

int wire_new(struct loop *loop, const struct wire_spec *spec, struct rng *rng,
             const struct wire_handler *handler, void *ctx, struct wire **ret, struct err *err)
{
    struct wire *w = xcalloc(1, sizeof(*w));
    int rc;

    *w =
        (struct wire){.loop = loop, .handler = handler, .ctx = ctx, .timeout_ns = spec->timeout_ns};
    w->tls = tls_config_ref(spec->tls);
    if (snprintf(w->path, sizeof(w->path), "%s/bus-%016llx", spec->run_dir,
                 (unsigned long long)rng_below(rng, UINT64_MAX)) >= (int)sizeof(w->path))
        rc = err_set(err, -ENAMETOOLONG, "%s: too long for a unix socket", spec->run_dir);
    else
        rc = dial_new(loop, spec->host, spec->port, spec->timeout_ns, on_dial, w, &w->dial, err);
    if (rc < 0) {
        wire_free(w);
        return rc;
    }
    *ret = w;
    return 0;
}

void wire_free(struct wire *w)
{
    if (!w)
        return;
    dial_free(w->dial);
    tls_relay_free(w->relay);
    tls_config_unref(w->tls);
    free(w);
}
