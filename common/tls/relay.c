/* Moves bytes between a TLS socket and a plain one. Both are non-blocking; at most one chunk a
 * direction is held here, one record a direction in mbedtls, and reading stops until they are gone.
 */

#include "common/tls/relay.h"

#include "common/base/mem.h"
#include "common/base/traffic.h"
#include "common/base/weaken.h"
#include "common/tls/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum {
    CHUNK = 16 * 1024,
    PAIR_BUFFER = 32 * 1024, /* what the kernel holds for a slow reader of the plain end */
    ROUNDS = 8, /* chunks an event, so that one connection does not starve the others */
    BULK_ROUNDS = 1,
    LINGER_MAX = 1024 * 1024,
};
#define LINGER_NS (1 * NS_PER_S)
#define DRAIN_NS (60 * NS_PER_S) /* to take the last bytes, once the plain end is closed */

enum state { CONNECTING, HANDSHAKE, OPEN, LINGER, CLOSED };

/* Bytes that were read and could not be written yet. */
struct held {
    uint8_t *data; /* NULL: none */
    size_t at, len;
};

struct tls_relay {
    struct loop *loop;
    struct tls_config *config;
    const struct tls_relay_handler *handler;
    void *ctx;
    enum state state;
    int net_fd, plain_fd;
    struct loop_io *net, *plain;
    struct loop_timer *timer; /* handshake, then linger */
    mbedtls_ssl_context ssl;
    int64_t now_s, handshake_ns; /* wall seconds for the dates of certificates */
    struct held in, out;         /* net to plain, plain to net */
    size_t record;               /* bytes of `out` or what follows that go in the record begun */
    size_t lingered;
    int rounds;     /* chunks an event */
    struct err err; /* code 0 until it fails */
    bool net_blocked;
    bool net_eof;    /* the other side's close_notify has come */
    bool eof_passed; /* and the plain end knows */
    bool plain_eof;  /* no more to send */
    bool notified;   /* and our close_notify is out */
    bool plain_dead; /* nobody reads the plain end any more */
};

/* In a handshake that the other side has broken off, what it said last (why, mostly) is still to be
 * read: bytes that it takes no more count as sent, and the end is found by reading. */
static int bio_send(void *ctx, const unsigned char *data, size_t len)
{
    const struct tls_relay *relay = ctx;
    ssize_t n = send(relay->net_fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0)
        return (int)n;
    if (errno == EAGAIN || errno == EINTR)
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    return relay->state == HANDSHAKE && !WEAKENED(TLS_LAST_WORDS) ? (int)len
                                                                  : MBEDTLS_ERR_NET_CONN_RESET;
}

static int bio_recv(void *ctx, unsigned char *data, size_t len)
{
    const struct tls_relay *relay = ctx;
    ssize_t n = recv(relay->net_fd, data, len, MSG_DONTWAIT);
    if (n >= 0)
        return (int)n;
    return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_READ
                                             : MBEDTLS_ERR_NET_CONN_RESET;
}

static bool wants_more(int ret)
{
    return ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE;
}

static void hold(struct held *held, const uint8_t *data, size_t len)
{
    held->data = xmemdup(data, len);
    held->at = 0;
    held->len = len;
}

static void let_go(struct held *held)
{
    free(held->data);
    *held = (struct held){0};
}

/* Writes to the plain end; what does not fit is held. */
static void give_plain(struct tls_relay *relay, const uint8_t *data, size_t len)
{
    ssize_t n = relay->plain_dead ? (ssize_t)len
                                  : send(relay->plain_fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        relay->plain_dead = true;
    else if (n < (ssize_t)len)
        hold(&relay->in, data + (n < 0 ? 0 : n), len - (size_t)(n < 0 ? 0 : n));
}

/* What came from the net; len 0: its end. */
static void take_net(struct tls_relay *relay, const uint8_t *data, size_t len)
{
    if (!relay->handler->filter) {
        if (len > 0)
            give_plain(relay, data, len);
        return;
    }
    cleanup(buf_done) struct buf passed = {0};
    relay->handler->filter(relay->ctx, data, len, &passed);
    if (passed.len > 0)
        give_plain(relay, (const uint8_t *)passed.data, passed.len);
}

static void retry_plain(struct tls_relay *relay)
{
    struct held *in = &relay->in;
    ssize_t n =
        send(relay->plain_fd, in->data + in->at, in->len - in->at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        relay->plain_dead = true;
    if (n > 0)
        in->at += (size_t)n;
    if (relay->plain_dead || in->at == in->len)
        let_go(in);
}

/* Net to plain. */
static void pump_in(struct tls_relay *relay)
{
    uint8_t chunk[CHUNK];
    for (int i = 0; i < relay->rounds || mbedtls_ssl_check_pending(&relay->ssl); i++) {
        if (relay->in.data)
            retry_plain(relay);
        if (relay->net_eof || relay->plain_dead || (relay->in.data && !WEAKENED(TLS_BACK_PRESSURE)))
            return;
        int n = mbedtls_ssl_read(&relay->ssl, chunk, sizeof(chunk));
        if (wants_more(n))
            return;
        relay->net_eof = n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY;
        if (n > 0 || relay->net_eof)
            take_net(relay, chunk, n > 0 ? (size_t)n : 0);
        else if (relay->err.code == 0)
            (void)tls_explain(&relay->ssl, n, &relay->err);
        if (relay->err.code)
            return;
    }
}

/* Sends to the net; what it does not take is held. mbedtls must be given the same bytes again. */
static void give_net(struct tls_relay *relay, const uint8_t *data, size_t len)
{
    size_t at = 0;
    while (at < len) {
        if (relay->record == 0)
            relay->record = relay->handler->cut
                                ? relay->handler->cut(relay->ctx, data + at, len - at)
                                : len - at;
        int n = mbedtls_ssl_write(&relay->ssl, data + at, relay->record);
        if (wants_more(n)) {
            relay->net_blocked = true;
            hold(&relay->out, data + at, len - at);
            return;
        }
        if (n < 0) {
            (void)tls_explain(&relay->ssl, n, &relay->err);
            return;
        }
        at += (size_t)n;
        relay->record -= (size_t)n;
    }
}

static void retry_net(struct tls_relay *relay)
{
    struct held again = relay->out;
    relay->out = (struct held){0};
    give_net(relay, again.data + again.at, again.len - again.at);
    let_go(&again);
}

static void notify(struct tls_relay *relay)
{
    int r = mbedtls_ssl_close_notify(&relay->ssl);
    if (wants_more(r)) {
        relay->net_blocked = true;
        return;
    }
    relay->notified = true; /* or it cannot be said any more: the same */
    loop_timer_stop(relay->timer);
    shutdown(relay->net_fd, SHUT_WR);
}

static void end_plain(struct tls_relay *relay)
{
    relay->plain_eof = true;
    loop_timer_after(relay->timer, DRAIN_NS);
}

/* Plain to net. */
static void pump_out(struct tls_relay *relay)
{
    uint8_t chunk[CHUNK];
    relay->net_blocked = false;
    for (int i = 0; i < relay->rounds && relay->err.code == 0; i++) {
        if (relay->out.data)
            retry_net(relay);
        if (relay->net_blocked || relay->notified)
            return;
        if (relay->plain_eof) {
            notify(relay);
            return;
        }
        ssize_t n = recv(relay->plain_fd, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n > 0) {
            give_net(relay, chunk, (size_t)n);
            continue;
        }
        end_plain(relay); /* nothing is held: there is no event to wait for */
        notify(relay);
        return;
    }
}

static void close_fd(int *fd, struct loop_io **io)
{
    loop_io_free(*io);
    *io = NULL;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void finish(struct tls_relay *relay)
{
    relay->state = CLOSED;
    loop_timer_stop(relay->timer);
    close_fd(&relay->net_fd, &relay->net);
    close_fd(&relay->plain_fd, &relay->plain);
    struct err err = relay->err;
    relay->handler->closed(relay->ctx, relay, &err); /* frees the relay, mostly */
}

static void fail(struct tls_relay *relay, int code, const char *msg)
{
    (void)err_set(&relay->err, code, "%s", msg);
    finish(relay);
}

/* Closing a socket with unread bytes would reset the connection and take from the other side what
 * it has not read yet: its bytes are thrown away until it closes, for a while. */
static void linger(struct tls_relay *relay)
{
    relay->state = LINGER;
    close_fd(&relay->plain_fd, &relay->plain);
    loop_io_events(relay->net, EPOLLIN);
    loop_timer_after(relay->timer, LINGER_NS);
}

static void on_linger(struct tls_relay *relay)
{
    uint8_t chunk[CHUNK];
    ssize_t n = recv(relay->net_fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (n > 0)
        relay->lingered += (size_t)n;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || relay->lingered > LINGER_MAX)
        finish(relay);
}

static void set_interest(struct tls_relay *relay)
{
    uint32_t net = 0, plain = 0;
    if (!relay->net_eof && !relay->in.data && !relay->plain_dead)
        net |= EPOLLIN;
    if (relay->net_blocked)
        net |= EPOLLOUT;
    if (!relay->plain_eof && !relay->out.data)
        plain |= EPOLLIN;
    if (relay->in.data)
        plain |= EPOLLOUT;
    /* With one direction over, still learn that the other side has gone altogether; not before,
     * when it would be reported again and again with bytes left to read. */
    if (relay->net_eof)
        net |= EPOLLHUP;
    else if (relay->in.data)
        net |= EPOLLERR; /* or that it has, though nothing of what it sent is taken */
    if (relay->plain_eof && !relay->plain_dead)
        plain |= EPOLLHUP;
    loop_io_events(relay->net, net);
    loop_io_events(relay->plain, plain);
}

/* After each event of an open relay: what follows from what is known now. Last in its caller, since
 * the handler may free the relay. */
static void settle(struct tls_relay *relay)
{
    if (relay->err.code) {
        finish(relay);
        return;
    }
    bool in_over = relay->net_eof && !relay->in.data;
    if (relay->plain_eof && relay->notified && (in_over || relay->plain_dead)) {
        if (relay->net_eof)
            finish(relay);
        else
            linger(relay);
        return;
    }
    set_interest(relay);
    if (in_over && !relay->eof_passed) {
        relay->eof_passed = true;
        shutdown(relay->plain_fd, SHUT_WR);
        if (relay->handler->eof)
            relay->handler->eof(relay->ctx, relay);
    }
}

static void pump(struct tls_relay *relay)
{
    pump_in(relay);
    if (relay->err.code == 0)
        pump_out(relay);
    settle(relay);
}

static void on_plain(void *ctx, int fd, uint32_t events)
{
    struct tls_relay *relay = ctx;
    (void)fd;
    if (relay->state != OPEN)
        return;
    if (events & EPOLLHUP && relay->plain_eof) {
        relay->plain_dead = true;
        let_go(&relay->in);
    }
    pump(relay);
}

static int make_plain(struct tls_relay *relay, int *ret_fd, struct err *err)
{
    int fds[2], size = PAIR_BUFFER;
    *ret_fd = -1;
    if (relay->plain_fd < 0) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
            return err_errno(err, errno, "TLS: no socket pair");
        for (int i = 0; i < 2; i++)
            setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        relay->plain_fd = fds[0];
        *ret_fd = fds[1];
    }
    return loop_io_new(relay->loop, relay->plain_fd, EPOLLIN, on_plain, relay, &relay->plain, err);
}

static void handshake_done(struct tls_relay *relay)
{
    autoclose int plain_fd = -1;
    loop_timer_stop(relay->timer);
    tls_config_keep(relay->config, &relay->ssl);
    if (make_plain(relay, &plain_fd, &relay->err) < 0) {
        finish(relay);
        return;
    }
    relay->state = OPEN;
    set_interest(relay);
    struct tls_peer peer;
    tls_peer_read(relay->config, &relay->ssl, relay->now_s, &peer);
    relay->handler->ready(relay->ctx, relay, steal_fd(&plain_fd), &peer); /* may free the relay */
    tls_peer_done(&peer);
}

static void on_handshake(struct tls_relay *relay)
{
    int64_t wall_s = clock_wall(loop_clock(relay->loop)) / NS_PER_S;
    relay->now_s = relay->config->ignore_time ? -1 : wall_s;
    int r = mbedtls_ssl_handshake(&relay->ssl);
    if (r == 0) {
        handshake_done(relay);
    } else if (wants_more(r)) {
        loop_io_events(relay->net, r == MBEDTLS_ERR_SSL_WANT_WRITE ? EPOLLOUT : EPOLLIN);
    } else {
        (void)tls_explain(&relay->ssl, r, &relay->err);
        tls_config_forget(relay->config);
        finish(relay);
    }
}

static void on_connected(struct tls_relay *relay)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (getsockopt(relay->net_fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error) {
        (void)err_errno(&relay->err, error, "connecting");
        finish(relay);
        return;
    }
    relay->state = HANDSHAKE;
    on_handshake(relay);
}

static void on_net(void *ctx, int fd, uint32_t events)
{
    struct tls_relay *relay = ctx;
    (void)fd;
    switch (relay->state) {
    case CONNECTING:
        on_connected(relay);
        break;
    case HANDSHAKE:
        on_handshake(relay);
        break;
    case OPEN:
        if (relay->net_eof && (events & (EPOLLHUP | EPOLLERR)) && !relay->notified)
            fail(relay, -ECONNRESET, "TLS: the other side left before everything was sent");
        else if (events & EPOLLERR && relay->in.data && !WEAKENED(TLS_LEFT_UNREAD))
            fail(relay, -ECONNRESET, "TLS: the other side left before everything was taken");
        else
            pump(relay);
        break;
    case LINGER:
        on_linger(relay);
        break;
    case CLOSED:
        break;
    }
}

static void on_timer(void *ctx)
{
    struct tls_relay *relay = ctx;
    if (relay->state == LINGER) {
        finish(relay);
        return;
    }
    if (relay->state == OPEN) {
        fail(relay, -ETIMEDOUT, "TLS: the other side does not read what is left to send");
        return;
    }
    tls_config_forget(relay->config);
    char msg[96];
    snprintf(msg, sizeof(msg), "TLS: %s within %lld ms",
             relay->state == CONNECTING ? "no connection" : "the handshake did not end",
             (long long)(relay->handshake_ns / NS_PER_MS));
    fail(relay, -ETIMEDOUT, msg);
}

void tls_relay_bulk(struct tls_relay *relay)
{
    relay->rounds = WEAKENED(TLS_BULK) ? ROUNDS : BULK_ROUNDS;
    traffic_mark(relay->net_fd, TRAFFIC_BULK);
}

void tls_relay_free(struct tls_relay *relay)
{
    if (!relay)
        return;
    close_fd(&relay->net_fd, &relay->net);
    close_fd(&relay->plain_fd, &relay->plain);
    loop_timer_free(relay->timer);
    mbedtls_ssl_free(&relay->ssl);
    tls_config_unref(relay->config);
    let_go(&relay->in);
    let_go(&relay->out);
    free(relay);
}
CLEANUP_DEFINE(struct tls_relay, tls_relay_free);

static void set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && !(flags & O_NONBLOCK))
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* Takes both descriptors, whatever it returns. */
static int relay_new(struct loop *loop, struct tls_config *config, int net_fd, int plain_fd,
                     int64_t handshake_ns, const struct tls_relay_handler *handler, void *ctx,
                     struct tls_relay **ret, struct err *err)
{
    cleanup(tls_relay_free) struct tls_relay *relay = xcalloc(1, sizeof(*relay));
    relay->loop = loop;
    relay->rounds = ROUNDS;
    relay->config = tls_config_ref(config);
    relay->handler = handler;
    relay->ctx = ctx;
    relay->net_fd = net_fd;
    relay->plain_fd = plain_fd;
    relay->handshake_ns = handshake_ns;
    mbedtls_ssl_init(&relay->ssl);
    relay->timer = loop_timer_new(loop, on_timer, relay);
    int r = tls_config_begin(config, &relay->ssl, &relay->now_s, err);
    if (r)
        return r;
    mbedtls_ssl_set_bio(&relay->ssl, relay, bio_send, bio_recv, NULL);
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    bool connecting = getpeername(net_fd, (struct sockaddr *)&peer, &len) < 0 && errno == ENOTCONN;
    relay->state = connecting ? CONNECTING : HANDSHAKE;
    set_nonblocking(net_fd);
    if (plain_fd >= 0)
        set_nonblocking(plain_fd);
    int one = 1; /* records are whole already; a socket that is not TCP says no, and that is fine */
    (void)setsockopt(net_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    uint32_t events = config->server ? EPOLLIN : EPOLLOUT;
    r = loop_io_new(loop, net_fd, events, on_net, relay, &relay->net, err);
    if (r)
        return r;
    loop_timer_after(relay->timer, handshake_ns);
    *ret = steal(relay);
    return 0;
}

/* A peer that vanished is noticed though nothing is sent to it, as to an idle watch. */
static void keep_alive(int fd)
{
    static const int on = 1, idle_s = 60, interval_s = 15, count = 4;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

int tls_relay_accept(struct loop *loop, struct tls_config *config, int net_fd, int64_t handshake_ns,
                     const struct tls_relay_handler *handler, void *ctx, struct tls_relay **ret,
                     struct err *err)
{
    keep_alive(net_fd);
    return relay_new(loop, config, net_fd, -1, handshake_ns, handler, ctx, ret, err);
}

/* Bytes that nobody acknowledges end the connection: who sends often needs no pings to notice. */
static void give_up(int fd)
{
    static const unsigned unacknowledged_ms = 30 * 1000;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms,
                     sizeof(unacknowledged_ms));
}

int tls_relay_connect(struct loop *loop, struct tls_config *config, int net_fd, int plain_fd,
                      int64_t handshake_ns, const struct tls_relay_handler *handler, void *ctx,
                      struct tls_relay **ret, struct err *err)
{
    give_up(net_fd);
    return relay_new(loop, config, net_fd, plain_fd, handshake_ns, handler, ctx, ret, err);
}
