#include "tests/sim/fake/bus_leash.h"

#include "common/base/mem.h"

#include <errno.h>
#include <stdlib.h>

struct bus_leash {
    struct bus bus;
    struct bus *inner; /* NULL: killed */
    bool (*cut)(void *ctx);
    void *ctx;
    const struct bus_handler *handler;
    void *handler_ctx;
};

static bool is_dead(const struct bus_leash *leash)
{
    return !leash->inner || (leash->cut && leash->cut(leash->ctx));
}

static struct bus_leash *leash_of(struct bus *bus)
{
    return (struct bus_leash *)bus; /* its first member */
}

static void got_connected(void *ctx, bool session_present)
{
    struct bus_leash *leash = ctx;
    if (!is_dead(leash))
        leash->handler->connected(leash->handler_ctx, session_present);
}

static void got_disconnected(void *ctx, const struct err *err)
{
    struct bus_leash *leash = ctx;
    if (!is_dead(leash))
        leash->handler->disconnected(leash->handler_ctx, err);
}

static void got_message(void *ctx, const struct bus_msg *msg)
{
    struct bus_leash *leash = ctx;
    if (!is_dead(leash))
        leash->handler->message(leash->handler_ctx, msg);
}

static void got_acked(void *ctx, uint32_t id, int code)
{
    struct bus_leash *leash = ctx;
    if (!is_dead(leash) && leash->handler->acked)
        leash->handler->acked(leash->handler_ctx, id, code);
}

static int leash_start(struct bus *bus, const struct bus_handler *handler, void *ctx,
                       struct err *err)
{
    static const struct bus_handler own = {got_connected, got_disconnected, got_message, got_acked};
    struct bus_leash *leash = leash_of(bus);
    if (is_dead(leash))
        return err_set(err, -EIO, "dead");
    leash->handler = handler;
    leash->handler_ctx = ctx;
    return leash->inner->start(leash->inner, &own, leash, err);
}

static void leash_stop(struct bus *bus)
{
    struct bus_leash *leash = leash_of(bus);
    if (!is_dead(leash))
        leash->inner->stop(leash->inner);
}

static bool leash_is_connected(const struct bus *bus)
{
    const struct bus_leash *leash = (const struct bus_leash *)bus;
    return !is_dead(leash) && leash->inner->is_connected(leash->inner);
}

static int leash_publish(struct bus *bus, const struct bus_msg *msg, uint32_t *ret_id,
                         struct err *err)
{
    struct bus_leash *leash = leash_of(bus);
    return is_dead(leash) ? err_set(err, -ENOTCONN, "dead")
                          : leash->inner->publish(leash->inner, msg, ret_id, err);
}

static int leash_subscribe(struct bus *bus, const char *filter, int qos, struct err *err)
{
    struct bus_leash *leash = leash_of(bus);
    return is_dead(leash) ? err_set(err, -ENOTCONN, "dead")
                          : leash->inner->subscribe(leash->inner, filter, qos, err);
}

static int leash_unsubscribe(struct bus *bus, const char *filter, struct err *err)
{
    struct bus_leash *leash = leash_of(bus);
    return is_dead(leash) ? err_set(err, -ENOTCONN, "dead")
                          : leash->inner->unsubscribe(leash->inner, filter, err);
}

static void leash_free(struct bus *bus)
{
    (void)bus;
}

struct bus_leash *bus_leash_new(struct bus *inner, bool (*cut)(void *ctx), void *ctx)
{
    struct bus_leash *leash = xcalloc(1, sizeof(*leash));
    leash->bus = (struct bus){.start = leash_start,
                              .stop = leash_stop,
                              .is_connected = leash_is_connected,
                              .publish = leash_publish,
                              .subscribe = leash_subscribe,
                              .unsubscribe = leash_unsubscribe,
                              .free = leash_free};
    leash->inner = inner;
    leash->cut = cut;
    leash->ctx = ctx;
    return leash;
}

struct bus *bus_leash_bus(struct bus_leash *leash)
{
    return &leash->bus;
}

void bus_leash_kill(struct bus_leash *leash)
{
    if (leash && leash->inner)
        leash->inner->free(leash->inner);
    if (leash)
        leash->inner = NULL;
}

void bus_leash_free(struct bus_leash *leash)
{
    if (!leash)
        return;
    bus_leash_kill(leash);
    free(leash);
}
