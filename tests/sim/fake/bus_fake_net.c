#include "tests/sim/fake/bus_fake_private.h"

#include "common/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool fake_chance(struct bus_fake *fake, unsigned per_mille)
{
    return per_mille && rng_below(&fake->rng.rng, 1000) < per_mille;
}

struct conn *conn_new(struct bus_fake *fake, const char *id, struct client *client)
{
    struct conn *conn = xcalloc(1, sizeof(*conn));

    *conn =
        (struct conn){.refs = 1, .fake = fake, .id = xstrdup(id), .client = client, .cut_at = -1};
    if (map_get(fake->cut, id))
        conn->cut_at = loop_now(fake->loop);
    list_init(&conn->parked);
    list_append(&fake->conns, &conn->link);
    return conn;
}

static void packet_free(struct packet *packet)
{
    list_remove(&packet->link);
    bus_msg_free(packet->msg);
    free(packet->filter);
    free(packet);
}

void conn_unref(struct conn *conn)
{
    if (!conn || --conn->refs > 0)
        return;
    list_remove(&conn->link);
    free(conn->id);
    free(conn);
}

static bool is_timeout(const struct packet *packet)
{
    return packet->type == PACKET_BROKER_TIMEOUT || packet->type == PACKET_CLIENT_TIMEOUT;
}

static void arm(struct bus_fake *fake)
{
    if (list_empty(&fake->packets))
        loop_timer_stop(fake->net_timer);
    else
        loop_timer_at(fake->net_timer, container_of(fake->packets.next, struct packet, link)->at);
}

/* Behind all others of its time: what was sent first comes first. */
static void insert(struct bus_fake *fake, struct packet *packet)
{
    struct list *before = fake->packets.prev;

    while (before != &fake->packets && container_of(before, struct packet, link)->at > packet->at)
        before = before->prev;
    packet->link.prev = before;
    packet->link.next = before->next;
    before->next->prev = &packet->link;
    before->next = &packet->link;
    arm(fake);
}

static int64_t arrival(struct conn *conn, const struct packet *packet)
{
    struct bus_fake *fake = conn->fake;
    const struct bus_fake_faults *f = &fake->faults;
    int64_t at = loop_now(fake->loop) + f->delay_min_ns;
    int64_t *last = &conn->last_at[packet->type >= PACKET_CONNACK];

    if (f->delay_max_ns > f->delay_min_ns)
        at += (int64_t)rng_below(&fake->rng.rng, (uint64_t)(f->delay_max_ns - f->delay_min_ns));
    if (packet->type == PACKET_DELIVER && fake_chance(fake, f->reorder))
        return at + (int64_t)rng_below(&fake->rng.rng, (uint64_t)(50 * NS_PER_MS));
    if (at < *last)
        at = *last;
    *last = at;
    return at;
}

void net_send(struct conn *conn, const struct packet *packet)
{
    struct packet *p = xmemdup(packet, sizeof(*packet));

    p->link = (struct list){0};
    p->conn = conn;
    conn->refs++;
    if (!is_timeout(p))
        p->at = arrival(conn, p);
    insert(conn->fake, p);
}

/* A packet breaks the connection that carries it: both ends see a reset. */
static bool breaks(struct conn *conn, const struct packet *packet)
{
    if (is_timeout(packet) || packet->type == PACKET_CLOSED || packet->type == PACKET_REFUSED ||
        !fake_chance(conn->fake, conn->fake->faults.disconnect))
        return false;
    struct packet reset = {.type = PACKET_REFUSED, .code = -ECONNRESET};
    broker_lost(conn, false);
    client_packet(conn, &reset);
    return true;
}

static void dispatch(struct packet *packet)
{
    struct conn *conn = packet->conn;

    if (conn->cut_at >= 0 && !is_timeout(packet)) {
        list_append(&conn->parked, &packet->link);
        return;
    }
    if (breaks(conn, packet))
        ;
    else if (packet->type < PACKET_CONNACK || packet->type == PACKET_BROKER_TIMEOUT)
        broker_packet(conn, packet);
    else
        client_packet(conn, packet);
    packet_free(packet);
    conn_unref(conn);
}

static void on_timer(void *ctx)
{
    struct bus_fake *fake = ctx;
    int64_t now = loop_now(fake->loop);
    struct list due, *it, *tmp;

    /* What is sent while these arrive comes in a later turn. */
    list_init(&due);
    list_each(it, tmp, &fake->packets)
    {
        if (container_of(it, struct packet, link)->at > now)
            break;
        list_remove(it);
        list_append(&due, it);
    }
    while (!list_empty(&due)) {
        struct packet *packet = container_of(due.next, struct packet, link);

        list_remove(&packet->link);
        dispatch(packet);
    }
    arm(fake);
}

static void send_timeout(struct conn *conn, enum packet_type type, int64_t after_ns)
{
    struct packet p = {
        .type = type, .at = conn->cut_at + after_ns, .entry = (uint64_t)conn->cut_at};

    net_send(conn, &p);
}

void net_cut(struct bus_fake *fake, const char *id)
{
    struct list *it, *tmp;

    map_put(fake->cut, id, fake);
    list_each(it, tmp, &fake->conns)
    {
        struct conn *conn = container_of(it, struct conn, link);

        if (strcmp(conn->id, id) != 0 || conn->cut_at >= 0)
            continue;
        conn->cut_at = loop_now(fake->loop);
        if (!conn->client)
            continue;
        int64_t keepalive = client_hello(conn->client).keepalive_s * NS_PER_S;
        send_timeout(conn, PACKET_BROKER_TIMEOUT, keepalive * 3 / 2);
        send_timeout(conn, PACKET_CLIENT_TIMEOUT, keepalive * 2);
    }
}

void net_heal(struct bus_fake *fake, const char *id)
{
    struct list *it, *tmp;

    map_del(fake->cut, id);
    list_each(it, tmp, &fake->conns)
    {
        struct conn *conn = container_of(it, struct conn, link);

        if (strcmp(conn->id, id) != 0)
            continue;
        conn->cut_at = -1;
        /* TCP sends again what did not get through. */
        while (!list_empty(&conn->parked)) {
            struct packet *packet = container_of(conn->parked.next, struct packet, link);

            list_remove(&packet->link);
            packet->at = loop_now(fake->loop);
            insert(fake, packet);
        }
    }
}

void net_init(struct bus_fake *fake)
{
    list_init(&fake->packets);
    list_init(&fake->conns);
    fake->cut = map_new();
    fake->net_timer = loop_timer_new(fake->loop, on_timer, fake);
}

static void free_list(struct list *packets)
{
    while (!list_empty(packets)) {
        struct packet *packet = container_of(packets->next, struct packet, link);
        struct conn *conn = packet->conn;

        packet_free(packet);
        conn_unref(conn);
    }
}

void net_done(struct bus_fake *fake)
{
    struct list *it, *tmp;

    free_list(&fake->packets);
    list_each(it, tmp, &fake->conns)
    {
        struct conn *conn = container_of(it, struct conn, link);

        conn->refs++;
        free_list(&conn->parked);
        conn_unref(conn);
    }
    map_free(fake->cut, NULL);
    loop_timer_free(fake->net_timer);
}
