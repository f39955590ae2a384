#pragma once
/* Private to common/tls: what a relay sees of a configuration, and what is said about a handshake.
 */

#include "common/crypto/mbed.h"
#include "common/tls/relay.h"

#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>

struct tls_config {
    int refs;
    bool server, ignore_time;
    char *server_name; /* client with certificates */
    mbedtls_ssl_config ssl;
    mbedtls_x509_crt trusted, own;
    mbedtls_pk_context key;
    mbedtls_ssl_ticket_context tickets; /* server */
    mbedtls_ssl_session session;        /* client: the last one */
    bool has_session;
};

/* Prepares a connection's context (initialised by the caller): name, session, judgement of dates by
 * *now_s, which the relay owns and keeps up to date. */
nodiscard int tls_config_begin(struct tls_config *config, mbedtls_ssl_context *ssl, int64_t *now_s,
                               struct err *err);
/* After a client's handshake: remembers its session; after a failed one: forgets the one it tried.
 */
void tls_config_keep(struct tls_config *config, const mbedtls_ssl_context *ssl);
void tls_config_forget(struct tls_config *config);

/* Who the other side is. organizations are the caller's: tls_peer_done. */
void tls_peer_read(const struct tls_config *config, mbedtls_ssl_context *ssl, int64_t now_s,
                   struct tls_peer *ret);
void tls_peer_done(struct tls_peer *peer);
/* mbedtls' error of a handshake or of a later read or write as an error of ours, in words. */
int tls_explain(const mbedtls_ssl_context *ssl, int ret, struct err *err);
