/* Clients: who they are, and how long we wait for them. */

#include "controller/http/http_impl.h"

#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <sys/socket.h>

void http_conn_free(struct http_conn *conn)
{
    list_remove(&conn->link);
    conn->http->conn_count--;
    loop_timer_free(conn->deadline);
    loop_io_free(conn->hangup);
    for (size_t i = 0; conn->groups && conn->groups[i]; i++)
        free(conn->groups[i]);
    free(conn->groups);
    screen_unref(conn->screen);
    free(conn->user);
    free(conn->refused);
    free(conn->address);
    free(conn);
}

/* libmicrohttpd sees the end of the stream. */
void http_conn_cut(struct http_conn *conn)
{
    shutdown(conn->fd, SHUT_RDWR);
    http_run_soon(conn->http);
}

/* Taking too long. */
static void on_deadline(void *ctx)
{
    http_conn_cut(ctx);
}

void http_conn_deadline(struct http_conn *conn, int64_t seconds)
{
    if (!WEAKENED(HTTP_DEADLINE))
        loop_timer_after(conn->deadline, seconds * NS_PER_S);
}

struct http_conn *http_conn_new(struct http *http, int fd, const struct http_peer *peer,
                                struct screen *screen)
{
    struct http_conn *conn = xcalloc(1, sizeof(*conn));
    size_t count = 0;
    conn->http = http;
    conn->fd = fd;
    conn->screen = screen_ref(screen);
    while (peer && peer->groups && peer->groups[count])
        count++;
    conn->groups = xcalloc(count + 1, sizeof(*conn->groups));
    for (size_t i = 0; i < count; i++)
        conn->groups[i] = xstrdup(peer->groups[i]);
    conn->user = peer && peer->user ? xstrdup(peer->user) : NULL;
    conn->refused = peer && peer->refused ? xstrdup(peer->refused) : NULL;
    conn->address = peer && peer->address ? xstrdup(peer->address) : NULL;
    conn->peer = (struct http_peer){conn->user, (const char *const *)conn->groups, conn->refused,
                                    conn->address};
    conn->deadline = loop_timer_new(http->loop, on_deadline, conn);
    http_conn_deadline(conn, HTTP_FIRST_S);
    list_append(&http->conns, &conn->link);
    http->conn_count++;
    return conn;
}
