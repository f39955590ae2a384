#include "tests/unit/controller/lib/client.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "tests/lib/await.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

int client_connect(struct client *client, struct loop *loop)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    *client = (struct client){.loop = loop, .fd = fds[0]};
    return fds[1];
}

void client_done(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    buf_done(&client->in);
}

static void step(struct client *client, int64_t wait_ns)
{
    char data[65536];
    assert_int_equal(loop_step(client->loop, wait_ns), 0);
    while (client->fd >= 0 && !client->closed) {
        ssize_t n = recv(client->fd, data, sizeof(data), MSG_DONTWAIT);
        if (n > 0) {
            buf_add(&client->in, data, (size_t)n);
            continue;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            client->closed = true;
        return;
    }
}

void client_turn(struct client *client)
{
    step(client, 2 * NS_PER_MS);
}

void client_quiet(struct client *client)
{
    for (int i = 0; i < 50; i++) /* see await_quiet */
        step(client, 0);
}

void client_send_n(struct client *client, const void *data, size_t len)
{
    const char *p = data;
    for (int i = 0; len > 0 && i < 5000; i++) {
        ssize_t n = send(client->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return;
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
        if (len > 0)
            client_turn(client);
    }
}

void client_send(struct client *client, const char *text)
{
    client_send_n(client, text, strlen(text));
}

/* Whether it has come; what was searched is not searched again: an answer may have megabytes. */
static bool has_come(const struct client *client, const char *text, size_t *from)
{
    size_t len = strlen(text);
    if (client->in.len < len)
        return false;
    if (memmem(client->in.data + *from, client->in.len - *from, text, len))
        return true;
    *from = client->in.len - len;
    return false;
}

bool client_await(struct client *client, const char *text)
{
    size_t from = 0;
    AWAIT(client->closed || has_come(client, text, &from), client_turn(client));
    return has_come(client, text, &from);
}

void client_forget(struct client *client)
{
    buf_done(&client->in);
}

/* The answer to HEAD says how long a body would be, and has none. */
static bool is_whole(const struct client *client, bool no_body)
{
    const char *end = strstr(buf_str(&client->in), "\r\n\r\n");
    const char *len = strstr(buf_str(&client->in), "Content-Length: ");
    if (end && no_body)
        return true;
    static const char last[] = "\r\n0\r\n\r\n"; /* the last chunk */
    size_t tail = sizeof(last) - 1;
    if (end && strstr(client->in.data, "Transfer-Encoding: chunked"))
        return client->in.len > tail &&
               memcmp(client->in.data + client->in.len - tail, last, tail) == 0;
    if (!end || !len)
        return false;
    size_t head = (size_t)(end - client->in.data) + 4;
    return client->in.len - head >= strtoul(len + strlen("Content-Length: "), NULL, 10);
}

int client_ask(struct client *client, const char *method, const char *target, const char *headers,
               const char *body)
{
    autofree char *head =
        body ? xasprintf("%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n", method,
                         target, headers, strlen(body))
             : xasprintf("%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, target, headers);
    int code = 0;
    client_forget(client);
    client_send(client, head);
    if (body)
        client_send(client, body);
    AWAIT(client->closed || is_whole(client, strcmp(method, "HEAD") == 0), client_turn(client));
    if (sscanf(buf_str(&client->in), "HTTP/1.1 %d", &code) != 1)
        return 0;
    return code;
}

char *client_body(const struct client *client)
{
    const char *head = buf_str(&client->in), *end = strstr(head, "\r\n\r\n");
    const char *chunked = strstr(head, "Transfer-Encoding: chunked");
    cleanup(buf_done) struct buf body = {0};
    assert_non_null(end);
    if (!chunked || chunked > end)
        return xstrdup(end + 4);
    char *at = client->in.data + (end - head) + 4;
    for (size_t len; (len = strtoul(at, &at, 16)) > 0; at += len + 2) {
        at += 2;
        buf_add(&body, at, len);
    }
    return xstrdup(buf_str(&body));
}
