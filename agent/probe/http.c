/* httpGet: well if it is answered with 200 to 399, over HTTPS whatever the certificate says. */

#include "agent/probe/http_answer.h"
#include "agent/probe/http_ask.h"
#include "agent/probe/type.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/dial.h"
#include "common/tls/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 4096
#define ROUNDS 8 /* chunks a turn of the loop */
#define REDIRECTS_MAX 10

struct http {
    struct attempt *attempt;
    struct http_target target;
    int redirects;
    struct dial *dial;
    struct tls_relay *relay;
    int fd;
    struct loop_io *io;
    struct buf request;
    size_t sent;
    struct http_answer answer;
};

static void fail(struct http *http, const char *words)
{
    autofree char *url = http_target_url(&http->target);
    attempt_end(http->attempt, PROBE_FAILURE, xasprintf("Get \"%s\": %s", url, words));
}

static void hang_up(struct http *http)
{
    dial_free(http->dial);
    http->dial = NULL;
    loop_io_free(http->io);
    http->io = NULL;
    if (http->fd >= 0)
        close(http->fd);
    http->fd = -1;
    tls_relay_free(http->relay);
    http->relay = NULL;
}

/* ---- the answer ---- */

static int ask(struct http *http, struct err *err);

static void redirected(struct http *http)
{
    struct http_target next = {0};
    struct err err = {0};
    int r = http_target_follow(&http->target, http->answer.location, &next);
    if (r == -EXDEV) { /* nobody asks another host in the name of this one */
        attempt_end(http->attempt, PROBE_WARNING,
                    xasprintf("Probe terminated redirects, Response body: %s", http->answer.shown));
        return;
    }
    if (r < 0 || ++http->redirects > REDIRECTS_MAX) {
        autofree char *words =
            r < 0 ? xasprintf("failed to parse Location header \"%.256s\"", http->answer.location)
                  : xasprintf("stopped after %d redirects", REDIRECTS_MAX);
        http_target_done(&next);
        fail(http, words);
        return;
    }
    hang_up(http);
    http_target_done(&http->target);
    http->target = next;
    if (ask(http, &err) < 0)
        fail(http, err.msg);
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void answered(struct http *http)
{
    const struct http_answer *answer = &http->answer;
    if (answer->state == HTTP_BAD) {
        fail(http, answer->problem);
        return;
    }
    if (is_redirect(answer->status) && answer->location[0]) {
        redirected(http);
        return;
    }
    bool well = http->attempt->spec.hook || (answer->status >= 200 && answer->status < 400);
    if (!well)
        attempt_end(http->attempt, PROBE_FAILURE,
                    xasprintf("HTTP probe failed with statuscode: %d", answer->status));
    else
        attempt_end(http->attempt, PROBE_SUCCESS, NULL);
}

/* ---- talking ---- */

/* False: the other side takes no more. */
static bool send_request(struct http *http)
{
    ssize_t n = send(http->fd, http->request.data + http->sent, http->request.len - http->sent,
                     MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        http->sent += (size_t)n;
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return false;
    if (http->sent == http->request.len)
        loop_io_events(http->io, EPOLLIN);
    return true;
}

static void receive(struct http *http)
{
    char chunk[CHUNK];
    for (int i = 0; i < ROUNDS && !http_answer_is_over(&http->answer); i++) {
        ssize_t n = recv(http->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n > 0)
            http_answer_take(&http->answer, chunk, (size_t)n);
        else
            http_answer_end(&http->answer);
    }
}

static void talk(void *ctx, int fd, uint32_t events)
{
    struct http *http = ctx;
    (void)fd;
    if ((events & EPOLLOUT) && http->sent < http->request.len && !send_request(http))
        loop_io_events(http->io, EPOLLIN); /* what it said before it hung up is still to be read */
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(http);
    if (http_answer_is_over(&http->answer))
        answered(http);
}

/* Takes fd: plain bytes go over it. */
static void begin_talk(struct http *http, int fd)
{
    struct err err = {0};
    http->fd = fd;
    http->sent = 0;
    http_answer_init(&http->answer);
    if (loop_io_new(http->attempt->spec.loop, fd, EPOLLIN | EPOLLOUT, talk, http, &http->io, &err) <
        0)
        fail(http, err.msg);
}

/* ---- connecting ---- */

static void tls_ready(void *ctx, struct tls_relay *relay, int plain_fd, const struct tls_peer *peer)
{
    (void)relay;
    (void)peer;
    begin_talk(ctx, plain_fd);
}

/* What it sent before is in the plain end, whose end is seen there. */
static void tls_closed(void *ctx, struct tls_relay *relay, const struct err *err)
{
    struct http *http = ctx;
    tls_relay_free(relay);
    http->relay = NULL;
    if (http->fd < 0)
        fail(http, err->code ? err->msg : "EOF");
}

static int begin_tls(struct http *http, int fd, struct err *err)
{
    static const struct tls_relay_handler handler = {.ready = tls_ready, .closed = tls_closed};
    const struct tls_client_spec spec = {.any_server = true};
    struct tls_config *config;
    int r = tls_client_config(&spec, &config, err);
    if (r < 0) {
        close(fd);
        return r;
    }
    r = tls_relay_connect(http->attempt->spec.loop, config, fd, -1, attempt_dial_ns(http->attempt),
                          &handler, http, &http->relay, err);
    tls_config_unref(config);
    return r;
}

static void dialled(void *ctx, int fd, const struct err *dial_err)
{
    struct http *http = ctx;
    struct err err = {0};
    if (fd < 0) {
        autofree char *endpoint = attempt_endpoint(http->target.host, http->target.port);
        autofree char *words = attempt_refusal(endpoint, -dial_err->code);
        fail(http, words);
    } else if (!http->target.tls) {
        begin_talk(http, fd);
    } else if (begin_tls(http, fd, &err) < 0) {
        fail(http, err.msg);
    }
}

static int ask(struct http *http, struct err *err)
{
    const struct attempt *attempt = http->attempt;
    buf_done(&http->request);
    int r =
        http_request(&http->target, value_get(attempt->action, "httpHeaders"), &http->request, err);
    return r < 0 ? r
                 : dial_new(attempt->spec.loop, http->target.host, http->target.port,
                            attempt_dial_ns(attempt), dialled, http, &http->dial, err);
}

static int begin(struct attempt *attempt, struct err *err)
{
    const char *host;
    bool tls = str_eq(value_get_str(attempt->action, "scheme"), "HTTPS");
    int port;
    int r = attempt_peer(attempt, &host, &port, err);
    if (r < 0)
        return r;
    struct http *http = xcalloc(1, sizeof(*http));
    http->attempt = attempt;
    http->fd = -1;
    buf_init(&http->request, HTTP_REQUEST_MAX);
    http_target_init(&http->target, tls, host, port, value_get_str(attempt->action, "path"));
    attempt->state = http;
    return ask(http, err);
}

static char *late(const struct attempt *attempt)
{
    const struct http *http = attempt->state;
    autofree char *url = http_target_url(&http->target);
    bool in_body = http->fd >= 0 && http->answer.state >= HTTP_BODY;
    if (in_body)
        return xstrdup("context deadline exceeded (Client.Timeout or context cancellation while "
                       "reading body)");
    return xasprintf("Get \"%s\": context deadline exceeded (Client.Timeout exceeded while "
                     "awaiting headers)",
                     url);
}

static void end(struct attempt *attempt)
{
    struct http *http = attempt->state;
    hang_up(http);
    http_target_done(&http->target);
    buf_done(&http->request);
    free(http);
}

const struct attempt_type attempt_http_get = {
    .field = "httpGet", .begin = begin, .late = late, .close = end};
