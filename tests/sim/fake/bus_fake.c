#include "tests/sim/fake/bus_fake.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/sim/fake/bus_fake_private.h"

#include <errno.h>
#include <stdlib.h>

#define FLIGHT_MAX 512
#define ANSWER_NS (15 * NS_PER_S)

enum state { IDLE, WAITING, GREETING, CONNECTED };

struct client {
    struct bus bus;
    struct list link;
    struct bus_fake *fake;
    char *id, *user;
    uint32_t session_expiry_s, will_delay_s;
    int keepalive_s;
    struct bus_msg *will;
    int64_t backoff_min_ns, backoff_max_ns;

    const struct bus_handler *handler;
    void *ctx;
    enum state state;
    struct conn *conn;
    struct loop_timer *retry, *deadline;
    struct loop_defer *left;
    unsigned attempts;
    uint32_t flights[FLIGHT_MAX];
    size_t flight_count;
    uint32_t last_id;
    int busy;
    bool freed;
};

static struct client *client_of(struct bus *bus)
{
    return container_of(bus, struct client, bus);
}

struct client_hello client_hello(const struct client *c)
{
    return (struct client_hello){.user = c->user,
                                 .session_expiry_s = c->session_expiry_s,
                                 .will_delay_s = c->will_delay_s,
                                 .will = c->will,
                                 .keepalive_s = c->keepalive_s};
}

static void destroy(struct client *c);

static void enter(struct client *c)
{
    c->busy++;
}

static void leave(struct client *c)
{
    if (--c->busy == 0 && c->freed)
        destroy(c);
}

/* This end of the connection is gone; tell: the broker's end sees it. */
static void hang_up(struct client *c, enum packet_type tell)
{
    struct conn *conn = steal(c->conn);
    struct packet p = {.type = tell};

    loop_timer_stop(c->deadline);
    if (!conn)
        return;
    conn->client = NULL;
    net_send(conn, &p);
    conn_unref(conn);
}

static void end_flights(struct client *c)
{
    size_t count = c->flight_count;
    autofree uint32_t *ids = xmemdup(c->flights, (count + 1) * sizeof(*ids));

    c->flight_count = 0;
    for (size_t i = 0; i < count && !c->freed; i++)
        if (c->handler->acked)
            c->handler->acked(c->ctx, ids[i], -ENOTCONN);
}

static int64_t backoff(struct client *c)
{
    int64_t bound = c->backoff_min_ns;

    for (unsigned i = 0; i < c->attempts && bound < c->backoff_max_ns; i++)
        bound *= 2;
    if (bound > c->backoff_max_ns)
        bound = c->backoff_max_ns;
    c->attempts++;
    return (int64_t)rng_below(&c->fake->rng.rng, (uint64_t)bound + 1);
}

static void drop(struct client *c, int code)
{
    struct err err = {0};

    hang_up(c, PACKET_CLOSED);
    c->state = WAITING;
    loop_timer_after(c->retry, backoff(c));
    err_set(&err, code, "broker: %s", strerror(-code));
    enter(c);
    end_flights(c);
    if (!c->freed && c->handler->disconnected)
        c->handler->disconnected(c->ctx, &err);
    leave(c);
}

static void on_retry(void *ctx)
{
    struct client *c = ctx;
    struct packet p = {.type = PACKET_CONNECT};

    c->conn = conn_new(c->fake, c->id, c);
    c->state = GREETING;
    loop_timer_after(c->deadline, ANSWER_NS);
    net_send(c->conn, &p);
}

static void on_deadline(void *ctx)
{
    drop(ctx, -ETIMEDOUT);
}

/* ---- what comes from the broker ---- */

static void on_connack(struct client *c, bool present)
{
    if (c->state != GREETING)
        return;
    c->state = CONNECTED;
    c->attempts = 0;
    loop_timer_stop(c->deadline);
    if (c->handler->connected)
        c->handler->connected(c->ctx, present);
}

static void on_puback(struct client *c, uint32_t id, int code)
{
    for (size_t i = 0; i < c->flight_count; i++) {
        if (c->flights[i] != id)
            continue;
        c->flights[i] = c->flights[--c->flight_count];
        if (c->handler->acked)
            c->handler->acked(c->ctx, id, code);
        return;
    }
}

static void on_deliver(struct client *c, const struct packet *p)
{
    struct packet ack = {.type = PACKET_DELIVERED, .entry = p->entry};

    if (c->state != CONNECTED)
        return;
    if (c->handler->message)
        c->handler->message(c->ctx, p->msg);
    if (p->msg->qos > 0 && c->conn)
        net_send(c->conn, &ack);
}

void client_packet(struct conn *conn, struct packet *p)
{
    struct client *c = conn->client;

    if (!c || c->conn != conn)
        return;
    if (p->type == PACKET_REFUSED) {
        drop(c, p->code);
        return;
    }
    if (p->type == PACKET_CLIENT_TIMEOUT) {
        if (conn->cut_at >= 0 && (uint64_t)conn->cut_at == p->entry)
            drop(c, -ETIMEDOUT);
        return;
    }
    enter(c);
    if (p->type == PACKET_CONNACK)
        on_connack(c, p->flag);
    else if (p->type == PACKET_PUBACK)
        on_puback(c, p->id, p->code);
    else
        on_deliver(c, p);
    leave(c);
}

/* ---- struct bus ---- */

static int fake_start(struct bus *bus, const struct bus_handler *handler, void *ctx,
                      struct err *err)
{
    struct client *c = client_of(bus);

    if (c->state != IDLE)
        return err_set(err, -EALREADY, "bus: started already");
    c->handler = handler;
    c->ctx = ctx;
    c->attempts = 0;
    c->state = WAITING;
    loop_timer_after(c->retry, 0);
    return 0;
}

static void on_left(void *ctx)
{
    struct client *c = ctx;
    struct err none = {0};

    c->left = NULL;
    enter(c);
    if (c->handler->disconnected)
        c->handler->disconnected(c->ctx, &none);
    leave(c);
}

static void fake_stop(struct bus *bus)
{
    struct client *c = client_of(bus);
    bool connected = c->state == CONNECTED;

    if (c->state == IDLE)
        return;
    c->state = IDLE;
    loop_timer_stop(c->retry);
    hang_up(c, connected ? PACKET_DISCONNECT : PACKET_CLOSED);
    if (connected && !c->left)
        c->left = loop_defer(c->fake->loop, on_left, c);
    enter(c);
    end_flights(c);
    leave(c);
}

static bool fake_is_connected(const struct bus *bus)
{
    return client_of((struct bus *)bus)->state == CONNECTED;
}

static int fake_publish(struct bus *bus, const struct bus_msg *msg, uint32_t *ret_id,
                        struct err *err)
{
    struct client *c = client_of(bus);
    int rc = bus_msg_check(msg, err);

    if (rc < 0)
        return rc;
    if (c->state != CONNECTED)
        return err_set(err, -ENOTCONN, "bus: not connected");
    if (msg->qos > 0 && c->flight_count == FLIGHT_MAX)
        return err_set(err, -ENOBUFS, "bus: too much is in flight");
    struct packet p = {.type = PACKET_PUBLISH, .msg = bus_msg_copy(msg)};
    if (msg->qos > 0) {
        c->last_id += c->last_id == UINT32_MAX ? 2 : 1;
        c->flights[c->flight_count++] = c->last_id;
        p.id = c->last_id;
    }
    if (ret_id)
        *ret_id = p.id;
    net_send(c->conn, &p);
    return 0;
}

static int send_filter(struct bus *bus, enum packet_type type, const char *filter, int qos,
                       struct err *err)
{
    struct client *c = client_of(bus);

    if (c->state != CONNECTED)
        return err_set(err, -ENOTCONN, "bus: not connected");
    struct packet p = {.type = type, .filter = xstrdup(filter), .qos = qos};
    net_send(c->conn, &p);
    return 0;
}

static int fake_subscribe(struct bus *bus, const char *filter, int qos, struct err *err)
{
    return send_filter(bus, PACKET_SUBSCRIBE, filter, qos, err);
}

static int fake_unsubscribe(struct bus *bus, const char *filter, struct err *err)
{
    return send_filter(bus, PACKET_UNSUBSCRIBE, filter, 0, err);
}

static void destroy(struct client *c)
{
    hang_up(c, PACKET_CLOSED);
    list_remove(&c->link);
    loop_timer_free(c->retry);
    loop_timer_free(c->deadline);
    loop_defer_free(c->left);
    bus_msg_free(c->will);
    free(c->id);
    free(c->user);
    free(c);
}

static void fake_free(struct bus *bus)
{
    if (!bus)
        return;
    client_of(bus)->freed = true;
    enter(client_of(bus));
    leave(client_of(bus));
}

static const struct bus functions = {
    .start = fake_start,
    .stop = fake_stop,
    .is_connected = fake_is_connected,
    .publish = fake_publish,
    .subscribe = fake_subscribe,
    .unsubscribe = fake_unsubscribe,
    .free = fake_free,
};

struct bus *bus_fake_client(struct bus_fake *fake, const struct bus_fake_client *spec)
{
    struct client *c = xcalloc(1, sizeof(*c));

    *c = (struct client){
        .bus = functions,
        .fake = fake,
        .id = xstrdup(spec->client_id),
        .user = spec->user ? xstrdup(spec->user) : NULL,
        .session_expiry_s = spec->session_expiry_s,
        .will_delay_s = spec->will_delay_s,
        .keepalive_s = spec->keepalive_s ? spec->keepalive_s : 15,
        .will = spec->will ? bus_msg_copy(spec->will) : NULL,
        .backoff_min_ns = spec->backoff_min_ns ? spec->backoff_min_ns : NS_PER_S / 4,
        .backoff_max_ns = spec->backoff_max_ns ? spec->backoff_max_ns : 30 * NS_PER_S,
        .retry = loop_timer_new(fake->loop, on_retry, c),
        .deadline = loop_timer_new(fake->loop, on_deadline, c),
    };
    list_append(&fake->clients, &c->link);
    return &c->bus;
}

/* ---- the broker as a whole ---- */

struct bus_fake *bus_fake_new(struct loop *loop, uint64_t seed)
{
    struct bus_fake *fake = xcalloc(1, sizeof(*fake));

    fake->loop = loop;
    fake->acl = bus_fake_acl;
    rng_seeded_init(&fake->rng, seed);
    list_init(&fake->clients);
    net_init(fake);
    broker_init(fake);
    return fake;
}

/* All packets on their way are lost with their connections. */
static void close_all(struct bus_fake *fake, const char *id, int code)
{
    struct list *it, *tmp;

    list_each(it, tmp, &fake->conns)
    {
        struct conn *conn = container_of(it, struct conn, link);
        struct packet p = {.type = PACKET_REFUSED, .code = code};

        if (id && strcmp(conn->id, id) != 0)
            continue;
        net_send(conn, &p);
        broker_lost(conn, false);
    }
}

void bus_fake_free(struct bus_fake *fake)
{
    struct list *it, *tmp;

    if (!fake)
        return;
    list_each(it, tmp, &fake->conns)
    {
        struct conn *conn = container_of(it, struct conn, link);

        if (conn->session)
            broker_lost(conn, true);
    }
    net_done(fake);
    broker_done(fake);
    free(fake);
}

void bus_fake_set_acl(struct bus_fake *fake, bus_fake_acl_fn *fn, void *ctx)
{
    fake->acl = fn;
    fake->acl_ctx = ctx;
}

void bus_fake_set_spy(struct bus_fake *fake, bus_fake_spy_fn *fn, void *ctx)
{
    fake->spy = fn;
    fake->spy_ctx = ctx;
}

void bus_fake_set_faults(struct bus_fake *fake, const struct bus_fake_faults *faults)
{
    fake->faults = *faults;
}

void bus_fake_kill(struct bus_fake *fake)
{
    fake->down = true;
    close_all(fake, NULL, -ECONNRESET);
}

void bus_fake_start(struct bus_fake *fake, bool lost)
{
    fake->down = false;
    if (lost)
        broker_forget(fake);
}

void bus_fake_wipe(struct bus_fake *fake)
{
    bus_fake_kill(fake);
    bus_fake_start(fake, true);
}

void bus_fake_disconnect(struct bus_fake *fake, const char *client_id)
{
    close_all(fake, client_id, -ECONNRESET);
}

void bus_fake_cut(struct bus_fake *fake, const char *client_id)
{
    net_cut(fake, client_id);
}

void bus_fake_heal(struct bus_fake *fake, const char *client_id)
{
    net_heal(fake, client_id);
}
