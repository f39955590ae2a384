#include "common/bus/mqtt.h"

#include "common/base/cleanup.h"
#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/mosq.h"
#include "common/bus/msg.h"
#include "common/bus/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* One libmosquitto handle a connection: what is in flight when it breaks ends with -ENOTCONN here
 * and is the outbox's again, so that libmosquitto's own unbounded queue never holds anything for
 * later. */

#define FLIGHT_MAX 512                      /* QoS 1 messages without an answer */
#define FLIGHT_MAX_BYTES (8 * 1024 * 1024)  /* their payloads */
#define BACKLOG_MAX_BYTES (4 * 1024 * 1024) /* payloads that the socket did not take yet */
#define ANSWER_NS (15 * NS_PER_S)           /* TCP, handshake, CONNACK: each on its own */
#define LINGER_NS (2 * NS_PER_S)            /* for the last bytes after a DISCONNECT */
#define STEADY_NS (10 * NS_PER_S) /* a connection that held this long resets the backoff */
#define READ_BATCH 64             /* packets a turn of the loop */
#define ALIAS_MAX 4

enum state { IDLE, WAITING, DIALING, GREETING, CONNECTED, LEAVING, STATE_COUNT };
static const unsigned allowed[STATE_COUNT] = {
    [IDLE] = 1U << WAITING,
    [WAITING] = 1U << WAITING | 1U << DIALING | 1U << GREETING | 1U << IDLE,
    [DIALING] = 1U << GREETING | 1U << WAITING | 1U << IDLE,
    [GREETING] = 1U << CONNECTED | 1U << WAITING | 1U << IDLE,
    [CONNECTED] = 1U << WAITING | 1U << LEAVING,
    [LEAVING] = 1U << IDLE,
};

struct flight {
    int mid;
    uint32_t id;
    size_t len;
};

struct mqtt {
    struct bus bus;
    struct loop *loop;
    struct rng *rng;
    const struct bus_handler *handler;
    void *ctx;

    char *client_id, *unix_path, *host, *run_dir, *mount;
    int port, keepalive_s;
    uint32_t session_expiry_s, will_delay_s;
    int64_t backoff_min_ns, backoff_max_ns;
    struct tls_config *tls;
    struct bus_msg *will;

    enum state state;
    struct mosq *mosq;
    struct wire *wire;
    struct loop_io *io;
    int fd; /* of io: a duplicate, since libmosquitto closes its own when it likes */
    struct loop_timer *retry, *misc, *deadline;
    struct loop_defer
        *defer; /* a failure, or the end of stop, where the handler must not be called */
    unsigned attempts;
    int64_t connected_at;
    struct err why;

    struct flight flights[FLIGHT_MAX];
    size_t flight_count, flight_bytes, backlog;
    uint32_t last_id;
    char *aliases[ALIAS_MAX]; /* of this connection: topic of alias i + 1 */
    size_t alias_max;

    int busy;     /* inside libmosquitto or the handler */
    bool closing; /* stop was called there */
    bool freed;   /* free was called there */
};

static struct mqtt *mqtt_of(struct bus *bus)
{
    return container_of(bus, struct mqtt, bus);
}

static void move(struct mqtt *m, enum state next)
{
    if (!(allowed[m->state] & 1U << next))
        abort();
    m->state = next;
}

static void destroy(struct mqtt *m);
static void finish_stop(struct mqtt *m);

static void enter(struct mqtt *m)
{
    m->busy++;
}

static void leave(struct mqtt *m)
{
    if (--m->busy > 0)
        return;
    if (m->freed)
        destroy(m);
    else if (m->closing)
        finish_stop(m);
}

/* ---- the end of a connection ---- */

static void close_handle(struct mqtt *m)
{
    loop_io_free(m->io);
    m->io = NULL;
    if (m->fd >= 0)
        close(m->fd);
    m->fd = -1;
    loop_timer_stop(m->misc);
    loop_timer_stop(m->deadline);
    loop_defer_free(m->defer);
    m->defer = NULL;
    mosq_free(m->mosq);
    m->mosq = NULL;
    for (size_t i = 0; i < ALIAS_MAX; i++) {
        free(m->aliases[i]);
        m->aliases[i] = NULL;
    }
    m->alias_max = 0;
    m->backlog = 0;
}

static void close_wire(struct mqtt *m)
{
    wire_free(m->wire);
    m->wire = NULL;
}

static void end_flights(struct mqtt *m)
{
    size_t count = m->flight_count;
    autofree struct flight *list = xmemdup(m->flights, sizeof(*list) * (count ? count : 1));

    m->flight_count = 0;
    m->flight_bytes = 0;
    for (size_t i = 0; i < count && !m->freed; i++)
        if (m->handler->acked)
            m->handler->acked(m->ctx, list[i].id, -ENOTCONN);
}

/* Full jitter: uniform between 0 and the doubled bound. */
static int64_t backoff(struct mqtt *m)
{
    int64_t bound = m->backoff_min_ns;

    for (unsigned i = 0; i < m->attempts && bound < m->backoff_max_ns; i++)
        bound *= 2;
    if (bound > m->backoff_max_ns)
        bound = m->backoff_max_ns;
    m->attempts++;
    return (int64_t)rng_below(m->rng, (uint64_t)bound + 1);
}

/* The connection, or the attempt at one, is over: say so and try again later. */
static void drop(struct mqtt *m)
{
    struct err why = m->why;

    if (m->state == IDLE || m->state == LEAVING)
        return;
    if (m->state == CONNECTED && loop_now(m->loop) - m->connected_at >= STEADY_NS)
        m->attempts = 0;
    move(m, WAITING);
    close_handle(m);
    close_wire(m);
    m->why = (struct err){0};
    if (why.code == 0)
        err_set(&why, -ECONNRESET, "broker: the connection was lost");
    loop_timer_after(m->retry, backoff(m));
    enter(m);
    end_flights(m);
    if (!m->freed && m->handler->disconnected)
        m->handler->disconnected(m->ctx, &why);
    leave(m);
}

static void on_dropped(void *ctx)
{
    struct mqtt *m = ctx;

    m->defer = NULL;
    drop(m);
}

/* From where the handler must not be called. */
static void drop_later(struct mqtt *m)
{
    if (!m->defer)
        m->defer = loop_defer(m->loop, on_dropped, m);
}

static void on_left(void *ctx)
{
    struct mqtt *m = ctx;
    struct err none = {0};

    m->defer = NULL;
    move(m, IDLE);
    loop_timer_stop(m->deadline);
    close_wire(m);
    enter(m);
    if (m->handler->disconnected)
        m->handler->disconnected(m->ctx, &none);
    leave(m);
}

/* ---- the socket ---- */

static void watch(struct mqtt *m)
{
    bool more = mosq_wants_write(m->mosq);

    if (!more)
        m->backlog = 0;
    if (m->io)
        loop_io_events(m->io, EPOLLIN | (more ? (uint32_t)EPOLLOUT : 0U));
}

static void on_socket(void *ctx, int fd, uint32_t events)
{
    struct mqtt *m = ctx;

    (void)fd;
    enter(m);
    if (events & EPOLLOUT)
        mosq_write(m->mosq);
    if (events & ~(uint32_t)EPOLLOUT)
        mosq_read(m->mosq, READ_BATCH);
    watch(m);
    leave(m);
}

static int64_t misc_ns(const struct mqtt *m)
{
    return m->keepalive_s * NS_PER_S / 4;
}

static void on_misc(void *ctx)
{
    struct mqtt *m = ctx;

    loop_timer_after(m->misc, misc_ns(m));
    enter(m);
    mosq_misc(m->mosq);
    watch(m);
    leave(m);
}

static void on_deadline(void *ctx)
{
    struct mqtt *m = ctx;

    if (m->state == LEAVING) {
        on_left(m);
        return;
    }
    err_set(&m->why, -ETIMEDOUT, "broker: no answer to the connection request");
    drop(m);
}

/* ---- what libmosquitto says ---- */

static void on_connected(void *ctx, bool session_present, unsigned alias_max)
{
    struct mqtt *m = ctx;

    if (m->state != GREETING)
        return;
    m->alias_max = alias_max < ALIAS_MAX ? alias_max : ALIAS_MAX;
    move(m, CONNECTED);
    m->connected_at = loop_now(m->loop);
    loop_timer_stop(m->deadline);
    if (m->handler->connected)
        m->handler->connected(m->ctx, session_present);
}

static void on_message(void *ctx, const struct bus_msg *msg)
{
    struct mqtt *m = ctx;
    struct bus_msg whole = *msg;
    autofree char *topic = NULL;

    if (m->freed || m->state != CONNECTED || !m->handler->message)
        return;
    /* Brokers differ in whether they take the mount point off again. */
    if (m->mount && !str_has_prefix(msg->topic, m->mount))
        whole.topic = topic = xasprintf("%s%s", m->mount, msg->topic);
    m->handler->message(m->ctx, &whole);
}

/* As the broker's listener wants it. */
static const char *below_mount(const struct mqtt *m, const char *topic)
{
    return m->mount && str_has_prefix(topic, m->mount) ? topic + strlen(m->mount) : topic;
}

static void on_acked(void *ctx, int mid, int code)
{
    struct mqtt *m = ctx;
    size_t i = 0;

    while (i < m->flight_count && m->flights[i].mid != mid)
        i++;
    if (i == m->flight_count || m->freed)
        return;
    struct flight done = m->flights[i];
    m->flights[i] = m->flights[--m->flight_count];
    m->flight_bytes -= done.len;
    if (m->handler->acked)
        m->handler->acked(m->ctx, done.id, code);
}

/* The first reason stays. */
static void on_failed(void *ctx, int code, const char *why)
{
    struct mqtt *m = ctx;

    if (m->freed || m->state == IDLE || m->state == LEAVING)
        return;
    if (m->why.code == 0)
        err_set(&m->why, code, "broker: %s", why);
    drop_later(m);
}

static const struct mosq_handler mosq_handler = {on_connected, on_message, on_acked, on_failed};

/* ---- connecting ---- */

static int greet(struct mqtt *m, const char *host, int port, struct err *err)
{
    struct mosq_spec spec = {
        .client_id = m->client_id,
        .clean_start = m->session_expiry_s == 0,
        .keepalive_s = m->keepalive_s,
        .session_expiry_s = m->session_expiry_s,
        .will = m->will,
        .will_delay_s = m->will_delay_s,
    };
    int rc = mosq_new(&spec, &mosq_handler, m, &m->mosq, err);

    if (rc == 0)
        rc = mosq_connect(m->mosq, host, port, err);
    if (rc < 0)
        return rc;
    m->fd = fcntl(mosq_fd(m->mosq), F_DUPFD_CLOEXEC, 0);
    if (m->fd < 0)
        return err_errno(err, errno, "broker's socket");
    rc = loop_io_new(m->loop, m->fd, EPOLLIN, on_socket, m, &m->io, err);
    if (rc < 0)
        return rc;
    move(m, GREETING);
    watch(m);
    loop_timer_after(m->misc, misc_ns(m));
    loop_timer_after(m->deadline, ANSWER_NS);
    return 0;
}

static void on_wire_ready(void *ctx, const char *path)
{
    struct mqtt *m = ctx;

    if (greet(m, path, 0, &m->why) < 0)
        drop_later(m);
}

/* The wire knows why it ended; libmosquitto only sees the end of a stream. But what the broker said
 * by MQTT in its last words is better still. */
static void explain_end(struct mqtt *m, const struct err *end)
{
    bool lost = m->why.code == 0 || (m->why.code == -ECONNRESET && !WEAKENED(MQTT_WIRE_REASON));

    if (!lost || end->code == 0)
        return;
    m->why = *end;
    err_wrap(&m->why, "broker");
}

static void on_wire_closed(void *ctx, const struct err *err)
{
    struct mqtt *m = ctx;

    if (m->state == LEAVING) {
        on_left(m);
        return;
    }
    enter(m);
    if (m->mosq) /* the broker's last words are on their way still */
        mosq_read(m->mosq, READ_BATCH);
    if (!m->freed && !m->closing) {
        explain_end(m, err);
        drop(m);
    }
    leave(m);
}

static const struct wire_handler wire_handler = {on_wire_ready, on_wire_closed};

static void on_retry(void *ctx)
{
    struct mqtt *m = ctx;
    int rc;

    if (m->unix_path || !m->tls) {
        rc = greet(m, m->unix_path ? m->unix_path : m->host, m->unix_path ? 0 : m->port, &m->why);
    } else {
        struct wire_spec spec = {m->host, m->port, m->tls, m->run_dir, ANSWER_NS};

        move(m, DIALING);
        rc = wire_new(m->loop, &spec, m->rng, &wire_handler, m, &m->wire, &m->why);
    }
    if (rc < 0)
        drop(m);
}

/* ---- struct bus ---- */

static int mqtt_start(struct bus *bus, const struct bus_handler *handler, void *ctx,
                      struct err *err)
{
    struct mqtt *m = mqtt_of(bus);

    if (m->state != IDLE)
        return err_set(err, -EALREADY, "bus: started already");
    m->handler = handler;
    m->ctx = ctx;
    m->attempts = 0;
    move(m, WAITING);
    loop_timer_after(m->retry, 0);
    return 0;
}

/* Outside of libmosquitto: its handle can go. */
static void finish_stop(struct mqtt *m)
{
    m->closing = false;
    if (m->state == LEAVING)
        mosq_disconnect(m->mosq);
    close_handle(m); /* the wire still carries what was written */
    if (m->state != LEAVING)
        close_wire(m);
    else if (m->wire)
        loop_timer_after(m->deadline, LINGER_NS);
    else
        m->defer = loop_defer(m->loop, on_left, m);
    enter(m);
    end_flights(m);
    leave(m);
}

static void mqtt_stop(struct bus *bus)
{
    struct mqtt *m = mqtt_of(bus);

    if (m->state == IDLE || m->state == LEAVING)
        return;
    loop_timer_stop(m->retry);
    move(m, m->state == CONNECTED ? LEAVING : IDLE);
    m->why = (struct err){0};
    m->closing = true;
    enter(m);
    leave(m);
}

static bool mqtt_is_connected(const struct bus *bus)
{
    return mqtt_of((struct bus *)bus)->state == CONNECTED;
}

/* An alias for what is sent again and again: the topics of the first QoS 0 messages of a
 * connection. */
static unsigned alias_of(struct mqtt *m, const struct bus_msg *msg, bool *ret_known)
{
    *ret_known = false;
    if (msg->qos != 0 || msg->retain)
        return 0;
    for (unsigned i = 0; i < m->alias_max; i++) {
        if (!m->aliases[i])
            return i + 1;
        if (strcmp(m->aliases[i], msg->topic) == 0) {
            *ret_known = true;
            return i + 1;
        }
    }
    return 0;
}

static int check_room(const struct mqtt *m, const struct bus_msg *msg, struct err *err)
{
    size_t taken = m->backlog + msg->len;

    if (m->state != CONNECTED)
        return err_set(err, -ENOTCONN, "bus: not connected");
    if ((msg->qos > 0 && (m->flight_count == FLIGHT_MAX ||
                          (m->flight_count && m->flight_bytes + msg->len > FLIGHT_MAX_BYTES))) ||
        (m->backlog && taken > BACKLOG_MAX_BYTES))
        return err_set(err, -ENOBUFS, "bus: too much is in flight");
    return 0;
}

static int mqtt_publish(struct bus *bus, const struct bus_msg *msg, uint32_t *ret_id,
                        struct err *err)
{
    struct mqtt *m = mqtt_of(bus);
    bool known;
    int mid = 0, rc = bus_msg_check(msg, err);

    if (rc == 0)
        rc = check_room(m, msg, err);
    if (rc < 0)
        return rc;
    unsigned alias = alias_of(m, msg, &known);
    struct bus_msg sent = *msg;
    sent.topic = below_mount(m, msg->topic);
    enter(m);
    rc = mosq_publish(m->mosq, &sent, alias, known, &mid, err);
    if (rc == 0 && alias && !known)
        m->aliases[alias - 1] = xstrdup(msg->topic);
    if (rc == 0 && mosq_wants_write(m->mosq))
        m->backlog += msg->len + 1;
    watch(m);
    if (rc == -ENOTCONN)
        on_failed(m, -ECONNRESET, "the connection was lost");
    if (rc == 0 && msg->qos > 0) {
        m->last_id += m->last_id == UINT32_MAX ? 2 : 1;
        m->flights[m->flight_count++] = (struct flight){mid, m->last_id, msg->len};
        m->flight_bytes += msg->len;
    }
    if (rc == 0 && ret_id)
        *ret_id = msg->qos > 0 ? m->last_id : 0;
    leave(m);
    return rc;
}

static int with_filter(struct mqtt *m, int rc)
{
    watch(m);
    if (rc == -ENOTCONN)
        on_failed(m, -ECONNRESET, "the connection was lost");
    return rc;
}

static int mqtt_subscribe(struct bus *bus, const char *filter, int qos, struct err *err)
{
    struct mqtt *m = mqtt_of(bus);

    if (m->state != CONNECTED)
        return err_set(err, -ENOTCONN, "bus: not connected");
    return with_filter(m, mosq_subscribe(m->mosq, below_mount(m, filter), qos, err));
}

static int mqtt_unsubscribe(struct bus *bus, const char *filter, struct err *err)
{
    struct mqtt *m = mqtt_of(bus);

    if (m->state != CONNECTED)
        return err_set(err, -ENOTCONN, "bus: not connected");
    return with_filter(m, mosq_unsubscribe(m->mosq, below_mount(m, filter), err));
}

static void destroy(struct mqtt *m)
{
    close_handle(m);
    close_wire(m);
    loop_timer_free(m->retry);
    loop_timer_free(m->misc);
    loop_timer_free(m->deadline);
    tls_config_unref(m->tls);
    bus_msg_free(m->will);
    free(m->client_id);
    free(m->unix_path);
    free(m->host);
    free(m->run_dir);
    free(m->mount);
    free(m);
}

static void mqtt_free(struct bus *bus)
{
    struct mqtt *m;

    if (!bus)
        return;
    m = mqtt_of(bus);
    m->freed = true;
    enter(m);
    leave(m);
}

static const struct bus mqtt_functions = {
    .start = mqtt_start,
    .stop = mqtt_stop,
    .is_connected = mqtt_is_connected,
    .publish = mqtt_publish,
    .subscribe = mqtt_subscribe,
    .unsubscribe = mqtt_unsubscribe,
    .free = mqtt_free,
};

static int check_spec(const struct mqtt_spec *spec, struct err *err)
{
    if (str_empty(spec->client_id) || (!spec->unix_path && !spec->host) || !spec->rng ||
        (!spec->unix_path && spec->tls && !spec->run_dir))
        return err_set(err, -EINVAL, "bus: client id, broker, rng or run folder is missing");
    if (spec->keepalive_s < 5 || spec->keepalive_s > 65535)
        return err_set(err, -EINVAL, "bus: keepalive must be 5-65535 s");
    if (spec->backoff_min_ns <= 0 || spec->backoff_max_ns < spec->backoff_min_ns)
        return err_set(err, -EINVAL, "bus: backoff must be above 0, maximum at least minimum");
    return spec->will ? bus_msg_check(spec->will, err) : 0;
}

static char *copy_str(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

int mqtt_new(struct loop *loop, const struct mqtt_spec *spec, struct bus **ret, struct err *err)
{
    int rc = check_spec(spec, err);

    if (rc < 0)
        return rc;
    struct mqtt *m = xcalloc(1, sizeof(*m));
    *m = (struct mqtt){
        .bus = mqtt_functions,
        .loop = loop,
        .rng = spec->rng,
        .client_id = copy_str(spec->client_id),
        .unix_path = copy_str(spec->unix_path),
        .host = copy_str(spec->host),
        .run_dir = copy_str(spec->run_dir),
        .mount = copy_str(spec->mount),
        .port = spec->port,
        .keepalive_s = spec->keepalive_s,
        .session_expiry_s = spec->session_expiry_s,
        .will_delay_s = spec->will_delay_s,
        .backoff_min_ns = spec->backoff_min_ns,
        .backoff_max_ns = spec->backoff_max_ns,
        .tls = spec->tls ? tls_config_ref(spec->tls) : NULL,
        .fd = -1,
        .will = spec->will ? bus_msg_copy(spec->will) : NULL,
        .retry = loop_timer_new(loop, on_retry, m),
        .misc = loop_timer_new(loop, on_misc, m),
        .deadline = loop_timer_new(loop, on_deadline, m),
    };
    *ret = &m->bus;
    return 0;
}

void mqtt_set_tls(struct bus *bus, struct tls_config *tls)
{
    struct mqtt *m = mqtt_of(bus);
    struct tls_config *old = m->tls;

    m->tls = tls_config_ref(tls);
    tls_config_unref(old);
}
