#pragma once
/* An MQTT 5 broker in memory, and clients of it as struct bus: what mosquitto does for us (retained
 * messages, QoS 0 and 1, sessions, wills with a delay, expiry, wildcards, ACL), on the loop's
 * clock, and what can go wrong with it. One conformance suite runs against it and against
 * mosquitto. Everything that is left to chance comes from the seed. */

#include "common/bus/bus.h"
#include "common/loop/loop.h"

struct bus_fake;

/* loop is borrowed. Clients are freed before the broker. */
struct bus_fake *bus_fake_new(struct loop *loop, uint64_t seed);
void bus_fake_free(struct bus_fake *fake);

struct bus_fake_client {
    const char *client_id;
    const char *user;          /* the proven name; NULL: the unix socket's, who may do everything */
    uint32_t session_expiry_s; /* 0: a clean start each time */
    int keepalive_s; /* 0: 15. A cut link is seen by the broker after 1.5, by us after 2 */
    const struct bus_msg *will;
    uint32_t will_delay_s;
    int64_t backoff_min_ns, backoff_max_ns; /* 0: 250 ms, 30 s */
};
/* Freed by its own free function: without stop before it, that is a process killed. */
struct bus *bus_fake_client(struct bus_fake *fake, const struct bus_fake_client *spec);

/* Whether `user` may write to, or is given, this topic. The default is the ACL of the embedded
 * broker by %u; NULL: everything is allowed. */
typedef bool bus_fake_acl_fn(void *ctx, const char *user, const char *topic, bool write);
void bus_fake_set_acl(struct bus_fake *fake, bus_fake_acl_fn *fn, void *ctx);
bool bus_fake_acl(void *ctx, const char *user, const char *topic, bool write); /* the default */

/* ---- faults ---- */

struct bus_fake_faults { /* chances in 1,000 */
    unsigned drop;       /* a message on its way to a subscriber is lost, acknowledged or not */
    unsigned duplicate;  /* ... comes twice */
    unsigned reorder;    /* ... is overtaken by later ones */
    unsigned disconnect; /* a packet breaks its connection */
    int64_t delay_min_ns, delay_max_ns; /* of every packet; 0: delivered in the loop's next turn */
};
void bus_fake_set_faults(struct bus_fake *fake, const struct bus_fake_faults *faults);

/* kill -9 of the broker: connections break, new ones are refused until bus_fake_start. */
void bus_fake_kill(struct bus_fake *fake);
/* lost: retained messages and sessions are gone, as after a kill without a save. */
void bus_fake_start(struct bus_fake *fake, bool lost);
/* Both at once: everything is lost, clients come back by themselves. */
void bus_fake_wipe(struct bus_fake *fake);
/* The connection of this client breaks and is noticed at both ends. */
void bus_fake_disconnect(struct bus_fake *fake, const char *client_id);
/* Its link is cut without a close: nothing gets through until it is healed; each end notices by its
 * keepalive. */
void bus_fake_cut(struct bus_fake *fake, const char *client_id);
void bus_fake_heal(struct bus_fake *fake, const char *client_id);

/* ---- a captured broker, and what tests look at ---- */

/* Says this to whom it may concern, as if somebody had published it; no ACL. */
void bus_fake_inject(struct bus_fake *fake, const struct bus_msg *msg);
/* The retained message of a topic, NULL if none; borrowed until the next change. */
const struct bus_msg *bus_fake_retained(struct bus_fake *fake, const char *topic);
/* How many retained messages match the filter. */
size_t bus_fake_retained_count(struct bus_fake *fake, const char *filter);
/* Called for each message that the broker accepted from a client. NULL: none. */
typedef void bus_fake_spy_fn(void *ctx, const char *client_id, const struct bus_msg *msg);
void bus_fake_set_spy(struct bus_fake *fake, bus_fake_spy_fn *fn, void *ctx);
