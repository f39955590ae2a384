#include "tests/sim/fake/bus_fake_private.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/topic.h"

#include <errno.h>
#include <stdlib.h>

struct retained {
    struct bus_msg *msg;
    int64_t expires_at; /* boot ns; 0: never */
};

struct subscription {
    struct list link;
    char *filter;
    int qos;
};

struct entry { /* QoS 1, until the subscriber has acknowledged it */
    struct list link;
    uint64_t number;
    struct bus_msg *msg;
    int64_t expires_at;
};

struct session {
    struct bus_fake *fake;
    char *id, *user;
    struct conn *conn; /* NULL: offline */
    struct list subscriptions, queue;
    uint32_t expiry_s;
    int64_t expires_at; /* while offline */
    struct bus_msg *will;
    uint32_t will_delay_s;
    int64_t will_at; /* 0: not due */
};

static int64_t now_of(const struct bus_fake *fake)
{
    return loop_now(fake->loop);
}

static int64_t expiry_of(const struct bus_fake *fake, const struct bus_msg *msg)
{
    return msg->expiry_s ? now_of(fake) + (int64_t)msg->expiry_s * NS_PER_S : 0;
}

static bool expired(const struct bus_fake *fake, int64_t expires_at)
{
    return expires_at && now_of(fake) >= expires_at;
}

static bool may(const struct bus_fake *fake, const char *user, const char *topic, bool write)
{
    return !fake->acl || fake->acl(fake->acl_ctx, user, topic, write);
}

/* ---- delivery ---- */

/* A copy with the rest of its life, and the flags it arrives with. */
static struct bus_msg *outgoing(const struct bus_fake *fake, const struct bus_msg *msg,
                                int64_t expires_at, int qos, bool retain)
{
    struct bus_msg *copy = bus_msg_copy(msg);

    copy->qos = qos;
    copy->retain = retain;
    if (expires_at) {
        int64_t left = (expires_at - now_of(fake) + NS_PER_S - 1) / NS_PER_S;

        copy->expiry_s = left < 1 ? 1 : (uint32_t)left;
    }
    return copy;
}

static void send_copy(struct conn *conn, const struct bus_msg *msg, uint64_t number)
{
    struct packet p = {.type = PACKET_DELIVER, .msg = bus_msg_copy(msg), .entry = number};

    net_send(conn, &p);
}

static void entry_free(struct entry *e)
{
    list_remove(&e->link);
    bus_msg_free(e->msg);
    free(e);
}

static void deliver(struct session *s, const struct bus_msg *msg, int64_t expires_at, int sub_qos,
                    bool retain)
{
    struct bus_fake *fake = s->fake;
    int qos = msg->qos < sub_qos ? msg->qos : sub_qos;

    if (!may(fake, s->user, msg->topic, false) || (qos == 0 && !s->conn))
        return;
    if (s->conn && fake_chance(fake, fake->faults.drop))
        return;
    cleanup(bus_msg_free) struct bus_msg *copy = outgoing(fake, msg, expires_at, qos, retain);
    uint64_t number = 0;
    if (qos > 0) {
        struct entry *e = xcalloc(1, sizeof(*e));

        number = ++fake->last_entry;
        *e = (struct entry){.number = number, .msg = bus_msg_copy(copy), .expires_at = expires_at};
        list_append(&s->queue, &e->link);
    }
    if (!s->conn)
        return;
    send_copy(s->conn, copy, number);
    if (fake_chance(fake, fake->faults.duplicate))
        send_copy(s->conn, copy, number);
}

static void retain(struct bus_fake *fake, const struct bus_msg *msg)
{
    struct retained *r = map_del(fake->retained, msg->topic);

    if (r) {
        bus_msg_free(r->msg);
        free(r);
    }
    if (msg->len == 0)
        return;
    r = xcalloc(1, sizeof(*r));
    *r = (struct retained){.msg = bus_msg_copy(msg), .expires_at = expiry_of(fake, msg)};
    map_put(fake->retained, msg->topic, r);
}

static void route(struct bus_fake *fake, const struct bus_msg *msg)
{
    size_t i = 0;
    void *value;
    struct list *it, *tmp;

    if (msg->retain)
        retain(fake, msg);
    while (map_next(fake->sessions, &i, NULL, &value)) {
        struct session *s = value;

        list_each(it, tmp, &s->subscriptions)
        {
            struct subscription *sub = container_of(it, struct subscription, link);

            if (topic_matches(sub->filter, msg->topic))
                deliver(s, msg, expiry_of(fake, msg), sub->qos, false);
        }
    }
}

void bus_fake_inject(struct bus_fake *fake, const struct bus_msg *msg)
{
    route(fake, msg);
}

/* ---- sessions ---- */

static void drop_subscription(struct subscription *sub)
{
    list_remove(&sub->link);
    free(sub->filter);
    free(sub);
}

static void clear_session(struct session *s)
{
    while (!list_empty(&s->subscriptions))
        drop_subscription(container_of(s->subscriptions.next, struct subscription, link));
    while (!list_empty(&s->queue))
        entry_free(container_of(s->queue.next, struct entry, link));
}

static void session_free(void *value)
{
    struct session *s = value;

    clear_session(s);
    bus_msg_free(s->will);
    free(s->id);
    free(s->user);
    free(s);
}

static void tend_at(struct bus_fake *fake)
{
    int64_t next = INT64_MAX;
    size_t i = 0;
    void *value;

    while (map_next(fake->sessions, &i, NULL, &value)) {
        const struct session *s = value;

        if (s->will_at && s->will_at < next)
            next = s->will_at;
        if (!s->conn && s->expires_at < next)
            next = s->expires_at;
    }
    if (next == INT64_MAX)
        loop_timer_stop(fake->tend_timer);
    else
        loop_timer_at(fake->tend_timer, next);
}

static void publish_will(struct session *s)
{
    struct bus_msg *will = steal(s->will);

    s->will_at = 0;
    if (will && may(s->fake, s->user, will->topic, true))
        route(s->fake, will);
    bus_msg_free(will);
}

/* Wills that are due; sessions that have ended (their will is due then at the latest). */
static void on_tend(void *ctx)
{
    struct bus_fake *fake = ctx;
    int64_t now = now_of(fake);
    size_t i = 0;
    const char *id;
    void *value;

    while (map_next(fake->sessions, &i, &id, &value)) {
        struct session *s = value;
        bool over = !s->conn && s->expires_at <= now;

        if (s->will_at && (s->will_at <= now || over))
            publish_will(s);
        if (over) {
            map_del(fake->sessions, id);
            session_free(s);
        }
    }
    tend_at(fake);
}

void broker_lost(struct conn *conn, bool graceful)
{
    struct session *s = steal(conn->session);

    if (!s)
        return;
    s->conn = NULL;
    s->expires_at = now_of(s->fake) + (int64_t)s->expiry_s * NS_PER_S;
    if (graceful) {
        bus_msg_free(s->will);
        s->will = NULL;
    } else if (s->will) {
        s->will_at = now_of(s->fake) + (int64_t)s->will_delay_s * NS_PER_S;
        if (s->will_delay_s == 0)
            publish_will(s);
    }
    tend_at(conn->fake);
    conn_unref(conn);
}

static void refuse(struct conn *conn, int code)
{
    struct packet p = {.type = PACKET_REFUSED, .code = code};

    net_send(conn, &p); /* holds it, whoever else lets go */
    broker_lost(conn, false);
}

static void on_connect(struct conn *conn)
{
    struct bus_fake *fake = conn->fake;
    struct client_hello hello;
    struct session *s = map_get(fake->sessions, conn->id);
    bool present = s != NULL;

    if (!conn->client)
        return;
    hello = client_hello(conn->client);
    if (s && s->conn)
        refuse(s->conn, -ECONNRESET); /* taken over; mosquitto does not say so either */
    if (!s) {
        s = xcalloc(1, sizeof(*s));
        *s = (struct session){.fake = fake, .id = xstrdup(conn->id)};
        list_init(&s->subscriptions);
        list_init(&s->queue);
        map_put(fake->sessions, conn->id, s);
    } else if (hello.session_expiry_s == 0) {
        clear_session(s);
        present = false;
    }
    free(s->user);
    s->user = hello.user ? xstrdup(hello.user) : NULL;
    s->expiry_s = hello.session_expiry_s;
    bus_msg_free(s->will);
    s->will = hello.will ? bus_msg_copy(hello.will) : NULL;
    s->will_delay_s = hello.will_delay_s;
    s->will_at = 0;
    s->conn = conn;
    conn->session = s;
    conn->refs++;
    struct packet ack = {.type = PACKET_CONNACK, .flag = present};
    net_send(conn, &ack);
    struct list *it, *tmp;
    list_each(it, tmp, &s->queue)
    {
        struct entry *e = container_of(it, struct entry, link);

        if (expired(fake, e->expires_at)) {
            entry_free(e);
            continue;
        }
        cleanup(bus_msg_free) struct bus_msg *copy =
            outgoing(fake, e->msg, e->expires_at, e->msg->qos, e->msg->retain);
        send_copy(conn, copy, e->number);
    }
    tend_at(fake);
}

/* ---- packets ---- */

static void on_publish(struct conn *conn, const struct packet *p)
{
    struct bus_fake *fake = conn->fake;
    bool allowed = may(fake, conn->session->user, p->msg->topic, true);

    if (allowed) {
        if (fake->spy)
            fake->spy(fake->spy_ctx, conn->id, p->msg);
        route(fake, p->msg);
    }
    if (p->msg->qos > 0) {
        struct packet ack = {.type = PACKET_PUBACK, .id = p->id, .code = allowed ? 0 : -EACCES};

        net_send(conn, &ack);
    }
}

static struct subscription *find_subscription(struct session *s, const char *filter)
{
    struct list *it, *tmp;

    list_each(it, tmp, &s->subscriptions)
    {
        struct subscription *sub = container_of(it, struct subscription, link);

        if (strcmp(sub->filter, filter) == 0)
            return sub;
    }
    return NULL;
}

static void on_subscribe(struct session *s, const struct packet *p)
{
    struct subscription *sub = find_subscription(s, p->filter);
    size_t i = 0;
    const char *topic;
    void *value;

    if (!sub) {
        sub = xcalloc(1, sizeof(*sub));
        sub->filter = xstrdup(p->filter);
        list_append(&s->subscriptions, &sub->link);
    }
    sub->qos = p->qos;
    while (map_next(s->fake->retained, &i, &topic, &value)) {
        const struct retained *r = value;

        if (topic_matches(p->filter, topic) && !expired(s->fake, r->expires_at))
            deliver(s, r->msg, r->expires_at, p->qos, true);
    }
}

static void on_delivered(struct session *s, uint64_t number)
{
    struct list *it, *tmp;

    list_each(it, tmp, &s->queue)
    {
        struct entry *e = container_of(it, struct entry, link);

        if (e->number == number) {
            entry_free(e);
            return;
        }
    }
}

void broker_packet(struct conn *conn, struct packet *p)
{
    struct session *s = conn->session;

    if (p->type == PACKET_CONNECT) {
        if (conn->fake->down)
            refuse(conn, -ECONNREFUSED);
        else
            on_connect(conn);
        return;
    }
    if (!s)
        return;
    if (p->type == PACKET_PUBLISH) {
        on_publish(conn, p);
    } else if (p->type == PACKET_SUBSCRIBE) {
        on_subscribe(s, p);
    } else if (p->type == PACKET_UNSUBSCRIBE) {
        struct subscription *sub = find_subscription(s, p->filter);

        if (sub)
            drop_subscription(sub);
    } else if (p->type == PACKET_DELIVERED) {
        on_delivered(s, p->entry);
    } else if (p->type == PACKET_BROKER_TIMEOUT) {
        if (conn->cut_at >= 0 && (uint64_t)conn->cut_at == p->entry)
            refuse(conn, -ETIMEDOUT);
    } else {
        broker_lost(conn, p->type == PACKET_DISCONNECT);
    }
}

/* ---- state ---- */

static void retained_free(void *value)
{
    struct retained *r = value;

    bus_msg_free(r->msg);
    free(r);
}

void broker_init(struct bus_fake *fake)
{
    fake->retained = map_new();
    fake->sessions = map_new();
    fake->tend_timer = loop_timer_new(fake->loop, on_tend, fake);
}

void broker_forget(struct bus_fake *fake)
{
    map_free(fake->retained, retained_free);
    map_free(fake->sessions, session_free);
    fake->retained = map_new();
    fake->sessions = map_new();
    loop_timer_stop(fake->tend_timer);
}

void broker_done(struct bus_fake *fake)
{
    map_free(fake->retained, retained_free);
    map_free(fake->sessions, session_free);
    loop_timer_free(fake->tend_timer);
}

const struct bus_msg *bus_fake_retained(struct bus_fake *fake, const char *topic)
{
    const struct retained *r = map_get(fake->retained, topic);

    return r && !expired(fake, r->expires_at) ? r->msg : NULL;
}

size_t bus_fake_retained_count(struct bus_fake *fake, const char *filter)
{
    size_t i = 0, count = 0;
    const char *topic;
    void *value;

    while (map_next(fake->retained, &i, &topic, &value)) {
        const struct retained *r = value;

        count += topic_matches(filter, topic) && !expired(fake, r->expires_at);
    }
    return count;
}

/* As the embedded broker's ACL file. %u never matches more than one level. */
bool bus_fake_acl(void *ctx, const char *user, const char *topic, bool write)
{
    static const struct {
        const char *pattern;
        bool write;
    } rules[] = {
        {"limpet/v1/nodes/%s/up/#", true},    {"limpet/v1/nodes/%s/down/#", false},
        {"limpet/v1/users/%s/apply", true},   {"limpet/v1/users/%s/delete", true},
        {"limpet/v1/users/%s/reply", false},  {"limpet/v1/enroll/%s/request", true},
        {"limpet/v1/enroll/%s/reply", false}, {"limpet/v1/renew/%s/request", true},
        {"limpet/v1/renew/%s/reply", false},
    };

    (void)ctx;
    if (!user)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        const char *mark = strstr(rules[i].pattern, "%s");
        autofree char *filter =
            xasprintf("%.*s%s%s", (int)(mark - rules[i].pattern), rules[i].pattern, user, mark + 2);

        if (rules[i].write == write && topic_matches(filter, topic))
            return true;
    }
    return false;
}
