#include "common/bus/mosq.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>

#define REFUSED 0x80 /* reason codes from here on are failures (MQTT 5 section 2.4) */

struct mosq {
    struct mosquitto *lib;
    const struct mosq_handler *handler;
    void *ctx;
    int keepalive_s;
    uint32_t session_expiry_s;
};

/* ---- properties ---- */

static void props_free(mosquitto_property **props)
{
    mosquitto_property_free_all(props);
}
#define autoprops __attribute__((__cleanup__(props_free)))

static int props_of(const struct bus_msg *msg, mosquitto_property **ret)
{
    int rc = MOSQ_ERR_SUCCESS;

    if (msg->expiry_s)
        rc = mosquitto_property_add_int32(ret, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, msg->expiry_s);
    if (rc == MOSQ_ERR_SUCCESS && msg->response_topic)
        rc = mosquitto_property_add_string(ret, MQTT_PROP_RESPONSE_TOPIC, msg->response_topic);
    if (rc == MOSQ_ERR_SUCCESS && msg->correlation_len)
        rc = mosquitto_property_add_binary(ret, MQTT_PROP_CORRELATION_DATA, msg->correlation,
                                           (uint16_t)msg->correlation_len);
    for (size_t i = 0; i < msg->prop_count && rc == MOSQ_ERR_SUCCESS; i++)
        rc = mosquitto_property_add_string_pair(ret, MQTT_PROP_USER_PROPERTY, msg->props[i].name,
                                                msg->props[i].value);
    return rc;
}

/* The properties of a message that came; all owned. */
struct got {
    struct bus_prop props[BUS_MAX_PROPS];
    size_t count;
    uint32_t expiry_s;
    char *response_topic;
    void *correlation;
    uint16_t correlation_len;
};

static void got_done(struct got *got)
{
    for (size_t i = 0; i < got->count; i++) {
        free((char *)got->props[i].name);
        free((char *)got->props[i].value);
    }
    free(got->response_topic);
    free(got->correlation);
}
CLEANUP_DEFINE_VALUE(struct got, got_done);

/* -E2BIG beyond the cap on user properties. */
static int props_read(const mosquitto_property *props, struct got *ret)
{
    bool again = false;
    char *name, *value;

    mosquitto_property_read_int32(props, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, &ret->expiry_s, false);
    mosquitto_property_read_string(props, MQTT_PROP_RESPONSE_TOPIC, &ret->response_topic, false);
    mosquitto_property_read_binary(props, MQTT_PROP_CORRELATION_DATA, &ret->correlation,
                                   &ret->correlation_len, false);
    for (const mosquitto_property *p = props;
         (p = mosquitto_property_read_string_pair(p, MQTT_PROP_USER_PROPERTY, &name, &value,
                                                  again));
         again = true) {
        if (ret->count == BUS_MAX_PROPS) {
            free(name);
            free(value);
            return -E2BIG;
        }
        ret->props[ret->count++] = (struct bus_prop){name, value};
    }
    return 0;
}

/* ---- libmosquitto's callbacks ---- */

static int code_of(int reason)
{
    switch (reason) {
    case MQTT_RC_NOT_AUTHORIZED:
    case MQTT_RC_BAD_USERNAME_OR_PASSWORD:
    case MQTT_RC_BANNED:
        return -EACCES;
    case MQTT_RC_SESSION_TAKEN_OVER:
        return -EADDRINUSE;
    default:
        return -ECONNREFUSED;
    }
}

static void on_connect(struct mosquitto *lib, void *ctx, int rc, int flags,
                       const mosquitto_property *props)
{
    struct mosq *m = ctx;
    uint16_t alias_max = 0;

    (void)lib;
    if (rc != 0) {
        m->handler->failed(m->ctx, code_of(rc), mosquitto_reason_string(rc));
        return;
    }
    mosquitto_property_read_int16(props, MQTT_PROP_TOPIC_ALIAS_MAXIMUM, &alias_max, false);
    m->handler->connected(m->ctx, flags & 1, alias_max);
}

static void on_disconnect(struct mosquitto *lib, void *ctx, int rc, const mosquitto_property *props)
{
    struct mosq *m = ctx;

    (void)lib, (void)props;
    if (rc >= REFUSED) /* the broker said why; below are libmosquitto's own codes */
        m->handler->failed(m->ctx, code_of(rc), mosquitto_reason_string(rc));
}

static void on_message(struct mosquitto *lib, void *ctx, const struct mosquitto_message *in,
                       const mosquitto_property *props)
{
    cleanup(got_done) struct got got = {0};
    struct mosq *m = ctx;

    (void)lib;
    if (in->payloadlen < 0 || in->payloadlen > BUS_MAX_PAYLOAD || !in->topic ||
        strlen(in->topic) > BUS_MAX_TOPIC || props_read(props, &got) < 0)
        return;
    struct bus_msg msg = {
        .topic = in->topic,
        .payload = in->payloadlen ? in->payload : "",
        .len = (size_t)in->payloadlen,
        .qos = in->qos,
        .retain = in->retain,
        .expiry_s = got.expiry_s,
        .response_topic = got.response_topic,
        .correlation = got.correlation,
        .correlation_len = got.correlation_len,
        .props = got.props,
        .prop_count = got.count,
    };
    m->handler->message(m->ctx, &msg);
}

static void on_publish(struct mosquitto *lib, void *ctx, int mid, int reason,
                       const mosquitto_property *props)
{
    struct mosq *m = ctx;

    (void)lib, (void)props;
    m->handler->acked(m->ctx, mid,
                      reason < REFUSED                   ? 0
                      : reason == MQTT_RC_NOT_AUTHORIZED ? -EACCES
                                                         : -EIO);
}

static void on_subscribe(struct mosquitto *lib, void *ctx, int mid, int count, const int *granted,
                         const mosquitto_property *props)
{
    struct mosq *m = ctx;

    (void)lib, (void)mid, (void)props;
    for (int i = 0; i < count; i++)
        if (granted[i] >= REFUSED)
            m->handler->failed(m->ctx, -EACCES, "a subscription was refused");
}

/* ---- the handle ---- */

static int set_will(struct mosq *m, const struct mosq_spec *spec, struct err *err)
{
    const struct bus_msg *w = spec->will;
    autoprops mosquitto_property *props = NULL;
    int rc = props_of(w, &props);

    if (rc == MOSQ_ERR_SUCCESS && spec->will_delay_s)
        rc =
            mosquitto_property_add_int32(&props, MQTT_PROP_WILL_DELAY_INTERVAL, spec->will_delay_s);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_will_set_v5(m->lib, w->topic, (int)w->len, w->payload, w->qos, w->retain,
                                   props);
    if (rc != MOSQ_ERR_SUCCESS)
        return err_set(err, -EINVAL, "will: %s", mosquitto_strerror(rc));
    props = NULL; /* libmosquitto's now */
    return 0;
}

int mosq_new(const struct mosq_spec *spec, const struct mosq_handler *handler, void *ctx,
             struct mosq **ret, struct err *err)
{
    struct mosq *m = xcalloc(1, sizeof(*m));
    int rc = 0;

    mosquitto_lib_init(); /* counted */
    *m = (struct mosq){.handler = handler,
                       .ctx = ctx,
                       .keepalive_s = spec->keepalive_s,
                       .session_expiry_s = spec->session_expiry_s};
    m->lib = mosquitto_new(spec->client_id, spec->clean_start, m);
    if (!m->lib) {
        rc = err_errno(err, errno, "libmosquitto");
    } else {
        mosquitto_int_option(m->lib, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
        mosquitto_int_option(m->lib, MOSQ_OPT_TCP_NODELAY, 1);
        mosquitto_connect_v5_callback_set(m->lib, on_connect);
        mosquitto_disconnect_v5_callback_set(m->lib, on_disconnect);
        mosquitto_message_v5_callback_set(m->lib, on_message);
        mosquitto_publish_v5_callback_set(m->lib, on_publish);
        mosquitto_subscribe_v5_callback_set(m->lib, on_subscribe);
        rc = spec->will ? set_will(m, spec, err) : 0;
    }
    if (rc < 0) {
        mosq_free(m);
        return rc;
    }
    *ret = m;
    return 0;
}

void mosq_free(struct mosq *m)
{
    if (!m)
        return;
    if (m->lib)
        mosquitto_destroy(m->lib);
    mosquitto_lib_cleanup();
    free(m);
}

/* The blocking call is the only one that takes CONNECT's properties; on a unix socket it does not
 * wait. */
int mosq_connect(struct mosq *m, const char *host, int port, struct err *err)
{
    autoprops mosquitto_property *props = NULL;
    int rc;

    mosquitto_property_add_int32(&props, MQTT_PROP_SESSION_EXPIRY_INTERVAL, m->session_expiry_s);
    mosquitto_property_add_int32(&props, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                 BUS_MAX_PAYLOAD + 16 * 1024);
    errno = 0;
    rc = mosquitto_connect_bind_v5(m->lib, host, port, m->keepalive_s, NULL, props);
    if (rc == MOSQ_ERR_ERRNO && errno != 0)
        return err_errno(err, errno, "broker at %s", host);
    if (rc != MOSQ_ERR_SUCCESS)
        return err_set(err, -ECONNREFUSED, "broker at %s: %s", host, mosquitto_strerror(rc));
    return 0;
}

int mosq_fd(const struct mosq *m)
{
    return mosquitto_socket(m->lib);
}

bool mosq_wants_write(const struct mosq *m)
{
    return mosquitto_want_write(m->lib);
}

static void check(struct mosq *m, int rc)
{
    if (rc != MOSQ_ERR_SUCCESS)
        m->handler->failed(m->ctx, -ECONNRESET, mosquitto_strerror(rc));
}

void mosq_read(struct mosq *m, int packets)
{
    int rc = MOSQ_ERR_SUCCESS;

    for (int i = 0; i < packets && rc == MOSQ_ERR_SUCCESS; i++) {
        errno = 0; /* its only sign that the socket has no more */
        rc = mosquitto_loop_read(m->lib, 1);
        if (errno == EAGAIN)
            break;
    }
    check(m, rc);
}

void mosq_write(struct mosq *m)
{
    check(m, mosquitto_loop_write(m->lib, 1));
}

void mosq_misc(struct mosq *m)
{
    check(m, mosquitto_loop_misc(m->lib));
}

static int result(int rc, struct err *err)
{
    switch (rc) {
    case MOSQ_ERR_SUCCESS:
        return 0;
    case MOSQ_ERR_INVAL:
    case MOSQ_ERR_MALFORMED_UTF8:
        return err_set(err, -EINVAL, "bus: the topic or a property is not valid");
    case MOSQ_ERR_PAYLOAD_SIZE:
    case MOSQ_ERR_OVERSIZE_PACKET:
        return err_set(err, -EMSGSIZE, "bus: the message is larger than the broker takes");
    case MOSQ_ERR_NOMEM:
        return err_set(err, -ENOMEM, "bus: out of memory");
    default:
        return err_set(err, -ENOTCONN, "bus: %s", mosquitto_strerror(rc));
    }
}

int mosq_publish(struct mosq *m, const struct bus_msg *msg, unsigned alias, bool alias_known,
                 int *ret_mid, struct err *err)
{
    autoprops mosquitto_property *props = NULL;
    int rc = props_of(msg, &props);

    if (rc == MOSQ_ERR_SUCCESS && alias)
        rc = mosquitto_property_add_int16(&props, MQTT_PROP_TOPIC_ALIAS, (uint16_t)alias);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_publish_v5(m->lib, ret_mid, alias_known ? NULL : msg->topic, (int)msg->len,
                                  msg->payload, msg->qos, msg->retain, props);
    return result(rc, err);
}

int mosq_subscribe(struct mosq *m, const char *filter, int qos, struct err *err)
{
    return result(mosquitto_subscribe_v5(m->lib, NULL, filter, qos, 0, NULL), err);
}

int mosq_unsubscribe(struct mosq *m, const char *filter, struct err *err)
{
    return result(mosquitto_unsubscribe_v5(m->lib, NULL, filter, NULL), err);
}

void mosq_disconnect(struct mosq *m)
{
    mosquitto_disconnect_v5(m->lib, MQTT_RC_NORMAL_DISCONNECTION, NULL);
    for (int i = 0; i < 64 && mosquitto_want_write(m->lib); i++)
        if (mosquitto_loop_write(m->lib, 1) != MOSQ_ERR_SUCCESS)
            break;
}
