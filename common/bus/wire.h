#pragma once
/* The way from libmosquitto to a broker by TLS: TCP is connected and secured by us, and
 * libmosquitto is given the path of a unix socket, in a private folder, that leads there. */

#include "common/base/err.h"
#include "common/loop/loop.h"
#include "common/tls/relay.h"

struct wire;
struct wire_handler {
    /* TCP is up: connect to `path` inside this call. The wire must not be freed here. */
    void (*ready)(void *ctx, const char *path);
    /* It is over, why. Called at most once; the handler then frees the wire. */
    void (*closed)(void *ctx, const struct err *err);
};
struct wire_spec {
    const char *host;
    int port;
    struct tls_config *tls; /* referenced */
    const char *run_dir;    /* 0700; it and the socket's name must fit 107 bytes */
    int64_t timeout_ns;     /* of look-up, each TCP connect and the handshake, each on its own */
};
/* Never calls the handler from inside. */
nodiscard int wire_new(struct loop *loop, const struct wire_spec *spec, struct rng *rng,
                       const struct wire_handler *handler, void *ctx, struct wire **ret,
                       struct err *err);
void wire_free(struct wire *wire); /* cuts both ends at once */
