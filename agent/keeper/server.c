#include "agent/keeper/server.h"

#include "agent/keeper/fdpass.h"
#include "agent/keeper/proto.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX 4
#define BACKLOG 16
#define HEAR_OUT_MAX 1024 /* messages; a socket holds fewer */
#define COMMAND_MAX_BYTES (EXEC_MAX_BYTES + 1024)

struct client {
    struct server *server;
    int fd; /* -1: free */
    struct loop_io *io;
    bool behind; /* has not got the newest report */
    bool agent;  /* has said hello; others only look (peek.h) */
};

struct server {
    struct loop *loop;
    const struct server_handler *handler;
    void *ctx;
    int listen_fd;
    struct loop_io *listen_io;
    struct client clients[CLIENTS_MAX];
    const struct keeper_report *report;
    struct loop_defer *sending;
};

static void drop(struct client *client)
{
    struct server *server = client->server;
    loop_io_free(client->io);
    close(client->fd);
    *client = (struct client){.server = server, .fd = -1};
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (server->clients[i].fd >= 0)
            return;
    server->handler->alone(server->ctx);
}

/* 0, -EAGAIN when the client does not read, or another error. */
static int send_message(const struct client *client, const struct proto *message)
{
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, PROTO_MAX_BYTES);
    int r = proto_encode(message, &bytes);
    if (r < 0)
        return r;
    if (send(client->fd, bytes.data, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return errno == ENOBUFS ? -EAGAIN : -errno;
    return 0;
}

static void send_report(struct client *client)
{
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, PROTO_MAX_BYTES);
    if (!client->server->report || keeper_report_encode(client->server->report, &bytes) < 0)
        return;
    const struct proto message = {
        .type = PROTO_REPORT, .report = bytes.data, .report_len = bytes.len};
    int r = send_message(client, &message);
    bool gone = r == -EPIPE || r == -ECONNRESET; /* what it has said is still to be read */
    client->behind = r == -EAGAIN;
    if (r < 0 && r != -EAGAIN && !gone)
        drop(client);
    else
        loop_io_events(client->io, EPOLLIN | (client->behind ? EPOLLOUT : 0));
}

/* The descriptors are taken, whatever becomes of it. */
static void obey_exec(const struct server *server, const struct proto *message, const int *fds,
                      size_t count)
{
    struct exec_request request;
    if (exec_request_decode(message->report, message->report_len, &request) < 0) {
        fdpass_close(fds, count);
        return;
    }
    if (count == exec_request_fds(&request) && server->handler->exec)
        server->handler->exec(server->ctx, &request, fds);
    else
        fdpass_close(fds, count);
    exec_request_done(&request);
}

static void obey_resize(const struct server *server, const struct proto *message)
{
    struct sizing sizing;
    if (sizing_decode(message->report, message->report_len, &sizing) == 0)
        server->handler->resize(server->ctx, &sizing);
}

static void obey(struct client *client, const struct proto *message)
{
    const struct server *server = client->server;
    switch (message->type) {
    case PROTO_HELLO:
        client->agent = true;
        if (proto_agree(message) < 0)
            drop(client);
        return;
    case PROTO_GO:
        server->handler->go(server->ctx);
        return;
    case PROTO_STOP:
        server->handler->stop(server->ctx, message->value);
        return;
    case PROTO_REMOVE:
        server->handler->remove(server->ctx);
        return;
    case PROTO_MARK:
        if (message->text)
            server->handler->mark(server->ctx, message->text, message->min, message->max);
        return;
    case PROTO_KILL:
        if (message->text)
            server->handler->kill(server->ctx, message->text, message->min, message->value);
        return;
    case PROTO_DEADLINE:
        server->handler->deadline(server->ctx, message->min, message->value);
        return;
    case PROTO_RESIZE:
        obey_resize(server, message);
        return;
    default: /* ours to say */
        return;
    }
}

/* One message of the client's; nearly all are short. */
static int receive(struct client *client, char *data, size_t size, int *fds, size_t *ret_count)
{
    ssize_t len = recv(client->fd, NULL, 0, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC);
    *ret_count = 0;
    if (len <= 0)
        return len < 0 ? -errno : 0;
    return (size_t)len > size ? -EMSGSIZE : fdpass_recv(client->fd, data, size, fds, ret_count);
}

static void client_ready(void *ctx, int fd, uint32_t events)
{
    struct client *client = ctx;
    char few[256];
    autofree char *many = NULL;
    int fds[FDPASS_MAX];
    size_t count;
    struct proto message;
    (void)fd;
    if (events & EPOLLOUT) {
        send_report(client);
        return; /* it may be gone; what it says comes again */
    }
    int n = receive(client, few, sizeof(few), fds, &count);
    if (n == -EMSGSIZE) {
        many = xmalloc(COMMAND_MAX_BYTES);
        n = receive(client, many, COMMAND_MAX_BYTES, fds, &count);
    }
    /* ECONNRESET: it left without reading all of ours; its own comes after that. */
    if (n == -EAGAIN || n == -EINTR || n == -ECONNRESET)
        return;
    int r = n <= 0 ? -EPIPE : proto_decode(many ? many : few, (size_t)n, &message);
    if (r == 0 && message.type == PROTO_EXEC && count > 0) {
        obey_exec(client->server, &message, fds, count);
        return;
    }
    if (r == 0 && message.type == PROTO_ADD && count == 1)
        client->server->handler->add(client->server->ctx, fds[0]);
    fdpass_close(fds, count);
    if (r == 0)
        obey(client, &message);
    else if (r != -ENOMSG)
        drop(client);
}

/* Everything that it has said until now is obeyed. */
static void hear_out(struct client *client)
{
    char byte;
    for (int i = 0; i < HEAR_OUT_MAX && client->fd >= 0; i++) {
        ssize_t len = recv(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (len > 0)
            client_ready(client, client->fd, EPOLLIN);
        else if (len == 0 || errno != ECONNRESET)
            return;
    }
}

/* What it says from now on it cannot send, and knows it. */
static void give_way(struct client *looker)
{
    (void)shutdown(looker->fd, SHUT_RD);
    hear_out(looker);
    if (looker->fd >= 0)
        drop(looker);
}

/* Whoever only looks gives way: an agent is never kept out by those who look and forget to leave.
 */
static struct client *free_client(struct server *server)
{
    struct client *looker = NULL;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (server->clients[i].fd < 0)
            return &server->clients[i];
        if (!server->clients[i].agent)
            looker = &server->clients[i];
    }
    if (looker && !WEAKENED(KEEPER_LOOKERS))
        give_way(looker);
    return looker && looker->fd < 0 ? looker : NULL;
}

static int add_client(struct server *server, int fd, struct err *err)
{
    /* What the agent before has said comes before all that the next one is told: else it would do
     * once more what it does not see done. */
    for (int i = 0; i < CLIENTS_MAX; i++)
        hear_out(&server->clients[i]);
    struct client *client = free_client(server);
    if (!client)
        return err_set(err, -EMFILE, "too many connections");
    int r = loop_io_new(server->loop, fd, EPOLLIN, client_ready, client, &client->io, err);
    if (r < 0)
        return r;
    client->fd = fd;
    const struct proto hello = {.type = PROTO_HELLO,
                                .min = PROTO_MIN,
                                .max = PROTO_MAX,
                                .value = LAUNCH_VERSION,
                                .text = LIMPET_VERSION};
    if (send_message(client, &hello) < 0)
        drop(client);
    else
        send_report(client);
    return 0;
}

/* The folder keeps others out; this keeps out who was let into it by mistake. */
static bool is_peer_allowed(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static void listen_ready(void *ctx, int fd, uint32_t events)
{
    (void)events;
    struct server *server = ctx;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0)
        return;
    if (!is_peer_allowed(client) || add_client(server, client, NULL) < 0)
        close(client);
}

/* In the file system, never an abstract address (CVE-2020-15257). */
static int listen_at(const char *path, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(err, -ENAMETOOLONG, "%s is too long for a socket", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(err, errno, "cannot make a socket");
    unlink(path);
    mode_t before = umask(0177);
    int r = bind(fd, (const struct sockaddr *)&address, sizeof(address));
    umask(before);
    if (r < 0 || listen(fd, BACKLOG) < 0)
        return err_errno(err, errno, "cannot listen at %s", path);
    return steal_fd(&fd);
}

int server_new(struct loop *loop, const char *path, int first_fd,
               const struct server_handler *handler, void *ctx, struct server **ret,
               struct err *err)
{
    struct server *server = xcalloc(1, sizeof(*server));
    server->loop = loop;
    server->handler = handler;
    server->ctx = ctx;
    for (int i = 0; i < CLIENTS_MAX; i++)
        server->clients[i] = (struct client){.server = server, .fd = -1};
    server->listen_fd = listen_at(path, err);
    int r = server->listen_fd;
    if (r >= 0)
        r = loop_io_new(loop, server->listen_fd, EPOLLIN, listen_ready, server, &server->listen_io,
                        err);
    if (r >= 0 && first_fd >= 0)
        r = add_client(server, first_fd, err);
    if (r < 0) {
        server_free(server);
        return r;
    }
    *ret = server;
    return 0;
}

void server_free(struct server *server)
{
    if (!server)
        return;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        loop_io_free(server->clients[i].io);
        if (server->clients[i].fd >= 0)
            close(server->clients[i].fd);
    }
    loop_defer_free(server->sending);
    loop_io_free(server->listen_io);
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    free(server);
}

static void send_all(void *ctx)
{
    struct server *server = ctx;
    server->sending = NULL;
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (server->clients[i].fd >= 0)
            send_report(&server->clients[i]);
}

void server_publish(struct server *server, const struct keeper_report *report)
{
    server->report = report;
    if (!server->sending)
        server->sending = loop_defer(server->loop, send_all, server);
}
