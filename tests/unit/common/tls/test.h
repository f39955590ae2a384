#pragma once
/* What the tests of TLS share: cmocka (which wants its headers before it), a small authority,
 * sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/tls/relay.h"

#define HANDSHAKE_NS (60 * NS_PER_S)

/* An authority, a server "gateway" and a client "alice" of the group "ops"; valid 2020 to 2120. */
struct pki {
    struct key *ca_key, *server_key, *client_key;
    struct buf ca, server, client;
};
void pki_init(struct pki *pki);
void pki_done(struct pki *pki);
/* A certificate by pki's authority; the caller's. */
void pki_issue(const struct pki *pki, const struct cert_spec *spec, const struct key *key,
               struct buf *ret);
struct tls_config *pki_server(const struct pki *pki);
/* cert: with alice's certificate. */
struct tls_config *pki_client(const struct pki *pki, bool cert);

/* A port of 127.0.0.1 that is taken, and where nobody listens. */
int tcp_bind(uint16_t *ret_port);
/* Listening on 127.0.0.1, non-blocking. */
int tcp_listen(uint16_t *ret_port);
/* Begins to connect there, non-blocking. */
int tcp_connect(uint16_t port);
/* Two connected TCP sockets. */
void tcp_pair(int ret[2]);
/* Runs the loop until *done or for at most ms; whether it was done. */
bool run_until(struct loop *loop, const bool *done, int ms);
