#pragma once
/* What the three files of the fake broker share: bus_fake.c (clients), bus_fake_broker.c (sessions,
 * retained messages, routing), bus_fake_net.c (packets on their way, faults). */

#include "common/base/list.h"
#include "common/base/map.h"
#include "common/base/rng.h"
#include "common/bus/msg.h"
#include "tests/sim/fake/bus_fake.h"

enum packet_type {
    PACKET_CONNECT, /* client to broker, up to PACKET_CLOSED */
    PACKET_PUBLISH,
    PACKET_DELIVERED, /* the PUBACK of a subscriber */
    PACKET_SUBSCRIBE,
    PACKET_UNSUBSCRIBE,
    PACKET_DISCONNECT,
    PACKET_CLOSED,  /* the client's end of the socket is gone */
    PACKET_CONNACK, /* broker to client from here on */
    PACKET_PUBACK,
    PACKET_DELIVER,
    PACKET_REFUSED,        /* the broker's end is gone; code says why */
    PACKET_BROKER_TIMEOUT, /* no packets: keepalive has run out at that end */
    PACKET_CLIENT_TIMEOUT,
};

struct client;
struct session;

/* A TCP connection: lives as long as either end or a packet. */
struct conn {
    struct list link;
    int refs;
    struct bus_fake *fake;
    char *id;
    struct client *client;   /* NULL: that end is closed */
    struct session *session; /* NULL: not accepted yet, or closed */
    int64_t last_at[2];      /* of the packets sent each way: they stay in order */
    struct list parked;      /* while the link is cut */
    int64_t cut_at;          /* -1: not cut */
};

struct packet {
    struct list link;
    int64_t at;
    enum packet_type type;
    struct conn *conn;
    struct bus_msg *msg;
    char *filter;
    uint32_t id;    /* of a publish */
    uint64_t entry; /* of a queue; PACKET_*_TIMEOUT: the cut it belongs to */
    int qos, code;
    bool flag; /* session present */
};

struct bus_fake {
    struct loop *loop;
    struct rng_seeded rng;
    struct bus_fake_faults faults;
    bus_fake_acl_fn *acl;
    void *acl_ctx;
    bus_fake_spy_fn *spy;
    void *spy_ctx;
    bool down;

    struct list packets; /* by time */
    struct loop_timer *net_timer;
    struct list conns, clients;
    struct map *cut; /* client ids */

    struct map *retained;          /* topic -> struct retained */
    struct map *sessions;          /* client id -> struct session */
    struct loop_timer *tend_timer; /* wills, session expiry */
    uint64_t last_entry;
};

/* bus_fake_net.c */
bool fake_chance(struct bus_fake *fake, unsigned per_mille);
struct conn *conn_new(struct bus_fake *fake, const char *id, struct client *client);
void conn_unref(struct conn *conn);
/* packet: what differs from zero; msg and filter are taken. */
void net_send(struct conn *conn, const struct packet *packet);
void net_cut(struct bus_fake *fake, const char *id);
void net_heal(struct bus_fake *fake, const char *id);
void net_init(struct bus_fake *fake);
void net_done(struct bus_fake *fake);

/* bus_fake_broker.c */
void broker_init(struct bus_fake *fake);
void broker_done(struct bus_fake *fake);
void broker_packet(struct conn *conn, struct packet *packet);
/* The connection is gone on the broker's side. graceful: no will. */
void broker_lost(struct conn *conn, bool graceful);
void broker_forget(struct bus_fake *fake); /* all its state; connections are closed already */

/* bus_fake.c */
void client_packet(struct conn *conn, struct packet *packet);
struct client_hello { /* what CONNECT says */
    const char *user;
    uint32_t session_expiry_s, will_delay_s;
    const struct bus_msg *will;
    int keepalive_s;
};
struct client_hello client_hello(const struct client *client);
