/* The way of the API server, whole: TLS by the relay, HTTP by libmicrohttpd on the plain ends, all
 * on one loop. Optional client certificates, many chunked watches, a hijacked 101.
 * LIMPET_HTTP_WATCHES sets how many (the figures in common/decisions/0004-http-and-tls.md are for
 * 1000). */

#include "http_test.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/lib/await.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct conn {
    struct server *server;
    struct tls_relay *relay;
    char who[65];
    struct MHD_Connection *suspended; /* a watch that waits */
    struct MHD_UpgradeResponseHandle *upgrade;
    struct loop_io *echo;
    int sent; /* events of its watch */
    bool over;
    struct conn *next;
};

struct server {
    struct loop *loop;
    struct tls_config *tls;
    struct loop_io *listen_io, *http_io;
    struct loop_timer *http_timer, *event_timer;
    struct MHD_Daemon *http;
    struct conn *adding; /* the one that MHD_add_connection is being called for */
    struct conn *conns;
    int listener, watches, waiting, event, upgrades;
    bool done;
    long rss_kib;
    struct rusage usage;
};

static long rss_kib(void)
{
    char line[256];
    long kib = -1;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    }
    if (f)
        fclose(f);
    return kib;
}

static double ms(struct timeval a, struct timeval b)
{
    return 1e3 * (double)(b.tv_sec - a.tv_sec) + 1e-3 * (double)(b.tv_usec - a.tv_usec);
}

/* User and system time since *since, which becomes now. */
static double cpu_ms(struct rusage *since)
{
    struct rusage before = *since;
    getrusage(RUSAGE_SELF, since);
    return ms(before.ru_utime, since->ru_utime) + ms(before.ru_stime, since->ru_stime);
}

/* Lets libmicrohttpd work and asks when it wants to again. Never from within one of its callbacks.
 */
static void http_run(struct server *server)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    MHD_run(server->http);
    if (MHD_get_timeout(server->http, &wait_ms) == MHD_YES)
        loop_timer_after(server->http_timer, (int64_t)wait_ms * NS_PER_MS);
    else
        loop_timer_stop(server->http_timer);
}

static void on_http_timer(void *ctx)
{
    http_run(ctx);
}

static void on_http(void *ctx, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    http_run(ctx);
}

/* With an external loop nothing wakes MHD after MHD_resume_connection: ask for http_run soon (not
 * now: this may be one of its callbacks). */
static void resume(struct conn *conn)
{
    struct MHD_Connection *suspended = steal(conn->suspended);
    if (!suspended)
        return;
    conn->server->waiting--;
    MHD_resume_connection(suspended);
    loop_timer_after(conn->server->http_timer, 0);
}

struct watch {
    struct conn *conn;
    struct MHD_Connection *connection;
};

static ssize_t watch_read(void *ctx, uint64_t pos, char *data, size_t max)
{
    struct watch *watch = ctx;
    struct conn *conn = watch->conn;
    (void)pos;
    if (conn->over || conn->server->event > EVENTS)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (conn->sent <= conn->server->event)
        return snprintf(data, max, "event %d\n", conn->sent++);
    conn->suspended = watch->connection;
    conn->server->waiting++;
    MHD_suspend_connection(watch->connection);
    return 0;
}

static enum MHD_Result reply_watch(struct conn *conn, struct MHD_Connection *connection)
{
    struct watch *watch = xmalloc(sizeof(*watch));
    *watch = (struct watch){conn, connection};
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1024, watch_read, watch, free);
    MHD_add_response_header(response, "X-Peer", conn->who);
    enum MHD_Result r = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return r;
}

static void on_echo(void *ctx, int fd, uint32_t events)
{
    struct conn *conn = ctx;
    char data[4096];
    (void)events;
    ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
    if (n > 0) {
        assert_int_equal(send(fd, data, (size_t)n, MSG_NOSIGNAL),
                         n); /* the client reads as it sends */
        return;
    }
    conn->server->upgrades++;
    loop_io_free(steal(conn->echo));
    MHD_upgrade_action(steal(conn->upgrade), MHD_UPGRADE_ACTION_CLOSE);
    http_run(conn->server);
}

/* The plain end is ours now, out of MHD's epoll; `extra` is what the client sent too early. */
static void on_upgrade(void *ctx, struct MHD_Connection *connection, void *con_cls,
                       const char *extra, size_t extra_len, MHD_socket sock,
                       struct MHD_UpgradeResponseHandle *urh)
{
    struct conn *conn = ctx;
    (void)connection;
    (void)con_cls;
    conn->upgrade = urh;
    if (extra_len)
        assert_int_equal(send(sock, extra, extra_len, MSG_NOSIGNAL), extra_len);
    assert_int_equal(
        loop_io_new(conn->server->loop, sock, EPOLLIN, on_echo, conn, &conn->echo, NULL), 0);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **con_cls)
{
    (void)ctx, (void)method, (void)version, (void)upload;
    struct conn *conn =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (!*con_cls) { /* headers only: MHD calls again when the (empty) body is there */
        *con_cls = conn;
        return MHD_YES;
    }
    *upload_len = 0;
    if (strcmp(url, "/watch") == 0)
        return reply_watch(conn, connection);
    struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgrade, conn);
    MHD_add_response_header(response, "Upgrade", "echo");
    enum MHD_Result r = MHD_queue_response(connection, MHD_HTTP_SWITCHING_PROTOCOLS, response);
    MHD_destroy_response(response);
    return r;
}

/* Called from within MHD_add_connection: the connection learns whose it is. */
static void on_connection(void *ctx, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *server = ctx;
    (void)connection;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *socket_context = server->adding;
}

static void on_ready(void *ctx, struct tls_relay *relay, int plain_fd, const struct tls_peer *peer)
{
    struct conn *conn = ctx;
    struct sockaddr_in addr = {.sin_family =
                                   AF_INET}; /* a server passes on what accept(2) gave it */
    (void)relay;
    snprintf(conn->who, sizeof(conn->who), "%s", peer->common_name[0] ? peer->common_name : "-");
    conn->server->adding = conn;
    assert_int_equal(
        MHD_add_connection(conn->server->http, plain_fd, (struct sockaddr *)&addr, sizeof(addr)),
        MHD_YES);
    conn->server->adding = NULL;
    http_run(conn->server);
}

/* A suspended watch would never notice that its client is gone. */
static void on_eof(void *ctx, struct tls_relay *relay)
{
    struct conn *conn = ctx;
    (void)relay;
    conn->over = true;
    resume(conn);
}

static void on_closed(void *ctx, struct tls_relay *relay, const struct err *err)
{
    struct conn *conn = ctx;
    (void)err;
    conn->over = true;
    resume(conn);
    tls_relay_free(relay);
    conn->relay = NULL;
}

static void on_accept(void *ctx, int fd, uint32_t events)
{
    static const struct tls_relay_handler handler = {
        .ready = on_ready, .eof = on_eof, .closed = on_closed};
    struct server *server = ctx;
    (void)events;
    int net_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (net_fd < 0)
        return;
    struct conn *conn = xcalloc(1, sizeof(*conn));
    conn->server = server;
    conn->next = server->conns;
    server->conns = conn;
    assert_int_equal(tls_relay_accept(server->loop, server->tls, net_fd, 60 * NS_PER_S, &handler,
                                      conn, &conn->relay, NULL),
                     0);
}

/* Every 100 ms, once all watches wait: an event for all of them, until the last was read. */
static void on_event(void *ctx)
{
    struct server *server = ctx;
    bool all = server->waiting == server->watches;
    if (all && server->event == 0) {
        print_message("%d watches: %.1f ms of CPU and %.1f KiB of memory each\n", server->watches,
                      cpu_ms(&server->usage) / server->watches,
                      (double)(rss_kib() - server->rss_kib) / server->watches);
    }
    if (all && server->event == EVENTS) {
        print_message("an event: %.1f us of CPU a watch\n",
                      1e3 * cpu_ms(&server->usage) / server->watches / EVENTS);
    }
    if (all && server->event <= EVENTS) {
        server->event++;
        for (struct conn *conn = server->conns; conn; conn = conn->next)
            resume(conn);
    }
    server->done = server->event > EVENTS && server->upgrades == 1 && server->waiting == 0;
    loop_timer_after(server->event_timer, 100 * NS_PER_MS);
}

static void server_init(struct server *server, struct loop *loop, struct tls_config *tls,
                        int listener, int watches)
{
    *server = (struct server){.loop = loop, .tls = tls, .listener = listener, .watches = watches};
    server->http = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE, 0,
        NULL, NULL, on_request, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_CONNECTION_LIMIT, 5000u, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384,
        MHD_OPTION_END);
    assert_non_null(server->http);
    int epoll_fd = MHD_get_daemon_info(server->http, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    assert_int_equal(loop_io_new(loop, epoll_fd, EPOLLIN, on_http, server, &server->http_io, NULL),
                     0);
    assert_int_equal(
        loop_io_new(loop, listener, EPOLLIN, on_accept, server, &server->listen_io, NULL), 0);
    server->http_timer = loop_timer_new(loop, on_http_timer, server);
    server->event_timer = loop_timer_new(loop, on_event, server);
    loop_timer_after(server->event_timer, 100 * NS_PER_MS);
    getrusage(RUSAGE_SELF, &server->usage);
    server->rss_kib = rss_kib();
}

/* MHD first: it calls back and needs the relays' plain ends; then what is left of ours. */
static void server_done(struct server *server)
{
    loop_io_free(server->listen_io);
    loop_io_free(server->http_io);
    for (struct conn *conn = server->conns; conn; conn = conn->next)
        resume(conn);
    MHD_stop_daemon(server->http);
    loop_timer_free(server->http_timer);
    loop_timer_free(server->event_timer);
    for (struct conn *conn = server->conns, *next; conn; conn = next) {
        next = conn->next;
        tls_relay_free(conn->relay);
        free(conn);
    }
}

static void test_http__watches_and_upgrade(void **state)
{
    (void)state;
    const char *text = getenv("LIMPET_HTTP_WATCHES");
    int watches = text ? atoi(text) : 60, status = -1;
    struct pki pki;
    pki_init(&pki);
    uint16_t port;
    int listener = tcp_listen(&port);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(http_clients(&pki, port, watches));
    struct loop *loop = NULL;
    struct server server;
    struct tls_config *tls = pki_server(&pki);
    assert_int_equal(loop_new(clock_system(), &loop, NULL), 0);
    server_init(&server, loop, tls, listener, watches);
    assert_true(run_until(loop, &server.done, 100000));
    /* Let the last bytes go out until the clients have ended. */
    AWAIT(waitpid(pid, &status, WNOHANG) == pid, await_turn(loop));
    assert_int_equal(status, 0);
    server_done(&server);
    tls_config_unref(tls);
    loop_free(loop);
    close(listener);
    pki_done(&pki);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http__watches_and_upgrade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
