#include "support.h"

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/fs/path.h"
#include "tests/lib/await.h"
#include "tests/lib/port.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FROM_S INT64_C(1577836800)
#define TO_S INT64_C(4733510400)

static void issue(struct bench *b, const char *name, const struct key *key, bool server,
                  struct buf *ret)
{
    const char *dns[] = {"limpet-gateway", NULL};
    struct err err = {0};
    struct cert_spec spec = {.common_name = name,
                             .dns = server ? dns : NULL,
                             .not_before_s = FROM_S,
                             .not_after_s = TO_S,
                             .server = server,
                             .client = !server};

    if (cert_issue(&spec, key, b->ca.data, b->ca_key, ret, &err) < 0)
        fail_msg("%s", err.msg);
}

int bench_setup(void **state)
{
    struct bench *b = xcalloc(1, sizeof(*b));
    struct err err = {0};
    struct cert_spec ca = {
        .common_name = "Test CA", .not_before_s = FROM_S, .not_after_s = TO_S, .ca = true};

    if (access("/usr/sbin/mosquitto", X_OK) < 0) {
        free(b);
        *state = NULL;
        return 0;
    }
    *b = (struct bench){
        .tls_port = port_take(1), .enroll_port = port_take(1), .renew_port = port_take(1)};
    assert_true(b->tls_port && b->enroll_port && b->renew_port);
    snprintf(b->dir, sizeof(b->dir), "/tmp/limpet-broker-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    assert_int_equal(chmod(b->dir, 0711), 0);
    snprintf(b->run, sizeof(b->run), "%s/run", b->dir);
    assert_int_equal(mkdir(b->run, 0700), 0);
    assert_int_equal(loop_new(clock_system(), &b->loop, &err), 0);
    assert_int_equal(key_generate(&b->ca_key, NULL), 0);
    assert_int_equal(key_generate(&b->server_key, NULL), 0);
    assert_int_equal(cert_issue(&ca, b->ca_key, NULL, b->ca_key, &b->ca, &err), 0);
    issue(b, "limpet-gateway", b->server_key, true, &b->server);
    assert_int_equal(key_write_private(b->server_key, &b->server_pem_key, &err), 0);
    *state = b;
    return 0;
}

static void on_stopped(void *ctx)
{
    ((struct bench *)ctx)->stopped = true;
}

void bench_stop(struct bench *b)
{
    if (!b->broker)
        return;
    broker_stop(b->broker, on_stopped, b);
    await_flag(b->loop, &b->stopped);
    broker_free(b->broker);
    b->broker = NULL;
}

int bench_teardown(void **state)
{
    struct bench *b = *state;

    if (!b)
        return 0;
    for (size_t i = 0; i < sizeof(b->clients) / sizeof(b->clients[0]); i++)
        if (b->clients[i])
            b->clients[i]->free(b->clients[i]);
    bench_stop(b);
    loop_free(b->loop);
    key_free(b->ca_key);
    key_free(b->server_key);
    buf_done(&b->ca);
    buf_done(&b->server);
    buf_done(&b->server_pem_key);
    int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(path_remove_tree(tmp, b->dir + strlen("/tmp/")), 0);
    close(tmp);
    free(b);
    return 0;
}

static void on_up(void *ctx, bool adopted)
{
    struct bench *b = ctx;

    b->ups++;
    b->adopted += adopted;
}

static void on_down(void *ctx, const struct err *err, int64_t retry_ns)
{
    struct bench *b = ctx;

    assert_true(retry_ns >= 0 && retry_ns <= 30 * NS_PER_S);
    b->downs++;
    snprintf(b->why, sizeof(b->why), "%s", err->msg);
}

static const struct broker_handler handler = {on_up, on_down};

struct broker_spec bench_spec(struct bench *b)
{
    static char dir[80];

    snprintf(dir, sizeof(dir), "%s/broker", b->dir);
    return (struct broker_spec){.loop = b->loop,
                                .rng = rng_system(),
                                .dir = dir,
                                .address = "127.0.0.1",
                                .tls_port = b->tls_port,
                                .enroll_port = b->enroll_port,
                                .renew_port = b->renew_port,
                                .ca_pem = b->ca.data,
                                .cert_pem = b->server.data,
                                .key_pem = b->server_pem_key.data};
}

void bench_new(struct bench *b)
{
    struct broker_spec spec = bench_spec(b);
    struct err err = {0};

    if (broker_new(&spec, &handler, b, &b->broker, &err) < 0)
        fail_msg("%s", err.msg);
}

void bench_start(struct bench *b)
{
    int want = b->ups + 1;
    struct err err = {0};

    if (!b->broker)
        bench_new(b);
    if (broker_start(b->broker, &err) < 0)
        fail_msg("%s", err.msg);
    bench_until(b, &b->ups, want);
}

void bench_until(struct bench *b, const int *counter, int want)
{
    int64_t end = await_begin();

    while (*counter < want) {
        if (clock_boot(clock_system()) >= end)
            print_error("the broker's last words: %s\n", b->why);
        await_check(end, "a counter of the bench", __FILE__, __LINE__);
        await_turn(b->loop);
    }
}

/* ---- clients ---- */

static void on_connected(void *ctx, bool session_present)
{
    struct client *c = ctx;

    c->connected++;
    c->session = session_present;
}

static void on_disconnected(void *ctx, const struct err *err)
{
    struct client *c = ctx;

    c->refused++;
    c->why_code = err->code;
    snprintf(c->why, sizeof(c->why), "%s", err->msg);
}

static void on_message(void *ctx, const struct bus_msg *msg)
{
    struct client *c = ctx;

    c->heard++;
    snprintf(c->topic, sizeof(c->topic), "%s", msg->topic);
    snprintf(c->text, sizeof(c->text), "%.*s", (int)msg->len, (const char *)msg->payload);
}

static void on_acked(void *ctx, uint32_t id, int code)
{
    struct client *c = ctx;

    (void)id;
    c->acks++;
    c->last_code = code;
}

static const struct bus_handler bus_handler = {on_connected, on_disconnected, on_message, on_acked};

static struct bus **slot_of(struct bench *b, const struct bus *bus)
{
    for (size_t i = 0; i < sizeof(b->clients) / sizeof(b->clients[0]); i++)
        if (b->clients[i] == bus)
            return &b->clients[i];
    fail_msg("too many clients");
    return NULL;
}

static void start(struct bench *b, struct client *c, struct mqtt_spec *spec)
{
    struct err err = {0};

    *c = (struct client){.bench = b};
    spec->run_dir = b->run;
    spec->keepalive_s = 10;
    spec->backoff_min_ns = 20 * NS_PER_MS;
    spec->backoff_max_ns = 200 * NS_PER_MS;
    spec->rng = rng_system();
    if (mqtt_new(b->loop, spec, &c->bus, &err) < 0 ||
        c->bus->start(c->bus, &bus_handler, c, &err) < 0)
        fail_msg("%s", err.msg);
    *slot_of(b, NULL) = c->bus;
    tls_config_unref(spec->tls);
}

struct tls_config *bench_tls(struct bench *b, const char *name)
{
    struct tls_client_spec tls = {
        .ca_pem = b->ca.data, .server_name = b->server_name ? b->server_name : "limpet-gateway"};
    struct tls_config *config = NULL;
    struct key *key = NULL;
    struct buf cert = {0};
    struct err err = {0};

    if (name) {
        assert_int_equal(key_generate(&key, NULL), 0);
        issue(b, name, key, false, &cert);
        tls.cert_pem = cert.data;
        tls.key = key;
    }
    if (tls_client_config(&tls, &config, &err) < 0)
        fail_msg("%s", err.msg);
    key_free(key);
    buf_done(&cert);
    return config;
}

void client_tls(struct bench *b, struct client *c, const char *name)
{
    struct mqtt_spec spec = {
        .client_id = name ? name : "nobody", .host = "127.0.0.1", .port = b->tls_port};

    spec.tls = bench_tls(b, name);
    start(b, c, &spec);
}

void client_psk(struct bench *b, struct client *c, int port, const char *mount,
                const char *identity, const uint8_t *key, size_t len)
{
    struct tls_client_spec tls = {
        .server_name = "limpet-gateway", .psk_identity = identity, .psk = key, .psk_len = len};
    struct mqtt_spec spec = {
        .client_id = "joiner", .host = "127.0.0.1", .port = port, .mount = mount};
    struct err err = {0};

    if (tls_client_config(&tls, &spec.tls, &err) < 0)
        fail_msg("%s", err.msg);
    start(b, c, &spec);
}

void client_unix(struct bench *b, struct client *c, const char *id)
{
    struct mqtt_spec spec = {
        .client_id = id, .unix_path = broker_socket(b->broker), .session_expiry_s = 60};

    start(b, c, &spec);
}

void client_done(struct client *c)
{
    *slot_of(c->bench, c->bus) = NULL;
    c->bus->free(c->bus);
}

static int say(struct client *c, const char *topic, const char *text, bool retain)
{
    struct bus_msg msg = {
        .topic = topic, .payload = text, .len = strlen(text), .qos = 1, .retain = retain};
    struct err err = {0};
    int want = c->acks + 1;

    if (c->bus->publish(c->bus, &msg, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    bench_until(c->bench, &c->acks, want);
    return c->last_code;
}

int client_say(struct client *c, const char *topic, const char *text)
{
    return say(c, topic, text, false);
}

int client_say_retained(struct client *c, const char *topic, const char *text)
{
    return say(c, topic, text, true);
}

void client_listen(struct client *c, const char *filter)
{
    struct err err = {0};

    if (c->bus->subscribe(c->bus, filter, 1, &err) < 0)
        fail_msg("%s", err.msg);
    /* The broker takes a connection's packets in order: with this answer the subscription stands.
     */
    client_settle(c);
}

void client_settle(struct client *c)
{
    (void)client_say(c, "limpet/none", ""); /* allowed or not, it is answered */
}
