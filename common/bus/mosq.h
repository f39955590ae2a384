#pragma once
/* One libmosquitto handle, good for one connection, in our types. The only file that sees
 * libmosquitto. Nothing here waits except mosq_connect to a TCP address. Callbacks come from inside
 * mosq_read, mosq_write, mosq_misc and (never acked or message) mosq_publish; the handle must not
 * be freed there. */

#include "common/bus/bus.h"

struct mosq;

struct mosq_handler {
    void (*connected)(void *ctx, bool session_present, unsigned alias_max);
    void (*message)(void *ctx, const struct bus_msg *msg); /* within all caps of bus.h */
    void (*acked)(void *ctx, int mid, int code);           /* QoS 1 and QoS 0 */
    void (*failed)(void *ctx, int code, const char *why);  /* the connection is of no more use */
};

struct mosq_spec {
    const char *client_id;
    bool clean_start;
    int keepalive_s;
    uint32_t session_expiry_s;
    const struct bus_msg *will; /* NULL: none */
    uint32_t will_delay_s;
};

nodiscard int mosq_new(const struct mosq_spec *spec, const struct mosq_handler *handler, void *ctx,
                       struct mosq **ret, struct err *err);
void mosq_free(struct mosq *mosq); /* closes the socket */

/* Connects and writes CONNECT. port 0: host is the path of a unix socket. */
nodiscard int mosq_connect(struct mosq *mosq, const char *host, int port, struct err *err);
int mosq_fd(const struct mosq *mosq);
bool mosq_wants_write(const struct mosq *mosq);
/* Handles what can be had without waiting, at most `packets` of them. 0, or a failure (said by
 * failed). */
void mosq_read(struct mosq *mosq, int packets);
void mosq_write(struct mosq *mosq);
void mosq_misc(struct mosq *mosq); /* keepalive: several times in each keepalive_s */

/* alias 0: none; alias_known: the broker has the topic from an earlier message, it is left out. */
nodiscard int mosq_publish(struct mosq *mosq, const struct bus_msg *msg, unsigned alias,
                           bool alias_known, int *ret_mid, struct err *err);
nodiscard int mosq_subscribe(struct mosq *mosq, const char *filter, int qos, struct err *err);
nodiscard int mosq_unsubscribe(struct mosq *mosq, const char *filter, struct err *err);
void mosq_disconnect(struct mosq *mosq); /* writes DISCONNECT as far as the socket takes it */
