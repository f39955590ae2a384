#include "client.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HANDSHAKE_NS (60 * NS_PER_S)

enum state { IDLE, HEAD, BODY, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER, STREAM };

struct client {
    struct client_spec spec;
    struct tls_relay *relay;
    struct loop_io *io;
    int fd;
    size_t tag;
    enum state state;
    bool stream;
    struct buf head;
    int code;
    size_t left, bytes; /* of the body or chunk; of the answer */
    char last;
    struct buf out;
};

void bench_fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("bench-api: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void finish(struct client *client)
{
    client->state = IDLE;
    client->spec.answered(client->spec.ctx, client, client->code, client->bytes);
}

/* The value of a header; NULL if there is none. */
static const char *header(const char *head, const char *name)
{
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, strlen(name)) == 0)
            return line + 2 + strlen(name);
    return NULL;
}

static void read_head(struct client *client)
{
    const char *head = buf_str(&client->head);
    const char *length = header(head, "content-length:");
    client->code = (int)strtol(head + strlen("HTTP/1.1 "), NULL, 10);
    client->bytes = 0;
    if (client->stream && client->code == 200) {
        client->state = STREAM;
    } else if (length) {
        client->left = strtoull(length, NULL, 10);
        client->state = BODY;
        if (!client->left)
            finish(client);
    } else {
        client->state = CHUNK_SIZE;
    }
    buf_drop(&client->head, client->head.len);
}

static void end_line(struct client *client)
{
    size_t size = strtoull(buf_str(&client->head), NULL, 16);
    bool empty = client->head.len == 2;
    buf_drop(&client->head, client->head.len);
    if (client->state == CHUNK_SIZE) {
        client->left = size;
        client->state = size ? CHUNK : TRAILER;
    } else if (client->state == CHUNK_END) {
        client->state = CHUNK_SIZE;
    } else if (empty) {
        finish(client);
    }
}

/* Events end with "}\n", and nothing else of a stream of JSON does. */
static size_t count_lines(struct client *client, const char *data, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++) {
        count += data[i] == '\n' && client->last == '}';
        client->last = data[i];
    }
    return count;
}

/* Takes some of the bytes, and says how many. */
static size_t take(struct client *client, const char *data, size_t len)
{
    size_t n = len;
    switch (client->state) {
    case IDLE:
        bench_fail("the gateway talks without being asked: %.60s", data);
    case BODY:
    case CHUNK:
        n = len < client->left ? len : client->left;
        client->left -= n;
        client->bytes += n;
        if (client->left)
            return n;
        if (client->state == BODY)
            finish(client);
        else
            client->state = CHUNK_END;
        return n;
    case STREAM:
        n = count_lines(client, data, len);
        if (n)
            client->spec.lines(client->spec.ctx, client, n);
        return len;
    case HEAD:
    case CHUNK_SIZE:
    case CHUNK_END:
    case TRAILER:
        break;
    }
    buf_addc(&client->head, *data);
    if (client->state == HEAD && str_has_suffix(buf_str(&client->head), "\r\n\r\n"))
        read_head(client);
    else if (client->state != HEAD && *data == '\n')
        end_line(client);
    return 1;
}

static void send_out(struct client *client)
{
    while (client->out.len) {
        ssize_t n = send(client->fd, client->out.data, client->out.len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            bench_fail("write: %s", strerror(errno));
        if (n < 0)
            break;
        buf_drop(&client->out, (size_t)n);
    }
    loop_io_events(client->io, client->out.len ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void on_io(void *ctx, int fd, uint32_t events)
{
    static char data[65536];
    struct client *client = ctx;
    (void)events;
    if (client->out.len)
        send_out(client);
    ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        bench_fail("the gateway has ended the connection");
    for (size_t at = 0; at < (size_t)n;)
        at += take(client, data + at, (size_t)n - at);
}

static void on_ready(void *ctx, struct tls_relay *relay, int plain_fd, const struct tls_peer *peer)
{
    struct client *client = ctx;
    struct err err = {0};
    (void)relay;
    (void)peer;
    client->fd = plain_fd;
    if (loop_io_new(client->spec.loop, plain_fd, EPOLLIN, on_io, client, &client->io, &err) < 0)
        bench_fail("%s", err.msg);
    client->spec.ready(client->spec.ctx, client);
}

static void on_closed(void *ctx, struct tls_relay *relay, const struct err *err)
{
    (void)ctx;
    (void)relay;
    bench_fail("the connection is closed: %s", err->msg);
}

struct client *client_new(const struct client_spec *spec)
{
    static const struct tls_relay_handler handler = {.ready = on_ready, .closed = on_closed};
    struct client *client = xcalloc(1, sizeof(*client));
    struct err err = {0};
    client->spec = *spec;
    client->fd = -1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (connect(fd, (const struct sockaddr *)&spec->to, sizeof(spec->to)) < 0 &&
                   errno != EINPROGRESS))
        bench_fail("connect: %s", strerror(errno));
    if (tls_relay_connect(spec->loop, spec->tls, fd, -1, HANDSHAKE_NS, &handler, client,
                          &client->relay, &err) < 0)
        bench_fail("%s", err.msg);
    return client;
}

void client_free(struct client *client)
{
    loop_io_free(client->io);
    if (client->fd >= 0)
        close(client->fd);
    tls_relay_free(client->relay);
    buf_done(&client->head);
    buf_done(&client->out);
    free(client);
}

void client_ask(struct client *client, const char *method, const char *target, const char *headers,
                const char *body, bool stream)
{
    buf_addf(&client->out, "%s %s HTTP/1.1\r\nHost: gateway\r\n%s%s", method, target,
             client->spec.header ? client->spec.header : "", headers);
    if (body)
        buf_addf(&client->out, "Content-Length: %zu\r\n", strlen(body));
    buf_addf(&client->out, "\r\n%s", body ? body : "");
    client->stream = stream;
    client->state = HEAD;
    send_out(client);
}

void client_set_tag(struct client *client, size_t tag)
{
    client->tag = tag;
}

size_t client_tag(const struct client *client)
{
    return client->tag;
}
