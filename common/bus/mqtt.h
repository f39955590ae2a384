#pragma once
/* The bus over libmosquitto (MQTT 5) on our loop. TLS by a relay of common/tls: libmosquitto talks
 * plain MQTT to a unix socket in a private folder that this process serves itself. */

#include "common/bus/bus.h"
#include "common/loop/loop.h"
#include "common/tls/relay.h"

struct mqtt_spec {
    const char *client_id;
    const char *unix_path; /* a broker's unix-socket listener: no TLS; or NULL and: */
    const char
        *host; /* name or address (names are resolved in a child process, never on the loop) */
    int port;
    struct tls_config *tls; /* NULL: plain TCP (tests only) */
    const char *run_dir;    /* private folder (0700) for the relay's socket; required with TLS */
    const char *mount;      /* what the broker's listener puts before our topics (topic.h's mounts);
                               topics here stay whole. NULL: nothing */
    int keepalive_s;        /* >= 5 */
    uint32_t session_expiry_s;
    const struct bus_msg *will; /* NULL: none; copied */
    uint32_t will_delay_s;
    int64_t backoff_min_ns, backoff_max_ns; /* reconnect: exponential with full jitter */
    struct rng *rng;
};
/* Everything in spec is copied or referenced; the bus is freed by its own free function. */
nodiscard int mqtt_new(struct loop *loop, const struct mqtt_spec *spec, struct bus **ret,
                       struct err *err);
/* Replaces the TLS credentials for the next connection (renewal). */
void mqtt_set_tls(struct bus *bus, struct tls_config *tls);
