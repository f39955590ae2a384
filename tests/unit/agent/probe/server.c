#include "server.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void hang_up(struct server_conn *conn)
{
    loop_io_free(conn->io);
    conn->io = NULL;
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
}

static void tell(struct server_conn *conn)
{
    struct server *server = conn->server;
    const char *text = server->count > 1 && server->next ? server->next : server->answer;
    size_t len = server->len ? server->len : strlen(text);
    conn->told = true;
    (void)!send(conn->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (!server->hold)
        shutdown(conn->fd, SHUT_WR);
}

static void readable(void *ctx, int fd, uint32_t events)
{
    struct server_conn *conn = ctx;
    struct server *server = conn->server;
    (void)events;
    if (!conn->told)
        server->heard_len = 0;
    size_t room = sizeof(server->heard) - 1 - server->heard_len;
    ssize_t n = recv(fd, server->heard + server->heard_len, room, MSG_DONTWAIT);
    if (n <= 0) {
        hang_up(conn);
        return;
    }
    server->heard_len += (size_t)n;
    server->heard[server->heard_len] = '\0';
    if (!conn->told)
        tell(conn);
}

static void listen_to(struct server_conn *conn, int fd)
{
    conn->fd = fd;
    (void)!loop_io_new(conn->server->loop, fd, EPOLLIN, readable, conn, &conn->io, NULL);
}

static void tls_ready(void *ctx, struct tls_relay *relay, int plain_fd, const struct tls_peer *peer)
{
    (void)relay;
    (void)peer;
    listen_to(ctx, plain_fd);
}

static void tls_closed(void *ctx, struct tls_relay *relay, const struct err *err)
{
    struct server_conn *conn = ctx;
    (void)err;
    tls_relay_free(relay);
    conn->relay = NULL;
}

static void came(void *ctx, int fd, uint32_t events)
{
    static const struct tls_relay_handler handler = {.ready = tls_ready, .closed = tls_closed};
    struct server *server = ctx;
    (void)events;
    int net = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (net < 0)
        return;
    struct server_conn *conn = &server->conns[server->count++ % SERVER_CONNS];
    hang_up(conn);
    *conn = (struct server_conn){.server = server, .fd = -1};
    if (!server->tls)
        listen_to(conn, net);
    else
        (void)!tls_relay_accept(server->loop, server->tls, net, 60 * NS_PER_S, &handler, conn,
                                &conn->relay, NULL);
}

void server_init(struct server *server, struct loop *loop)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    *server = (struct server){.loop = loop, .answer = ""};
    for (size_t i = 0; i < SERVER_CONNS; i++)
        server->conns[i].fd = -1;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)!bind(server->fd, (const struct sockaddr *)(const void *)&address, len);
    (void)!listen(server->fd, 16);
    (void)!getsockname(server->fd, (struct sockaddr *)(void *)&address, &len);
    server->port = ntohs(address.sin_port);
    (void)!loop_io_new(loop, server->fd, EPOLLIN, came, server, &server->io, NULL);
}

void server_done(struct server *server)
{
    for (size_t i = 0; i < SERVER_CONNS; i++) {
        hang_up(&server->conns[i]);
        tls_relay_free(server->conns[i].relay);
    }
    loop_io_free(server->io);
    close(server->fd);
    tls_config_unref(server->tls);
}
