/* tcpSocket: well if the connection comes about. */

#include "agent/probe/type.h"

#include "common/base/mem.h"
#include "common/bus/dial.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct tcp {
    struct attempt *attempt;
    struct dial *dial;
    char *endpoint;
};

static void dialled(void *ctx, int fd, const struct err *err)
{
    const struct tcp *tcp = ctx;
    if (fd < 0) {
        attempt_end(tcp->attempt, PROBE_FAILURE, attempt_refusal(tcp->endpoint, -err->code));
        return;
    }
    close(fd);
    attempt_end(tcp->attempt, PROBE_SUCCESS, NULL);
}

static int begin(struct attempt *attempt, struct err *err)
{
    const char *host;
    int port;
    int r = attempt_peer(attempt, &host, &port, err);
    if (r < 0)
        return r;
    struct tcp *tcp = xcalloc(1, sizeof(*tcp));
    tcp->attempt = attempt;
    tcp->endpoint = attempt_endpoint(host, port);
    attempt->state = tcp;
    return dial_new(attempt->spec.loop, host, port, attempt_dial_ns(attempt), dialled, tcp,
                    &tcp->dial, err);
}

static char *late(const struct attempt *attempt)
{
    const struct tcp *tcp = attempt->state;
    return xasprintf("dial tcp %s: i/o timeout", tcp->endpoint);
}

static void end(struct attempt *attempt)
{
    struct tcp *tcp = attempt->state;
    dial_free(tcp->dial);
    free(tcp->endpoint);
    free(tcp);
}

const struct attempt_type attempt_tcp_socket = {
    .field = "tcpSocket", .begin = begin, .late = late, .close = end};
