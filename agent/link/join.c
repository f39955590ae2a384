#include "agent/link/join.h"

#include "agent/link/identity.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/mqtt.h"
#include "common/tls/relay.h"

#include <errno.h>
#include <stdio.h>

/* A request that is not answered is sent again: the controller may only just have started. */
#define ASK_AGAIN_NS (5 * NS_PER_S)
/* The token is believed to be wrong if the broker still refuses it after that time: one that was
 * made this moment may not have reached it yet. */
#define REFUSED_NS (2 * NS_PER_S)

struct join {
    struct disk *disk;
    struct loop *loop;
    struct bus *bus;
    struct loop_timer *again;
    int64_t refused_at; /* the first of the refusals that follow each other; 0: none */
    bool over;          /* done was called */
    char *identity_dir, *name;
    struct enroll_token token;
    struct key *identity, *sealing;
    struct buf request;
    char request_topic[TOPIC_MAX + 1], reply_topic[TOPIC_MAX + 1];
    struct join_handler handler;
    void *ctx;
};

static void tell_done(struct join *join, int code, const char *node, const char *message)
{
    if (join->over)
        return;
    join->over = true;
    loop_timer_stop(join->again);
    join->handler.done(join->ctx, code, node, message);
}

static void tell_waiting(struct join *join, const char *message)
{
    if (join->handler.waiting && !join->over)
        join->handler.waiting(join->ctx, message);
}

static void ask(void *ctx)
{
    struct join *join = ctx;
    const struct bus_msg msg = {.topic = join->request_topic,
                                .payload = join->request.data,
                                .len = join->request.len,
                                .qos = 1,
                                .expiry_s = 30};
    struct err err = {0};
    (void)join->bus->publish(join->bus, &msg, NULL, &err);
    loop_timer_after(join->again, ASK_AGAIN_NS);
}

static void ask_again(void *ctx)
{
    tell_waiting(ctx, "the broker is there, but the gateway does not answer");
    ask(ctx);
}

static void connected(void *ctx, bool session_present)
{
    (void)session_present;
    struct join *join = ctx;
    struct err err = {0};
    join->refused_at = 0;
    if (join->bus->subscribe(join->bus, join->reply_topic, 1, &err) == 0)
        ask(join);
}

static void disconnected(void *ctx, const struct err *err)
{
    struct join *join = ctx;
    loop_timer_stop(join->again);
    if (err->code != -EACCES || WEAKENED(JOIN_REFUSED)) {
        join->refused_at = 0;
        tell_waiting(join, err->msg);
        return;
    }
    if (join->refused_at == 0)
        join->refused_at = loop_now(join->loop);
    if (loop_now(join->loop) - join->refused_at < REFUSED_NS) {
        tell_waiting(join, err->msg);
        return;
    }
    autofree char *why =
        xasprintf("the token is wrong, was deleted, or has expired (%s)", err->msg);
    tell_done(join, -EACCES, "", why);
}

static void message(void *ctx, const struct bus_msg *msg)
{
    struct join *join = ctx;
    if (!str_eq(msg->topic, join->reply_topic))
        return;
    cleanup(enroll_answer_done) struct enroll_answer answer = {0};
    struct err err = {0};
    int rc = enroll_answer_read(msg->payload, msg->len, &answer, &err);
    if (rc == 0 && answer.error)
        rc = err_set(&err, -EACCES, "the gateway refuses: %s", answer.error);
    if (rc == 0)
        rc = enroll_answer_check(&answer, &join->token, join->name, join->identity, &err);
    if (rc == 0)
        rc = identity_store(join->disk, join->identity_dir, &answer, &err);
    tell_done(join, rc, answer.node, err.msg);
}

static int make_request(struct join *join, struct err *err)
{
    int rc = identity_keys(join->disk, join->identity_dir, &join->identity, &join->sealing, err);
    cleanup(buf_done) struct buf csr;
    buf_init(&csr, 0);
    char own[SHA256_HEX + 1], node[TOPIC_NODE_MAX + 1];
    if (rc == 0)
        rc = key_id(join->identity, own, err);
    if (rc == 0)
        rc = topic_node_id(join->name, own, node, err);
    if (rc == 0)
        rc = csr_write(join->identity, node, join->sealing, &csr, err);
    if (rc < 0)
        return rc;
    struct enroll_request request = {.csr_pem = csr.data};
    snprintf(request.name, sizeof(request.name), "%s", join->name);
    return enroll_request_write(&request, &join->request);
}

static int make_bus(struct join *join, struct loop *loop, const struct join_spec *spec,
                    struct err *err)
{
    const struct tls_client_spec tls_spec = {.server_name = ENROLL_SERVER_NAME,
                                             .psk_identity = join->token.id,
                                             .psk = join->token.secret,
                                             .psk_len = ENROLL_SECRET_LEN};
    struct tls_config *tls = NULL;
    int rc = tls_client_config(&tls_spec, &tls, err);
    if (rc < 0)
        return rc;
    uint8_t nonce[8];
    char hex[2 * sizeof(nonce) + 1], client_id[96];
    rng_fill(spec->rng, nonce, sizeof(nonce));
    hex_encode(nonce, sizeof(nonce), hex);
    snprintf(client_id, sizeof(client_id), "join-%s-%s", join->token.id, hex);
    const struct mqtt_spec mqtt = {.client_id = client_id,
                                   .host = spec->host,
                                   .port = spec->port,
                                   .tls = tls,
                                   .mount = TOPIC_ENROLL_MOUNT,
                                   .run_dir = spec->run_dir,
                                   .keepalive_s = 30,
                                   .backoff_min_ns = NS_PER_S / 4,
                                   .backoff_max_ns = 10 * NS_PER_S,
                                   .rng = spec->rng};
    rc = mqtt_new(loop, &mqtt, &join->bus, err);
    tls_config_unref(tls);
    return rc;
}

static int build_topics(struct join *join, struct err *err)
{
    struct topic topic = {.type = TOPIC_ENROLL_REQUEST};
    snprintf(topic.id, sizeof(topic.id), "%s", join->token.id);
    int rc = topic_build(&topic, join->request_topic, err);
    topic.type = TOPIC_ENROLL_REPLY;
    return rc < 0 ? rc : topic_build(&topic, join->reply_topic, err);
}

int join_new(struct loop *loop, const struct join_spec *spec, const struct join_handler *handler,
             void *ctx, struct join **ret, struct err *err)
{
    static const struct bus_handler bus_handler = {
        .connected = connected, .disconnected = disconnected, .message = message};
    if (!topic_node_name_valid(spec->name))
        return err_set(err, -EINVAL, "node name \"%s\": want a DNS name of at most %d bytes",
                       spec->name, TOPIC_NODE_NAME_MAX);
    struct join *join = xcalloc(1, sizeof(*join));
    join->disk = spec->disk;
    join->loop = loop;
    join->identity_dir = xstrdup(spec->identity_dir);
    join->name = xstrdup(spec->name);
    join->token = *spec->token;
    join->handler = *handler;
    join->ctx = ctx;
    buf_init(&join->request, ENROLL_MAX);
    join->again = loop_timer_new(loop, ask_again, join);
    int rc = build_topics(join, err);
    if (rc == 0)
        rc = make_request(join, err);
    if (rc == 0)
        rc = make_bus(join, loop, spec, err);
    if (rc == 0)
        rc = join->bus->start(join->bus, &bus_handler, join, err);
    if (rc < 0) {
        join_free(join);
        return rc;
    }
    *ret = join;
    return 0;
}

void join_free(struct join *join)
{
    if (!join)
        return;
    if (join->bus)
        join->bus->free(join->bus);
    loop_timer_free(join->again);
    key_free(join->identity);
    key_free(join->sealing);
    crypto_wipe(&join->token, sizeof(join->token));
    buf_done(&join->request);
    free(join->identity_dir);
    free(join->name);
    free(join);
}
