#pragma once
/* TLS for programs and libraries that speak plain bytes: one end is a TCP socket with TLS 1.2+ by
 * mbedtls, the other a socketpair or unix socket. Non-blocking, on our loop, back-pressure both
 * ways (at most 32 KiB held a direction), half-close carried over. Used for the bus on the node
 * (libmosquitto talks to the plain end) and for the API (libmicrohttpd gets the plain end). */

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/crypto/cert.h"
#include "common/loop/loop.h"

/* Credentials and rules, shared by many relays; reference-counted. A client's remembers the last
 * session and continues it (one server a config); a server's holds the keys of its session tickets.
 */
struct tls_config;

struct tls_client_spec {
    const char *ca_pem;       /* whom to trust; required unless psk or any_server */
    const char *cert_pem;     /* our certificate; NULL: none */
    const struct key *key;    /* its key (borrowed for the call) */
    const char *server_name;  /* expected in the server's certificate (SNI too) */
    const char *psk_identity; /* instead of certificates: ECDHE-PSK or DHE-PSK, TLS 1.2 */
    const uint8_t *psk;
    size_t psk_len;
    /* Accept certificates outside their dates (clock uncertain: DESIGN.md section 5). */
    bool ignore_time;
    bool any_server; /* whoever answers will do: nothing but the bytes is asked of it */
};
struct tls_server_spec {
    const char *cert_pem;
    const struct key *key;
    const char *client_ca_pem; /* client certificates are requested, never required; NULL: not */
};
nodiscard int tls_client_config(const struct tls_client_spec *spec, struct tls_config **ret,
                                struct err *err);
nodiscard int tls_server_config(const struct tls_server_spec *spec, struct tls_config **ret,
                                struct err *err);
struct tls_config *tls_config_ref(struct tls_config *config);
void tls_config_unref(struct tls_config *config);

/* Who the other side proved to be; common_name "" without a certificate. Valid during the call
 * only. */
struct tls_peer {
    char common_name[65];
    char **organizations; /* NULL-terminated; NULL without a certificate */
    char serial[65];
    char key_id[SHA256_HEX + 1];
    char cipher[64];
    char refused[160]; /* server: why the certificate that was offered does not count ("" if it
                          does); the names above are then empty, and the caller answers 401 with
                          this */
};

struct tls_relay;
struct tls_relay_handler {
    /* The handshake is done. plain_fd is the other end of the relay's socketpair, the handler's
     * from now on; -1 if the relay was given a plain_fd at the start. peer is borrowed for the
     * call. */
    void (*ready)(void *ctx, struct tls_relay *relay, int plain_fd, const struct tls_peer *peer);
    /* It is over: err->code 0 for an orderly close, -ETIMEDOUT (handshake), -EKEYREJECTED
     * (its certificate), -EACCES (it refuses our key or certificate), -EPROTO (it refuses for
     * another reason, or what came is not TLS), -ECONNRESET and what connect(2) gives. Called once,
     * never from within tls_relay_accept or _connect; the handler then frees the relay (here or
     * later). */
    void (*closed)(void *ctx, struct tls_relay *relay, const struct err *err);
    /* The other side will send no more (it may still read, and mostly is gone); everything it sent
     * is in the plain end. For whoever waits without reading there, as a watch does. May be NULL.
     */
    void (*eof)(void *ctx, struct tls_relay *relay);
    /* What the plain end is given in the place of the bytes that came (len 0: no more will), added
     * to ret; not much more than they are. May be NULL: those bytes. */
    void (*filter)(void *ctx, const void *data, size_t len, struct buf *ret);
    /* How many of these bytes of the plain end, at least 1, go in one TLS record; asked once for
     * each byte that goes. May be NULL: as many as there are. */
    size_t (*cut)(void *ctx, const void *data, size_t len);
};

/* Serves an accepted connection (takes net_fd, also when it fails). handshake_ns bounds the
 * handshake, idle bytes are not bounded here. */
nodiscard int tls_relay_accept(struct loop *loop, struct tls_config *config, int net_fd,
                               int64_t handshake_ns, const struct tls_relay_handler *handler,
                               void *ctx, struct tls_relay **ret, struct err *err);
/* Starts a TLS client on net_fd (takes it, also when it fails; it may still be connecting).
 * plain_fd >= 0 is taken as the plain end (bytes from it wait until the handshake is done); -1: a
 * socketpair is made. */
nodiscard int tls_relay_connect(struct loop *loop, struct tls_config *config, int net_fd,
                                int plain_fd, int64_t handshake_ns,
                                const struct tls_relay_handler *handler, void *ctx,
                                struct tls_relay **ret, struct err *err);
/* What goes through it is much, and can wait: from now on it moves less in a turn of the loop, and
 * is marked for whoever queues it (traffic.h), so that what others say is not kept waiting behind
 * it. */
void tls_relay_bulk(struct tls_relay *relay);
void tls_relay_free(struct tls_relay *relay); /* closes both ends at once */
