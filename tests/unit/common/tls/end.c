#include "end.h"

#include "common/base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 31 + (at >> 8) * 17 + (at >> 16));
}

static void end_send(struct end *end)
{
    uint8_t data[8192];
    size_t len = end->to_send - end->sent;
    if (len > sizeof(data))
        len = sizeof(data);
    for (size_t i = 0; i < len; i++)
        data[i] = pattern(end->sent + i);
    ssize_t n = len ? send(end->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
    if (n > 0)
        end->sent += (size_t)n;
    if (end->sent == end->to_send && end->shut_at_end) {
        shutdown(end->fd, SHUT_WR);
        end->shut_at_end = false;
    }
}

static void end_receive(struct end *end)
{
    uint8_t data[8192];
    ssize_t n = recv(end->fd, data, sizeof(data), MSG_DONTWAIT);
    if (n < 0)
        return;
    if (n == 0)
        end->eof = true;
    for (ssize_t i = 0; i < n; i++) {
        if (data[i] != pattern(end->received++))
            fail_msg("byte %zu is wrong", end->received - 1);
    }
}

static void on_plain(void *ctx, int fd, uint32_t events)
{
    struct end *end = ctx;
    (void)fd;
    if (events & EPOLLOUT)
        end_send(end);
    if (events & (EPOLLIN | EPOLLHUP) && !end->paused)
        end_receive(end);
    end_update(end);
}

void end_update(struct end *end)
{
    if (!end->io)
        return;
    uint32_t events = 0;
    if (!end->paused && !end->eof)
        events |= EPOLLIN;
    if (end->sent < end->to_send || end->shut_at_end)
        events |= EPOLLOUT;
    loop_io_events(end->io, events);
}

void end_close(struct end *end)
{
    if (end->io)
        loop_io_free(steal(end->io));
    if (end->fd >= 0)
        close(steal_fd(&end->fd));
}

static void on_ready(void *ctx, struct tls_relay *relay, int plain_fd, const struct tls_peer *peer)
{
    struct end *end = ctx;
    assert_ptr_equal(relay, end->relay);
    assert_false(end->ready);
    end->ready = true;
    snprintf(end->who, sizeof(end->who), "%s", peer->common_name);
    snprintf(end->refused, sizeof(end->refused), "%s", peer->refused);
    snprintf(end->cipher, sizeof(end->cipher), "%s", peer->cipher);
    if (peer->organizations && peer->organizations[0])
        snprintf(end->group, sizeof(end->group), "%s", peer->organizations[0]);
    if (plain_fd >= 0)
        end->fd = plain_fd;
    if (end->free_at_ready) {
        tls_relay_free(steal(end->relay));
        return;
    }
    if (end->fd >= 0)
        assert_int_equal(loop_io_new(end->loop, end->fd, EPOLLIN, on_plain, end, &end->io, NULL),
                         0);
    end_update(end);
}

static void on_eof(void *ctx, struct tls_relay *relay)
{
    struct end *end = ctx;
    (void)relay;
    assert_false(end->relay_eof);
    end->relay_eof = true;
    if (end->free_at_eof)
        tls_relay_free(steal(end->relay));
}

static void on_closed(void *ctx, struct tls_relay *relay, const struct err *err)
{
    struct end *end = ctx;
    assert_false(end->closed);
    end->closed = true;
    end->err = *err;
    tls_relay_free(relay);
    end->relay = NULL;
}

const struct tls_relay_handler end_handler = {
    .ready = on_ready, .eof = on_eof, .closed = on_closed};

void end_accept(struct end *end, struct loop *loop, struct tls_config *config, int net_fd)
{
    end->loop = loop;
    end->fd = -1;
    if (tls_relay_accept(loop, config, net_fd, HANDSHAKE_NS, &end_handler, end, &end->relay,
                         &end->err))
        fail_msg("%s", end->err.msg);
}

void end_connect(struct end *end, struct loop *loop, struct tls_config *config, int net_fd)
{
    end->loop = loop;
    end->fd = -1;
    if (tls_relay_connect(loop, config, net_fd, -1, HANDSHAKE_NS, &end_handler, end, &end->relay,
                          &end->err))
        fail_msg("%s", end->err.msg);
}

void end_done(struct end *end)
{
    end_close(end);
    tls_relay_free(steal(end->relay));
}
