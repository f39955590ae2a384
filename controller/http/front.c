#include "controller/http/front.h"

#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/http/message_cut.h"
#include "controller/http/screen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define HANDSHAKE_NS (10 * NS_PER_S)
#define BACKLOG 1024
#define BATCH 32                   /* accepted a turn of the loop */
#define PAUSE_NS (100 * NS_PER_MS) /* when descriptors have run out */

struct session {
    struct list link;
    struct front *front;
    struct tls_relay *relay;
    struct screen *screen;
    struct message_cut cut;
    struct in6_addr address; /* as it is counted: of IPv6 the network */
    char text[INET6_ADDRSTRLEN];
    struct newcomer *newcomer; /* NULL: it is served */
};

/* A connection that has not said yet whose it is. */
struct newcomer {
    int fd; /* the plain end */
    char *user, *refused;
    char **groups; /* NULL-terminated */
    struct loop_timer *deadline;
};

struct front {
    struct front_spec spec;
    struct tls_config *config;
    int fd;
    uint16_t port;
    struct loop_io *io;
    struct loop_timer *pause;
    struct list sessions;
    unsigned count;
};

static void newcomer_free(struct newcomer *newcomer)
{
    if (!newcomer)
        return;
    if (newcomer->fd >= 0)
        close(newcomer->fd);
    loop_timer_free(newcomer->deadline);
    for (size_t i = 0; newcomer->groups[i]; i++)
        free(newcomer->groups[i]);
    free(newcomer->groups);
    free(newcomer->user);
    free(newcomer->refused);
    free(newcomer);
}
CLEANUP_DEFINE(struct newcomer, newcomer_free);

static void session_free(struct session *session)
{
    newcomer_free(session->newcomer);
    list_remove(&session->link);
    session->front->count--;
    tls_relay_free(session->relay);
    screen_unref(session->screen);
    free(session);
}

/* Takes fd. On failure it is closed, and the relay ends by itself. */
static void serve(struct session *session, int fd, const struct http_peer *who)
{
    const struct front_spec *spec = &session->front->spec;
    struct err err = {0};
    if (screen_side(session->screen) == SCREEN_GUEST) {
        tls_relay_bulk(session->relay);
        spec->guest(spec->guest_ctx, fd, who);
    } else if (http_add(spec->http, fd, who, session->screen, &err) != 0)
        log_warn("API connection refused error=%s", log_quote(err.msg));
}

/* Nothing was asked for in time. */
static void on_deadline(void *ctx)
{
    session_free(ctx);
}

static void wait_for_it(struct session *session, int fd, const struct http_peer *who)
{
    struct newcomer *newcomer = session->newcomer = xcalloc(1, sizeof(*newcomer));
    size_t count = 0;
    while (who->groups && who->groups[count])
        count++;
    newcomer->fd = fd;
    newcomer->user = who->user ? xstrdup(who->user) : NULL;
    newcomer->refused = who->refused ? xstrdup(who->refused) : NULL;
    newcomer->groups = xcalloc(count + 1, sizeof(*newcomer->groups));
    for (size_t i = 0; i < count; i++)
        newcomer->groups[i] = xstrdup(who->groups[i]);
    newcomer->deadline = loop_timer_new(session->front->spec.loop, on_deadline, session);
    loop_timer_after(newcomer->deadline, HTTP_FIRST_S * NS_PER_S);
}

static void on_ready(void *ctx, struct tls_relay *relay, int plain_fd, const struct tls_peer *peer)
{
    struct session *session = ctx;
    struct http_peer who = {
        .user = *peer->common_name ? peer->common_name : NULL,
        .groups = *peer->common_name ? (const char *const *)peer->organizations : NULL,
        .refused = *peer->refused ? peer->refused : NULL,
        .address = *session->text ? session->text : NULL,
    };
    (void)relay;
    if (session->front->spec.guest)
        wait_for_it(session, plain_fd, &who);
    else
        serve(session, plain_fd, &who);
}

/* Its first request is known. */
static void settle(struct session *session)
{
    cleanup(newcomer_free) struct newcomer *newcomer = steal(session->newcomer);
    const struct http_peer who = {.user = newcomer->user,
                                  .groups = (const char *const *)newcomer->groups,
                                  .refused = newcomer->refused,
                                  .address = *session->text ? session->text : NULL};
    serve(session, steal_fd(&newcomer->fd), &who);
}

static void on_closed(void *ctx, struct tls_relay *relay, const struct err *err)
{
    (void)relay;
    if (err->code)
        log_debug("API connection ended error=%s", log_quote(err->msg));
    session_free(ctx);
}

static void on_bytes(void *ctx, const void *data, size_t len, struct buf *ret)
{
    struct session *session = ctx;
    if (len > 0)
        screen_pass(session->screen, data, len, ret);
    else
        screen_end(session->screen, ret);
    if (session->newcomer && screen_side(session->screen) != SCREEN_UNDECIDED)
        settle(session);
    if (len == 0)
        newcomer_free(steal(session->newcomer)); /* it asked for nothing */
}

static size_t on_answer(void *ctx, const void *data, size_t len)
{
    struct session *session = ctx;
    return message_cut(&session->cut, data, len);
}

static const struct tls_relay_handler relay_handler = {
    .ready = on_ready, .closed = on_closed, .filter = on_bytes, .cut = on_answer};

/* IPv4 as mapped IPv6; of IPv6 the /64, which is what one customer has. */
static struct in6_addr address_of(const struct sockaddr_storage *from)
{
    struct in6_addr address = {0};
    if (from->ss_family == AF_INET) {
        address.s6_addr[10] = address.s6_addr[11] = 0xff;
        memcpy(&address.s6_addr[12], &((const struct sockaddr_in *)from)->sin_addr, 4);
        return address;
    }
    address = ((const struct sockaddr_in6 *)from)->sin6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(&address))
        memset(&address.s6_addr[8], 0, 8);
    return address;
}

static void write_address(const struct sockaddr_storage *from, char ret[static INET6_ADDRSTRLEN])
{
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)from)->sin6_addr;
    if (from->ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)from)->sin_addr, ret, INET6_ADDRSTRLEN);
    else if (IN6_IS_ADDR_V4MAPPED(v6))
        inet_ntop(AF_INET, &v6->s6_addr[12], ret, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, v6, ret, INET6_ADDRSTRLEN);
}

static unsigned count_of(const struct front *front, const struct in6_addr *address)
{
    unsigned count = 0;
    struct list *it, *tmp;
    list_each(it, tmp, &front->sessions)
    {
        const struct session *session = container_of(it, struct session, link);
        count += memcmp(&session->address, address, sizeof(*address)) == 0;
    }
    return count;
}

static bool is_welcome(const struct front *front, const struct in6_addr *address)
{
    if (WEAKENED(FRONT_CAPS))
        return true;
    return front->count < front->spec.max_connections &&
           count_of(front, address) < front->spec.max_per_address;
}

static void take(struct front *front, int fd, const struct sockaddr_storage *from)
{
    struct err err = {0};
    struct in6_addr address = address_of(from);
    if (!is_welcome(front, &address)) {
        close(fd);
        return;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    struct session *session = xcalloc(1, sizeof(*session));
    session->front = front;
    session->address = address;
    session->screen = screen_new();
    if (front->spec.guest)
        screen_guest(session->screen, front->spec.guest_path, front->spec.guest_max_body);
    write_address(from, session->text);
    int r = tls_relay_accept(front->spec.loop, front->config, fd, HANDSHAKE_NS, &relay_handler,
                             session, &session->relay, &err);
    if (r) {
        log_warn("API connection not taken error=%s", log_quote(err.msg));
        screen_unref(session->screen);
        free(session);
        return;
    }
    list_append(&front->sessions, &session->link);
    front->count++;
}

static void on_pause(void *ctx)
{
    struct front *front = ctx;
    loop_io_events(front->io, EPOLLIN);
}

static void on_accept(void *ctx, int fd, uint32_t events)
{
    struct front *front = ctx;
    (void)events;
    for (int i = 0; i < BATCH; i++) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof(from);
        int client = accept4(fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            take(front, client, &from);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_warn("cannot accept API connections for now error=%s", strerror(errno));
            loop_io_events(front->io, 0);
            loop_timer_after(front->pause, PAUSE_NS);
            return;
        }
        if (errno == EAGAIN)
            return;
    }
}

static int make_address(const char *text, uint16_t port, struct sockaddr_storage *ret,
                        socklen_t *ret_len, struct err *err)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    *ret = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *ret_len = sizeof(*v4);
        return 0;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        *ret_len = sizeof(*v6);
        return 0;
    }
    return err_set(err, -EINVAL, "\"%.64s\" is not an IP address to listen on", text);
}

static int open_socket(struct front *front, struct err *err)
{
    struct sockaddr_storage address;
    socklen_t len;
    int on = 1;
    int r = make_address(front->spec.address, front->spec.port, &address, &len, err);
    if (r)
        return r;
    front->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (front->fd < 0 && errno == EAFNOSUPPORT && str_eq(front->spec.address, "::")) {
        front->spec.address = "0.0.0.0"; /* a kernel without IPv6 */
        return open_socket(front, err);
    }
    if (front->fd < 0)
        return err_errno(err, errno, "socket");
    setsockopt(front->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(front->fd, (struct sockaddr *)&address, len) != 0 || listen(front->fd, BACKLOG) != 0)
        return err_errno(err, errno, "cannot listen for the API on %s port %u", front->spec.address,
                         front->spec.port);
    if (getsockname(front->fd, (struct sockaddr *)&address, &len) != 0)
        return err_errno(err, errno, "getsockname");
    front->port =
        ntohs(((struct sockaddr_in *)&address)->sin_port); /* the same place in both families */
    return 0;
}

int front_new(const struct front_spec *spec, struct tls_config *config, struct front **ret,
              struct err *err)
{
    struct front *front = xcalloc(1, sizeof(*front));
    front->spec = *spec;
    front->fd = -1;
    front->config = tls_config_ref(config);
    list_init(&front->sessions);
    front->pause = loop_timer_new(spec->loop, on_pause, front);
    int r = open_socket(front, err);
    if (r == 0)
        r = loop_io_new(spec->loop, front->fd, EPOLLIN, on_accept, front, &front->io, err);
    front->spec.address = NULL; /* borrowed for the call */
    if (r) {
        front_free(front);
        return r;
    }
    *ret = front;
    return 0;
}

uint16_t front_port(const struct front *front)
{
    return front->port;
}

void front_set_tls(struct front *front, struct tls_config *config)
{
    tls_config_ref(config);
    tls_config_unref(front->config);
    front->config = config;
}

void front_free(struct front *front)
{
    if (!front)
        return;
    loop_io_free(front->io);
    loop_timer_free(front->pause);
    if (front->fd >= 0)
        close(front->fd);
    struct list *it, *tmp;
    list_each(it, tmp, &front->sessions) session_free(container_of(it, struct session, link));
    tls_config_unref(front->config);
    free(front);
}
