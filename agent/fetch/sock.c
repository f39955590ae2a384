#include "agent/fetch/sock.h"

#include "common/base/clock.h"
#include "common/base/traffic.h"
#include "common/base/weaken.h"

#include <linux/tcp.h> /* the C library's has not got all of tcp_info */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#define NS_PER_US 1000
/* What a connection begins with, doubled by the kernel for its own needs: some four segments. A
 * window that was once offered cannot be taken back, and 64 KiB are eight seconds of 64 kbit/s. */
#define FIRST_BUFFER 6144

/* Setting its size stops the kernel from growing the buffer, until it is told (Linux 5.14) that it
 * may. Where it cannot be told the size is left alone. */
static void begin_small(int fd)
{
    static const int size = FIRST_BUFFER, unlocked = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &unlocked, sizeof(unlocked)) < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    (void)setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &unlocked, sizeof(unlocked));
}

void sock_prepare(int fd)
{
    traffic_mark(fd, TRAFFIC_BULK);
    if (!WEAKENED(PULL_INFLOW))
        begin_small(fd);
}

void sock_init(struct sock *sock, int fd)
{
    sock->fd = fd;
    inflow_init(&sock->flow);
}

static bool look(int fd, struct tcp_info *ret)
{
    socklen_t len = sizeof(*ret);
    *ret = (struct tcp_info){0};
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, ret, &len) == 0 &&
           len >= offsetof(struct tcp_info, tcpi_min_rtt) + sizeof(ret->tcpi_min_rtt);
}

void sock_tend(struct sock *sock)
{
    struct tcp_info info;
    if (WEAKENED(PULL_INFLOW) || !look(sock->fd, &info))
        return;
    const struct inflow_sample sample = {.now_ns = clock_boot(clock_system()),
                                         .bytes = (int64_t)info.tcpi_bytes_received,
                                         .rtt_ns = (int64_t)info.tcpi_min_rtt * NS_PER_US,
                                         .segment = (int)info.tcpi_rcv_mss};
    int limit = inflow_limit(&sock->flow, &sample);
    if (limit > 0)
        (void)setsockopt(sock->fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &limit, sizeof(limit));
}
