#include "controller/broker/doorman.h"

#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/mqtt.h"
#include "controller/broker/visit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LOG_TOPIC "$SYS/broker/log/N"
#define EVICT_NS (5 * NS_PER_S) /* then the next one's turn comes */
#define KEEPALIVE_S 15

struct guest {
    struct list link; /* of doorman->guests, by when he came */
    struct list turn; /* of doorman->leaving, or none */
    struct visit visit;
};

struct doorman {
    struct doorman_spec spec;
    struct bus *ear;   /* hears who comes */
    struct map *by_id; /* client id -> struct guest */
    struct list guests, leaving;
    size_t count;
    struct bus *hand; /* in the name of who is being put out; NULL: nobody is */
    struct loop_defer *next;
    struct loop_timer *late;
};

static void evict_next(void *ctx);

static void go_on(struct doorman *d)
{
    if (!d->next)
        d->next = loop_defer(d->spec.loop, evict_next, d);
}

/* ---- putting out ---- */

static void hand_connected(void *ctx, bool session_present)
{
    struct doorman *d = ctx;
    (void)session_present;
    d->hand->stop(d->hand);
}

static void hand_disconnected(void *ctx, const struct err *err)
{
    if (err->code == 0)
        go_on(ctx);
}

static void hand_message(void *ctx, const struct bus_msg *msg)
{
    (void)ctx;
    (void)msg;
}

static struct mqtt_spec connection(const struct doorman *d, const char *client_id)
{
    return (struct mqtt_spec){.client_id = client_id,
                              .unix_path = d->spec.socket,
                              .keepalive_s = KEEPALIVE_S,
                              .backoff_min_ns = 50 * NS_PER_MS,
                              .backoff_max_ns = NS_PER_S,
                              .rng = d->spec.rng};
}

static int evict(struct doorman *d, const struct visit *visit, struct err *err)
{
    static const struct bus_handler handler = {hand_connected, hand_disconnected, hand_message,
                                               NULL};
    const struct mqtt_spec spec = connection(d, visit->client_id);
    int rc = mqtt_new(d->spec.loop, &spec, &d->hand, err);
    return rc < 0 ? rc : d->hand->start(d->hand, &handler, d, err);
}

static void forget(struct doorman *d, struct guest *guest)
{
    (void)map_del(d->by_id, guest->visit.client_id);
    list_remove(&guest->link);
    list_remove(&guest->turn);
    free(guest);
    d->count--;
}

static void end_hand(struct doorman *d)
{
    loop_timer_stop(d->late);
    if (d->hand)
        d->hand->free(steal(d->hand));
}

/* One at a time: who comes back at once takes no more of us than a connection does. */
static void evict_next(void *ctx)
{
    struct doorman *d = ctx;
    struct err err = {0};
    d->next = NULL;
    end_hand(d);
    if (list_empty(&d->leaving))
        return;
    struct guest *guest = container_of(d->leaving.next, struct guest, turn);
    log_info("connection ended user=%s client=%s", guest->visit.user,
             log_quote(guest->visit.client_id));
    loop_timer_after(d->late, EVICT_NS);
    if (evict(d, &guest->visit, &err) < 0)
        log_warn("connection not ended user=%s error=%s", guest->visit.user, log_quote(err.msg));
    forget(d, guest);
}

static void on_late(void *ctx)
{
    go_on(ctx);
}

static void show_out(struct doorman *d, struct guest *guest)
{
    if (guest->turn.next || !d->spec.unwanted(d->spec.ctx, guest->visit.user) ||
        WEAKENED(DOORMAN_EVICTS))
        return;
    list_append(&d->leaving, &guest->turn);
    if (!d->hand)
        go_on(d);
}

void doorman_look(struct doorman *d, const char *user)
{
    struct list *it, *tmp;
    list_each(it, tmp, &d->guests)
    {
        struct guest *guest = container_of(it, struct guest, link);
        if (str_eq(guest->visit.user, user))
            show_out(d, guest);
    }
}

/* ---- who comes ---- */

static void ear_connected(void *ctx, bool session_present)
{
    struct doorman *d = ctx;
    struct err err = {0};
    (void)session_present;
    if (d->ear->subscribe(d->ear, LOG_TOPIC, 0, &err) < 0)
        log_warn("the broker's log is not heard: error=%s", log_quote(err.msg));
}

static void ear_disconnected(void *ctx, const struct err *err)
{
    (void)ctx; /* the hub's own connection says it */
    (void)err;
}

static void ear_message(void *ctx, const struct bus_msg *msg)
{
    struct doorman *d = ctx;
    struct visit visit;
    if (!str_eq(msg->topic, LOG_TOPIC) || !visit_read(msg->payload, msg->len, &visit))
        return;
    struct guest *guest = map_get(d->by_id, visit.client_id);
    if (guest)
        forget(d, guest);
    if (d->count == DOORMAN_KNOWN)
        forget(d, container_of(d->guests.next, struct guest, link));
    guest = xcalloc(1, sizeof(*guest));
    guest->visit = visit;
    list_append(&d->guests, &guest->link);
    (void)map_put(d->by_id, guest->visit.client_id, guest);
    d->count++;
    show_out(d, guest);
}

int doorman_new(const struct doorman_spec *spec, struct doorman **ret, struct err *err)
{
    static const struct bus_handler handler = {ear_connected, ear_disconnected, ear_message, NULL};
    struct doorman *d = xcalloc(1, sizeof(*d));
    uint8_t nonce[8];
    char hex[2 * sizeof(nonce) + 1];
    d->spec = *spec;
    d->by_id = map_new();
    list_init(&d->guests);
    list_init(&d->leaving);
    d->late = loop_timer_new(spec->loop, on_late, d);
    rng_fill(spec->rng, nonce, sizeof(nonce));
    hex_encode(nonce, sizeof(nonce), hex);
    autofree char *id = xasprintf("limpet-doorman-%s", hex);
    const struct mqtt_spec ear = connection(d, id);
    int rc = mqtt_new(spec->loop, &ear, &d->ear, err);
    if (rc == 0)
        rc = d->ear->start(d->ear, &handler, d, err);
    if (rc < 0) {
        doorman_free(d);
        return rc;
    }
    *ret = d;
    return 0;
}

void doorman_free(struct doorman *d)
{
    struct list *it, *tmp;
    if (!d)
        return;
    loop_defer_free(d->next);
    end_hand(d);
    loop_timer_free(d->late);
    if (d->ear)
        d->ear->free(d->ear);
    list_each(it, tmp, &d->guests) forget(d, container_of(it, struct guest, link));
    map_free(d->by_id, NULL);
    free(d);
}
