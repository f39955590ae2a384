#pragma once
/* The door of the API: a listening socket, TLS on what comes in, and the plain ends handed to HTTP.
 * Who holds too many connections is turned away before TLS costs anything. */

#include "common/tls/relay.h"
#include "controller/http/http.h"

struct front;

/* Takes a connection whose first request was for the guest's path: fd is its plain end, the
 * guest's from now on, and peer is borrowed for the call. */
typedef void front_guest_fn(void *ctx, int fd, const struct http_peer *peer);

struct front_spec {
    struct loop *loop;
    struct http *http;
    const char *address;      /* "127.0.0.1", "0.0.0.0", "::" (both families) */
    uint16_t port;            /* 0: any that is free */
    unsigned max_connections; /* in all, handshakes included */
    unsigned max_per_address;
    front_guest_fn *guest; /* NULL: every connection is http's */
    void *guest_ctx;
    const char *guest_path;  /* "/v2"; borrowed for as long as the front is there */
    uint64_t guest_max_body; /* bytes */
};
/* config is referenced. */
nodiscard int front_new(const struct front_spec *spec, struct tls_config *config,
                        struct front **ret, struct err *err);
uint16_t front_port(const struct front *front);
/* For connections from now on (a renewed certificate). */
void front_set_tls(struct front *front, struct tls_config *config);
void front_free(
    struct front *front); /* closes the connections; before http_free is fine, and after */
