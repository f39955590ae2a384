/* "portforward": one connection to a port of a pod, as from inside it: 127.0.0.1, then ::1. */

#include "agent/link/drain.h"
#include "agent/link/methods.h"
#include "agent/link/tap.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_NS (10 * NS_PER_S)

struct forward {
    struct stream *stream;
    struct agent_target target; /* pod and uid: of the stream and uid */
    char *uid;
    uint16_t port;
    int fd; /* connecting; -1 */
    struct loop_io *io;
    struct loop_timer *late;
    int first_error; /* of 127.0.0.1 */
    struct tap out;
    struct drain in;
    bool out_ended, in_ended;
};

/* As other programs write it: "connection refused". */
static char *words_of(int error)
{
    char *words = xstrdup(strerror(error));
    *words = (char)tolower((unsigned char)*words);
    return words;
}

static void fail(struct forward *forward, int error4, int error6)
{
    autofree char *first = words_of(error4), *second = words_of(error6);
    autofree char *text =
        xasprintf("failed to connect to localhost:%u inside namespace of the pod, IPv4: dial tcp4 "
                  "127.0.0.1:%u: connect: %s IPv6: dial tcp6 [::1]:%u: connect: %s",
                  forward->port, forward->port, first, forward->port, second);
    stream_end(forward->stream, 502, 0, text);
}

static void stop_connecting(struct forward *forward)
{
    loop_io_free(forward->io);
    forward->io = NULL;
    if (forward->fd >= 0)
        close(forward->fd);
    forward->fd = -1;
    loop_timer_stop(forward->late);
}

static void end_if_both(struct forward *forward)
{
    if (forward->out_ended && (forward->in_ended || forward->in.fd < 0))
        stream_end(forward->stream, 0, 0, "");
}

static void out_ended(void *ctx)
{
    struct forward *forward = ctx;
    forward->out_ended = true;
    end_if_both(forward);
}

static void in_ended(void *ctx)
{
    struct forward *forward = ctx;
    forward->in_ended = true;
    end_if_both(forward);
}

static void connected(struct forward *forward)
{
    struct err err = {0};
    autoclose int fd = steal_fd(&forward->fd);
    stop_connecting(forward);
    int again = dup(fd);
    int r = again < 0
                ? err_errno(&err, errno, "cannot copy a descriptor")
                : drain_open(&forward->in, forward->stream, again, true, in_ended, forward, &err);
    if (r == 0)
        r = tap_open(&forward->out, forward->stream, steal_fd(&fd), RPC_STDOUT, out_ended, forward,
                     &err);
    if (r < 0)
        stream_end(forward->stream, 500, 0, err.msg);
    else
        stream_opened(forward->stream);
}

static void try_next(struct forward *forward, int error);

static void connecting(void *ctx, int fd, uint32_t events)
{
    struct forward *forward = ctx;
    int error = 0;
    socklen_t len = sizeof(error);
    (void)events;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error == 0)
        connected(forward);
    else
        try_next(forward, error);
}

static void too_late(void *ctx)
{
    try_next(ctx, ETIMEDOUT);
}

/* 0 or an errno: it will not be. */
static int try_address(struct forward *forward, const struct sockaddr *address, socklen_t len,
                       struct err *err)
{
    const struct stream_node *node = stream_node(forward->stream);
    int r = agent_socket(node->agent, &forward->target, address->sa_family, &forward->fd, err);
    if (r < 0)
        return -r;
    if (connect(forward->fd, address, len) < 0 && errno != EINPROGRESS) {
        int error = errno;
        stop_connecting(forward);
        return error;
    }
    loop_timer_after(forward->late, CONNECT_NS);
    return -loop_io_new(node->loop, forward->fd, EPOLLOUT, connecting, forward, &forward->io, err);
}

/* 127.0.0.1 did not do it: ::1. */
static void try_next(struct forward *forward, int error)
{
    const struct sockaddr_in6 six = {.sin6_family = AF_INET6,
                                     .sin6_port = htons(forward->port),
                                     .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct err err = {0};
    stop_connecting(forward);
    if (forward->first_error) {
        fail(forward, forward->first_error, error);
        return;
    }
    forward->first_error = error;
    int second =
        try_address(forward, (const struct sockaddr *)(const void *)&six, sizeof(six), &err);
    if (second > 0)
        fail(forward, error, second);
}

static int forward_begin(struct stream *stream, const struct value *args, struct err *err)
{
    int64_t port = value_get_int(args, "port", 0);
    const char *uid = value_get_str(args, "uid");
    if (port < 1 || port > 65535)
        return err_set(err, -EINVAL, "a port is 1-65535");
    struct forward *forward = xcalloc(1, sizeof(*forward));
    forward->stream = stream;
    forward->port = (uint16_t)port;
    forward->uid = uid ? xstrdup(uid) : NULL;
    forward->target = (struct agent_target){
        .ns = stream_ns(stream), .name = stream_pod(stream), .uid = forward->uid};
    forward->fd = forward->out.fd = forward->in.fd = -1;
    forward->late = loop_timer_new(stream_node(stream)->loop, too_late, forward);
    stream_set_state(stream, forward);
    const struct sockaddr_in four = {.sin_family = AF_INET,
                                     .sin_port = htons(forward->port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int error =
        try_address(forward, (const struct sockaddr *)(const void *)&four, sizeof(four), err);
    if (error > 0 && forward->fd < 0 && err->code == 0)
        try_next(forward, error);
    else if (error > 0)
        return -error;
    return 0;
}

static void forward_data(struct stream *stream, unsigned channel, const void *data, size_t len)
{
    struct forward *forward = stream_state(stream);
    if (channel == RPC_STDIN)
        drain_write(&forward->in, data, len);
    else
        stream_took(stream, len);
}

static void forward_eof(struct stream *stream, unsigned channel)
{
    struct forward *forward = stream_state(stream);
    if (channel == RPC_STDIN)
        drain_eof(&forward->in);
}

static void forward_ready(struct stream *stream)
{
    struct forward *forward = stream_state(stream);
    tap_ready(&forward->out);
}

static void forward_pod_gone(struct stream *stream)
{
    stream_end(stream, 502, 0, "the pod is gone");
}

static void forward_close(struct stream *stream)
{
    struct forward *forward = stream_state(stream);
    stop_connecting(forward);
    loop_timer_free(forward->late);
    tap_done(&forward->out);
    drain_done(&forward->in);
    free(forward->uid);
    free(forward);
}

const struct stream_method method_portforward = {.name = "portforward",
                                                 .opens = true,
                                                 .open = forward_begin,
                                                 .data = forward_data,
                                                 .eof = forward_eof,
                                                 .ready = forward_ready,
                                                 .pod_gone = forward_pod_gone,
                                                 .close = forward_close};
