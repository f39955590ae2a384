#include "http_test.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdio.h>
#include <sys/socket.h>

struct client {
    struct clients *all;
    struct tls_relay *relay;
    struct loop_io *io;
    int fd;
    bool cert, upgrade, done;
    size_t sent, echoed;
    struct buf text;
};

struct clients {
    struct loop *loop;
    struct client *list;
    int count, started, active, done, failed;
    uint16_t port;
    struct tls_config *with, *without;
    bool over;
};

static void start_some(struct clients *all);

static void client_end(struct client *c, const char *problem)
{
    if (c->done)
        return;
    c->done = true;
    if (problem && c->all->failed++ < 5)
        fprintf(stderr, "client: %s: %.400s\n", problem, buf_str(&c->text));
    loop_io_free(steal(c->io));
    close(c->fd);
    c->fd = -1;
    c->all->over = ++c->all->done == c->all->count;
}

static void check_watch(struct client *c)
{
    const char *text = buf_str(&c->text);
    if (!strstr(text, "HTTP/1.1 200") || !strstr(text, c->cert ? "X-Peer: alice" : "X-Peer: -"))
        client_end(c, "wrong head");
    for (int i = 0; i <= EVENTS && !c->done; i++) {
        char event[32];
        snprintf(event, sizeof(event), "event %d\n", i);
        if (!strstr(text, event))
            client_end(c, "an event is missing");
    }
    client_end(c, NULL);
}

static void send_echo(struct client *c)
{
    static const char block[1000];
    ssize_t n = 1;
    while (c->sent < ECHO_LEN && c->sent < c->echoed + 20000 && n > 0) {
        n = send(c->fd, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL);
        c->sent += n > 0 ? (size_t)n : 0;
    }
}

static void on_plain(void *ctx, int fd, uint32_t events)
{
    struct client *c = ctx;
    char data[4096];
    (void)events;
    ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
    if (n < 0)
        return;
    if (n == 0) {
        client_end(c, "ended early");
        return;
    }
    bool was_upgraded = strstr(buf_str(&c->text), "\r\n\r\n") != NULL;
    if (!c->upgrade || !was_upgraded)
        (void)buf_add(&c->text, data, (size_t)n);
    else
        c->echoed += (size_t)n;
    const char *text = buf_str(&c->text);
    if (c->upgrade && strstr(text, "\r\n\r\n")) {
        if (!strstr(text, "HTTP/1.1 101"))
            client_end(c, "not upgraded");
        else if (c->echoed == ECHO_LEN)
            client_end(c, NULL);
        else
            send_echo(c);
    }
    if (!c->upgrade && strstr(text, "\r\n0\r\n"))
        check_watch(c);
}

static void on_ready(void *ctx, struct tls_relay *relay, int plain_fd, const struct tls_peer *peer)
{
    struct client *c = ctx;
    static const char watch[] = "GET /watch HTTP/1.1\r\nHost: gateway\r\n\r\n",
                      upgrade[] = "GET /exec HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\n"
                                  "Upgrade: echo\r\n\r\n";
    (void)relay;
    (void)peer;
    const char *request = c->upgrade ? upgrade : watch;
    c->fd = plain_fd;
    if (send(plain_fd, request, strlen(request), MSG_NOSIGNAL) < 0 ||
        loop_io_new(c->all->loop, plain_fd, EPOLLIN, on_plain, c, &c->io, NULL))
        client_end(c, "cannot send");
    c->all->active--;
    start_some(c->all);
}

static void on_closed(void *ctx, struct tls_relay *relay, const struct err *err)
{
    struct client *c = ctx;
    c->relay = NULL;
    tls_relay_free(relay);
    if (!c->done)
        client_end(c, err->code ? err->msg : "closed");
}

/* At most 20 handshakes at once, so that the figures are not those of a queue. */
static void start_some(struct clients *all)
{
    static const struct tls_relay_handler handler = {.ready = on_ready, .closed = on_closed};
    while (all->active < 20 && all->started < all->count) {
        struct client *c = &all->list[all->started++];
        *c = (struct client){.all = all,
                             .fd = -1,
                             .cert = all->started % 2 == 0,
                             .upgrade = all->started == all->count};
        all->active++;
        if (tls_relay_connect(all->loop, c->cert ? all->with : all->without, tcp_connect(all->port),
                              -1, 60 * NS_PER_S, &handler, c, &c->relay, NULL))
            client_end(c, "cannot connect");
    }
}

int http_clients(struct pki *pki, uint16_t port, int watches)
{
    struct clients all = {.count = watches + 1, .port = port};
    if (loop_new(clock_system(), &all.loop, NULL))
        return 1;
    all.list = xcalloc((size_t)all.count, sizeof(*all.list));
    all.with = pki_client(pki, true);
    all.without = pki_client(pki, false);
    start_some(&all);
    (void)run_until(all.loop, &all.over, 100000);
    int result = all.over && all.failed == 0 ? 0 : 1;
    for (int i = 0; i < all.count; i++) {
        client_end(&all.list[i], "not served in time");
        tls_relay_free(all.list[i].relay);
        buf_done(&all.list[i].text);
    }
    tls_config_unref(all.with);
    tls_config_unref(all.without);
    loop_free(all.loop);
    free(all.list);
    return result;
}
