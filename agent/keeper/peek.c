#include "agent/keeper/peek.h"

#include "agent/keeper/proto.h"
#include "agent/keeper/rundir.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#define CONNECT_RETRY_NS (10 * NS_PER_MS)

static bool is_alive(const char *run_dir)
{
    autofree char *path = xasprintf("%s/keeper.pid", run_dir);
    autoclose int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && rundir_lock_holder(fd) > 0;
}

static int64_t now_ns(void)
{
    return clock_boot(clock_system());
}

static int late(const char *run_dir, struct err *err)
{
    return err_set(err, -ETIMEDOUT, "the keeper in %s does not answer", run_dir);
}

/* A keeper that just starts has no socket yet, one that is busy has a full queue. */
static int connect_by(const char *run_dir, int64_t deadline, struct err *err)
{
    const struct timespec pause = {.tv_nsec = CONNECT_RETRY_NS};
    for (;;) {
        int fd = rundir_connect(run_dir);
        if (fd >= 0)
            return fd;
        if (fd != -ENOENT && fd != -ECONNREFUSED && fd != -EAGAIN)
            return err_errno(err, -fd, "cannot reach the keeper in %s", run_dir);
        if (now_ns() >= deadline)
            return late(run_dir, err);
        nanosleep(&pause, NULL);
    }
}

static int await_data(int fd, int64_t deadline)
{
    struct pollfd peer = {.fd = fd, .events = POLLIN};
    int64_t left_ms = (deadline - now_ns()) / NS_PER_MS;
    int r = poll(&peer, 1, left_ms > 0 ? (int)left_ms : 0);
    return r < 0 ? -errno : r;
}

/* 1: the report has come; 0: something else. */
static int take(const char *bytes, size_t len, struct keeper_report **ret, struct err *err)
{
    struct proto message;
    int r = proto_decode(bytes, len, &message);
    if (r == -ENOMSG)
        return 0;
    if (r < 0)
        return err_set(err, r, "a damaged message");
    if (message.type == PROTO_HELLO && proto_agree(&message) < 0)
        return err_set(err, -EPROTONOSUPPORT, "it speaks another protocol");
    if (message.type != PROTO_REPORT)
        return 0;
    r = keeper_report_decode(message.report, message.report_len, ret, err);
    return r < 0 ? r : 1;
}

int keeper_peek(const char *run_dir, int64_t timeout_ns, struct keeper_report **ret,
                struct err *err)
{
    int64_t deadline = now_ns() + timeout_ns;
    if (!is_alive(run_dir))
        return err_set(err, -ENOENT, "no keeper lives in %s", run_dir);
    autoclose int fd = connect_by(run_dir, deadline, err);
    autofree char *bytes = xmalloc(PROTO_MAX_BYTES);
    int r = fd < 0 ? fd : 0;
    while (r == 0) {
        int ready = await_data(fd, deadline);
        if (ready == -EINTR)
            continue;
        ssize_t n = ready > 0 ? recv(fd, bytes, PROTO_MAX_BYTES, MSG_DONTWAIT | MSG_TRUNC) : -1;
        if (ready <= 0)
            return late(run_dir, err);
        if (n <= 0 || (size_t)n > PROTO_MAX_BYTES)
            return err_set(err, -EPIPE, "the keeper in %s hangs up", run_dir);
        r = take(bytes, (size_t)n, ret, err);
    }
    return r < 0 ? r : 0;
}
