#include "agent/net/node_address.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Addresses and routes come in bursts, and first of all half made. */
#define SETTLE_NS (300 * NS_PER_MS)
#define DRAIN_MAX 64 /* messages a turn of the loop */

struct node_address {
    char *known;
    int fd;
    struct loop_io *io;
    struct loop_timer *settle;
    node_address_fn *fn;
    void *ctx;
};

char *node_address_read(void)
{
    /* Connecting a datagram socket sends nothing: the kernel only chooses the source address. The
     * target is of the documentation range (RFC 5737). */
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    socklen_t len = sizeof(to);
    char text[INET_ADDRSTRLEN] = "";
    autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
        getsockname(fd, (struct sockaddr *)&to, &len) == 0)
        (void)inet_ntop(AF_INET, &to.sin_addr, text, sizeof(text));
    return xstrdup(text);
}

static void look(void *ctx)
{
    struct node_address *address = ctx;
    autofree char *now = node_address_read();
    if (str_empty(now) || str_eq(now, address->known))
        return;
    free(address->known);
    address->known = steal(now);
    address->fn(address->ctx, address->known);
}

/* What the messages say does not matter, and neither do those that were lost (ENOBUFS). */
static void changed(void *ctx, int fd, uint32_t events)
{
    struct node_address *address = ctx;
    char drain[64];
    (void)events;
    for (int i = 0; i < DRAIN_MAX; i++)
        if (recv(fd, drain, sizeof(drain), 0) < 0 && errno != ENOBUFS)
            break;
    if (!loop_timer_armed(address->settle))
        loop_timer_after(address->settle, SETTLE_NS);
}

static int open_socket(struct err *err)
{
    const struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
                                       .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE};
    autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&groups, sizeof(groups)) < 0)
        return err_errno(err, errno, "cannot follow the node's addresses");
    return steal_fd(&fd);
}

int node_address_new(struct loop *loop, const char *known, node_address_fn *fn, void *ctx,
                     struct node_address **ret, struct err *err)
{
    int fd = open_socket(err);
    if (fd < 0)
        return fd;
    struct node_address *address = xcalloc(1, sizeof(*address));
    address->known = xstrdup(known);
    address->fd = fd;
    address->fn = fn;
    address->ctx = ctx;
    address->settle = loop_timer_new(loop, look, address);
    int rc = loop_io_new(loop, fd, EPOLLIN, changed, address, &address->io, err);
    if (rc < 0) {
        node_address_free(address);
        return rc;
    }
    loop_timer_after(address->settle, 0); /* it may have changed since the caller looked */
    *ret = address;
    return 0;
}

void node_address_free(struct node_address *address)
{
    if (!address)
        return;
    loop_timer_free(address->settle);
    loop_io_free(address->io);
    close(address->fd);
    free(address->known);
    free(address);
}
