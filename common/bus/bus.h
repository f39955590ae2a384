#pragma once
/* The bus as the rest of Limpet sees it: a struct of functions, so that the simulator and the
 * conformance suite replace the broker. All calls return at once; results come through the handler,
 * from the loop. */

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUS_MAX_PAYLOAD (1024 * 1024 + 64 * 1024) /* an object and its envelope */
#define BUS_MAX_TOPIC 1024
#define BUS_MAX_PROPS 16

struct bus_prop { /* MQTT 5 user property */
    const char *name, *value;
};

struct bus_msg {
    const char *topic;
    const void *payload;
    size_t len;
    int qos; /* 0 or 1 */
    bool retain;
    uint32_t expiry_s;          /* 0 = none */
    const char *response_topic; /* NULL = none */
    const void *correlation;
    size_t correlation_len;
    const struct bus_prop *props;
    size_t prop_count;
};

struct bus_handler {
    /* Connected (again). session_present false: every subscription was lost, subscribe again. */
    void (*connected)(void *ctx, bool session_present);
    /* The connection, or an attempt at one, failed; it is tried again. Attempts that fail say so
     * one by one, so this may come several times in a row. err->code 0: the end of an orderly stop.
     */
    void (*disconnected)(void *ctx, const struct err *err);
    /* Borrowed for the call. Anything over a cap was dropped before (and counted). */
    void (*message)(void *ctx, const struct bus_msg *msg);
    /* The QoS 1 publish `id` was acknowledged: code 0, or -EACCES (not authorised) or -EIO. NULL
     * allowed. What was in flight when the connection broke ends with -ENOTCONN. */
    void (*acked)(void *ctx, uint32_t id, int code);
};

struct bus {
    /* Starts connecting and goes on reconnecting (with jitter) until stop. */
    int (*start)(struct bus *bus, const struct bus_handler *handler, void *ctx, struct err *err);
    /* An orderly DISCONNECT: the will is not sent. If it was connected, disconnected() is called
     * once more from the loop, with code 0, when the last bytes are gone; free before that may cut
     * them off. */
    void (*stop)(struct bus *bus);
    bool (*is_connected)(const struct bus *bus);
    /* -ENOTCONN while not connected (nothing is queued), -ENOBUFS when too much is in flight,
     * -EMSGSIZE. *ret_id (may be NULL) names it in acked; 0 for QoS 0. */
    int (*publish)(struct bus *bus, const struct bus_msg *msg, uint32_t *ret_id, struct err *err);
    int (*subscribe)(struct bus *bus, const char *filter, int qos, struct err *err);
    int (*unsubscribe)(struct bus *bus, const char *filter, struct err *err);
    void (*free)(struct bus *bus);
};
