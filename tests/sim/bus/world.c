#include "world.h"

#include "common/base/mem.h"
#include "common/base/rng.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define WAIT_NS (60 * NS_PER_S)

int world_setup_fake(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    clock_fake_init(&w->clock, 1000 * NS_PER_S, 0);
    assert_int_equal(loop_new(&w->clock.clock, &w->loop, NULL), 0);
    w->fake = bus_fake_new(w->loop, 1);
    *state = w;
    return 0;
}

int world_setup_real(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));
    void *bench = NULL;

    assert_int_equal(bench_setup(&bench), 0);
    if (!bench) {
        free(w);
        *state = NULL;
        return 0;
    }
    w->bench = bench;
    w->loop = w->bench->loop;
    bench_start(w->bench);
    *state = w;
    return 0;
}

int world_teardown(void **state)
{
    struct world *w = *state;

    if (!w)
        return 0;
    if (w->bench) {
        void *bench = w->bench;

        bench_teardown(&bench);
    } else {
        bus_fake_free(w->fake);
        loop_free(w->loop);
    }
    free(w);
    return 0;
}

/* One turn of the loop, not beyond `end`. */
static void turn(struct world *w, int64_t end)
{
    int64_t now = loop_now(w->loop), next = loop_next(w->loop);

    if (w->bench) {
        int64_t wait = end - now;

        assert_int_equal(loop_step(w->loop, wait < NS_PER_S / 10 ? wait : NS_PER_S / 10), 0);
        return;
    }
    if (next > end)
        next = end;
    if (next > now)
        clock_fake_advance(&w->clock, next - now);
    assert_int_equal(loop_step(w->loop, 0), 0);
}

void world_sleep(struct world *w, int64_t ns)
{
    int64_t end = loop_now(w->loop) + ns;

    while (loop_now(w->loop) < end)
        turn(w, end);
}

void world_until(struct world *w, const int *counter, int want)
{
    int64_t end = loop_now(w->loop) + WAIT_NS;

    while (*counter < want && loop_now(w->loop) < end)
        turn(w, end);
    if (*counter < want)
        fail_msg("waited in vain: %d, want %d", *counter, want);
}

void world_kill_broker(struct world *w)
{
    if (w->bench) {
        kill(broker_pid(w->bench->broker), SIGKILL);
        bench_until(w->bench, &w->bench->downs, w->bench->downs + 1);
    } else {
        bus_fake_kill(w->fake);
        world_sleep(w, NS_PER_S / 10);
        bus_fake_start(w->fake, true);
    }
}

/* ---- peers ---- */

static void on_connected(void *ctx, bool session_present)
{
    struct peer *p = ctx;

    p->connected++;
    p->present = session_present;
}

static void on_disconnected(void *ctx, const struct err *err)
{
    struct peer *p = ctx;

    if (err->code == 0)
        p->left++;
    else
        p->disconnected++;
    p->last_code = err->code;
}

static void copy(char *to, size_t size, const void *from, size_t len)
{
    snprintf(to, size, "%.*s", (int)len, from ? (const char *)from : "");
}

static void on_message(void *ctx, const struct bus_msg *msg)
{
    struct peer *p = ctx;
    struct said *s = &p->said[p->heard % SAID_MAX];

    *s = (struct said){.qos = msg->qos, .retain = msg->retain, .expiry_s = msg->expiry_s};
    copy(s->topic, sizeof(s->topic), msg->topic, strlen(msg->topic));
    copy(s->text, sizeof(s->text), msg->payload, msg->len);
    if (msg->response_topic)
        copy(s->response, sizeof(s->response), msg->response_topic, strlen(msg->response_topic));
    copy(s->correlation, sizeof(s->correlation), msg->correlation, msg->correlation_len);
    for (size_t i = 0; i < msg->prop_count; i++)
        snprintf(s->prop + strlen(s->prop), sizeof(s->prop) - strlen(s->prop), "%s=%s;",
                 msg->props[i].name, msg->props[i].value);
    p->heard++;
}

static void on_acked(void *ctx, uint32_t id, int code)
{
    struct peer *p = ctx;

    assert_int_not_equal(id, 0);
    p->acks++;
    p->good += code == 0;
    p->denied += code == -EACCES;
    p->lost += code == -ENOTCONN;
}

static const struct bus_handler handler = {on_connected, on_disconnected, on_message, on_acked};

static struct bus *real_bus(struct world *w, const struct peer_spec *spec)
{
    struct mqtt_spec mqtt = {
        .client_id = spec->id,
        .unix_path = spec->user ? NULL : broker_socket(w->bench->broker),
        .host = "127.0.0.1",
        .port = w->bench->tls_port,
        .tls = spec->user ? bench_tls(w->bench, spec->user) : NULL,
        .run_dir = w->bench->run,
        .keepalive_s = 10,
        .session_expiry_s = spec->session_expiry_s,
        .will = spec->will,
        .will_delay_s = spec->will_delay_s,
        .backoff_min_ns = 50 * NS_PER_MS,
        .backoff_max_ns = 400 * NS_PER_MS,
        .rng = rng_system(),
    };
    struct bus *bus = NULL;

    assert_int_equal(mqtt_new(w->loop, &mqtt, &bus, NULL), 0);
    tls_config_unref(mqtt.tls);
    return bus;
}

struct peer *peer_new(struct world *w, const struct peer_spec *spec)
{
    struct peer *p = xcalloc(1, sizeof(*p));
    const struct bus_fake_client fake = {
        .client_id = spec->id,
        .user = spec->user,
        .session_expiry_s = spec->session_expiry_s,
        .will = spec->will,
        .will_delay_s = spec->will_delay_s,
        .backoff_min_ns = 50 * NS_PER_MS,
        .backoff_max_ns = 400 * NS_PER_MS,
    };

    p->w = w;
    p->bus = w->bench ? real_bus(w, spec) : bus_fake_client(w->fake, &fake);
    peer_start(p);
    return p;
}

void peer_start(struct peer *p)
{
    assert_int_equal(p->bus->start(p->bus, &handler, p, NULL), 0);
    world_until(p->w, &p->connected, p->connected + 1);
}

void peer_stop(struct peer *p)
{
    int want = p->left + 1;

    p->bus->stop(p->bus);
    assert_false(p->bus->is_connected(p->bus));
    world_until(p->w, &p->left, want);
}

void peer_free(struct peer *p)
{
    p->bus->free(p->bus);
    free(p);
}

void peer_say(struct peer *p, const char *topic, const char *text, int qos, bool retain)
{
    const struct bus_msg msg = {
        .topic = topic, .payload = text, .len = strlen(text), .qos = qos, .retain = retain};
    int want = p->acks + (qos > 0);
    uint32_t id = 77;

    assert_int_equal(p->bus->publish(p->bus, &msg, &id, NULL), 0);
    assert_int_equal(id != 0, qos > 0);
    world_until(p->w, &p->acks, want);
}

int peer_say_msg(struct peer *p, const struct bus_msg *msg)
{
    int want = p->acks + 1, denied = p->denied, lost = p->lost;

    assert_int_equal(p->bus->publish(p->bus, msg, NULL, NULL), 0);
    world_until(p->w, &p->acks, want);
    return p->denied > denied ? -EACCES : p->lost > lost ? -ENOTCONN : 0;
}

void peer_settle(struct peer *p)
{
    const struct bus_msg nothing = {.topic = "none", .payload = "", .qos = 1};

    (void)peer_say_msg(p, &nothing);
}

void peer_listen(struct peer *p, const char *filter, int qos)
{
    assert_int_equal(p->bus->subscribe(p->bus, filter, qos, NULL), 0);
    /* A connection's packets are taken in order: with this answer the subscription stands. */
    peer_settle(p);
}
