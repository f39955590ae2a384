/* grpc: well if the service says by gRPC's health protocol that it serves. */

#include "agent/probe/grpc_call.h"
#include "agent/probe/type.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/bus/dial.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 4096
#define ROUNDS 8 /* chunks a turn of the loop */
#define UNIMPLEMENTED 12
#define SERVING 1

struct grpc {
    struct attempt *attempt;
    char *endpoint;
    struct dial *dial;
    int fd;
    struct loop_io *io;
    struct buf out;
    struct grpc_call call;
};

static void fail(const struct grpc *grpc, const char *words)
{
    attempt_end(grpc->attempt, PROBE_FAILURE,
                xasprintf("error: health rpc probe failed: rpc error: code = Unavailable desc = %s",
                          words));
}

static void answered(const struct grpc *grpc)
{
    const struct grpc_call *call = &grpc->call;
    if (call->state == GRPC_BAD)
        fail(grpc, call->problem);
    else if (call->code == UNIMPLEMENTED)
        attempt_end(grpc->attempt, PROBE_FAILURE,
                    xstrdup("error: this server does not implement the grpc health protocol "
                            "(grpc.health.v1.Health)"));
    else if (call->code > 0)
        attempt_end(grpc->attempt, PROBE_FAILURE,
                    xasprintf("error: health rpc probe failed: rpc error: code = %s",
                              grpc_code_name(call->code)));
    else if (call->serving != SERVING)
        attempt_end(grpc->attempt, PROBE_FAILURE,
                    xasprintf("service unhealthy (responded with \"%s\")",
                              grpc_serving_name(call->serving)));
    else
        attempt_end(grpc->attempt, PROBE_SUCCESS, xstrdup("service healthy"));
}

static void send_out(struct grpc *grpc)
{
    ssize_t n = 0;
    if (grpc->out.len > 0)
        n = send(grpc->fd, grpc->out.data, grpc->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        buf_drop(&grpc->out, (size_t)n);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        grpc->out.len = 0; /* it hung up: what it said before is still to be read */
    loop_io_events(grpc->io, grpc->out.len > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void receive(struct grpc *grpc)
{
    char chunk[CHUNK];
    for (int i = 0; i < ROUNDS && !grpc_call_is_over(&grpc->call); i++) {
        ssize_t n = recv(grpc->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n > 0)
            grpc_call_take(&grpc->call, chunk, (size_t)n);
        else
            grpc_call_end(&grpc->call);
    }
}

static void talk(void *ctx, int fd, uint32_t events)
{
    struct grpc *grpc = ctx;
    (void)fd;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(grpc);
    if (grpc_call_is_over(&grpc->call)) {
        answered(grpc);
        return;
    }
    if (buf_add(&grpc->out, grpc->call.reply.data, grpc->call.reply.len) < 0) {
        fail(grpc, "it does not read");
        return;
    }
    grpc->call.reply.len = 0;
    send_out(grpc);
}

static void dialled(void *ctx, int fd, const struct err *dial_err)
{
    struct grpc *grpc = ctx;
    struct err err = {0};
    if (fd < 0) {
        autofree char *words = attempt_refusal(grpc->endpoint, -dial_err->code);
        attempt_end(grpc->attempt, PROBE_FAILURE,
                    xasprintf("failed to connect service \"%s\": %s", grpc->endpoint, words));
        return;
    }
    grpc->fd = fd;
    if (loop_io_new(grpc->attempt->spec.loop, fd, EPOLLIN | EPOLLOUT, talk, grpc, &grpc->io, &err) <
        0)
        fail(grpc, err.msg);
}

static int begin(struct attempt *attempt, struct err *err)
{
    const char *service = value_get_str(attempt->action, "service");
    const char *host;
    int port;
    int r = attempt_peer(attempt, &host, &port, err);
    if (r < 0)
        return r;
    struct grpc *grpc = xcalloc(1, sizeof(*grpc));
    grpc->attempt = attempt;
    grpc->fd = -1;
    grpc->endpoint = attempt_endpoint(host, port);
    buf_init(&grpc->out, GRPC_TOTAL_MAX);
    grpc_call_init(&grpc->call);
    attempt->state = grpc;
    if (grpc_call_ask(grpc->endpoint, service ? service : "", &grpc->out) < 0)
        return err_set(err, -E2BIG, "the name of the service is too long");
    return dial_new(attempt->spec.loop, host, port, attempt_dial_ns(attempt), dialled, grpc,
                    &grpc->dial, err);
}

static char *late(const struct attempt *attempt)
{
    const struct grpc *grpc = attempt->state;
    autofree char *time = attempt_duration(attempt->spec.timeout_ns);
    if (grpc->call.state == GRPC_WAITING)
        return xasprintf("timeout: failed to connect service \"%s\" within %s: context deadline "
                         "exceeded",
                         grpc->endpoint, time);
    return xasprintf("timeout: health rpc did not complete within %s", time);
}

static void end(struct attempt *attempt)
{
    struct grpc *grpc = attempt->state;
    dial_free(grpc->dial);
    loop_io_free(grpc->io);
    if (grpc->fd >= 0)
        close(grpc->fd);
    buf_done(&grpc->out);
    grpc_call_done(&grpc->call);
    free(grpc->endpoint);
    free(grpc);
}

const struct attempt_type attempt_grpc = {
    .field = "grpc", .begin = begin, .late = late, .close = end};
