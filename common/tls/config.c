#include "common/tls/config.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>

#ifndef MBEDTLS_SSL_KEEP_PEER_CERTIFICATE
#error "mbedtls must be built with MBEDTLS_SSL_KEEP_PEER_CERTIFICATE: it says who the other side is"
#endif

enum { TICKET_LIFETIME_S = 3600 };

/* All give forward secrecy. RSA is for servers that are not ours. */
static const int suites[] = {
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    0,
};
static const int psk_suites[] = {
    MBEDTLS_TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256,
    MBEDTLS_TLS_DHE_PSK_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_DHE_PSK_WITH_AES_256_GCM_SHA384,
    0,
};

/* mbedtls would offer the biggest curves first, at ten times the price. */
#if MBED_3
static const uint16_t groups[] = {
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
#else
static const mbedtls_ecp_group_id groups[] = {MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_CURVE25519,
                                              MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_DP_NONE};
#endif

static void only_tls12(mbedtls_ssl_config *ssl)
{
#if MBED_3
    mbedtls_ssl_conf_min_tls_version(ssl, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_max_tls_version(ssl, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_groups(ssl, groups);
#else
    mbedtls_ssl_conf_min_version(ssl, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_max_version(ssl, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_curves(ssl, groups);
#endif
}

static int config_new(bool server, struct tls_config **ret, struct err *err)
{
    struct tls_config *config = xcalloc(1, sizeof(*config));
    config->refs = 1;
    config->server = server;
    mbedtls_ssl_config_init(&config->ssl);
    mbedtls_x509_crt_init(&config->trusted);
    mbedtls_x509_crt_init(&config->own);
    mbedtls_pk_init(&config->key);
    mbedtls_ssl_ticket_init(&config->tickets);
    mbedtls_ssl_session_init(&config->session);
    int r = mbedtls_ssl_config_defaults(&config->ssl,
                                        server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                        MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (r) {
        tls_config_unref(config);
        return mbed_err(err, -EIO, r, "TLS: no configuration");
    }
    mbedtls_ssl_conf_rng(&config->ssl, mbed_rng, NULL);
    only_tls12(&config->ssl);
    mbedtls_ssl_conf_ciphersuites(&config->ssl, suites);
    *ret = config;
    return 0;
}

struct tls_config *tls_config_ref(struct tls_config *config)
{
    config->refs++;
    return config;
}

void tls_config_unref(struct tls_config *config)
{
    if (!config || --config->refs > 0)
        return;
    mbedtls_ssl_session_free(&config->session);
    mbedtls_ssl_ticket_free(&config->tickets);
    mbedtls_ssl_config_free(&config->ssl);
    mbedtls_pk_free(&config->key);
    mbedtls_x509_crt_free(&config->own);
    mbedtls_x509_crt_free(&config->trusted);
    free(config->server_name);
    free(config);
}
CLEANUP_DEFINE(struct tls_config, tls_config_unref);

/* The key crosses from common/crypto as PEM: its inside stays there. */
static int set_own(struct tls_config *config, const char *cert_pem, const struct key *key,
                   struct err *err)
{
    int r = mbed_crt_parse("TLS: own certificate", cert_pem, strlen(cert_pem), &config->own, err);
    if (r)
        return r;
    char ours[SHA256_HEX + 1], certs[SHA256_HEX + 1];
    r = mbed_spki_id(&config->own.pk, certs, err);
    if (r == 0)
        r = key_id(key, ours, err);
    if (r)
        return r;
    if (strcmp(ours, certs) != 0)
        return err_set(err, -EINVAL, "TLS: the key does not belong to the certificate");
    cleanup(buf_done) struct buf pem = {0};
    r = key_write_private(key, &pem, err);
    if (r)
        return r;
    r = mbed_pk_parse_private(&config->key, (const unsigned char *)pem.data, pem.len + 1);
    crypto_wipe(pem.data, pem.cap);
    if (r == 0)
        r = mbedtls_ssl_conf_own_cert(&config->ssl, &config->own, &config->key);
    return r ? mbed_err(err, -EINVAL, r, "TLS: own certificate or key") : 0;
}

static int set_trusted(struct tls_config *config, const char *ca_pem, int mode, struct err *err)
{
    int r = mbed_crt_parse("TLS: authority's certificate", ca_pem, strlen(ca_pem), &config->trusted,
                           err);
    if (r)
        return r;
    mbedtls_ssl_conf_ca_chain(&config->ssl, &config->trusted, NULL);
    mbedtls_ssl_conf_authmode(&config->ssl, mode);
    return 0;
}

static int client_psk(struct tls_config *config, const struct tls_client_spec *spec,
                      struct err *err)
{
    if (!spec->psk || spec->psk_len < 16 || spec->psk_len > MBEDTLS_PSK_MAX_LEN)
        return err_set(err, -EINVAL, "TLS: a pre-shared key has 16 to %d bytes",
                       MBEDTLS_PSK_MAX_LEN);
    mbedtls_ssl_conf_ciphersuites(&config->ssl, psk_suites);
    int r =
        mbedtls_ssl_conf_psk(&config->ssl, spec->psk, spec->psk_len,
                             (const unsigned char *)spec->psk_identity, strlen(spec->psk_identity));
    return r ? mbed_err(err, -EINVAL, r, "TLS: pre-shared key") : 0;
}

static int client_certificates(struct tls_config *config, const struct tls_client_spec *spec,
                               struct err *err)
{
    if (str_empty(spec->ca_pem) || str_empty(spec->server_name))
        return err_set(err, -EINVAL,
                       "TLS: a client needs an authority's certificate and the server's name");
    config->server_name = xstrdup(spec->server_name);
    int r = set_trusted(config, spec->ca_pem, MBEDTLS_SSL_VERIFY_REQUIRED, err);
    if (r == 0 && spec->cert_pem)
        r = spec->key ? set_own(config, spec->cert_pem, spec->key, err)
                      : err_set(err, -EINVAL, "TLS: a certificate without its key");
    return r;
}

static int client_of_any(struct tls_config *config)
{
    mbedtls_ssl_conf_authmode(&config->ssl, MBEDTLS_SSL_VERIFY_NONE);
    return 0;
}

int tls_client_config(const struct tls_client_spec *spec, struct tls_config **ret, struct err *err)
{
    cleanup(tls_config_unref) struct tls_config *config = NULL;
    int r = config_new(false, &config, err);
    if (r)
        return r;
    config->ignore_time = spec->ignore_time;
    r = spec->any_server     ? client_of_any(config)
        : spec->psk_identity ? client_psk(config, spec, err)
                             : client_certificates(config, spec, err);
    if (r)
        return r;
    /* A server that agrees sends records of 4 KiB: a board's build shrinks its buffers to that. */
    r = mbedtls_ssl_conf_max_frag_len(&config->ssl, MBEDTLS_SSL_MAX_FRAG_LEN_4096);
    if (r)
        return mbed_err(err, -EIO, r, "TLS: fragment length");
    mbedtls_ssl_conf_session_tickets(&config->ssl, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
    *ret = steal(config);
    return 0;
}

#ifdef MBEDTLS_SSL_SRV_C /* what is built for boards alone has none: tools/deps */
int tls_server_config(const struct tls_server_spec *spec, struct tls_config **ret, struct err *err)
{
    static const char *alpn[] = {"http/1.1", NULL};
    cleanup(tls_config_unref) struct tls_config *config = NULL;
    int r = config_new(true, &config, err);
    if (r)
        return r;
    if (str_empty(spec->cert_pem) || !spec->key)
        return err_set(err, -EINVAL, "TLS: a server needs a certificate and its key");
    r = set_own(config, spec->cert_pem, spec->key, err);
    if (r == 0 && spec->client_ca_pem)
        r = set_trusted(config, spec->client_ca_pem, MBEDTLS_SSL_VERIFY_OPTIONAL, err);
    if (r)
        return r;
    r = mbedtls_ssl_ticket_setup(&config->tickets, mbed_rng, NULL, MBEDTLS_CIPHER_AES_256_GCM,
                                 TICKET_LIFETIME_S);
    if (r == 0)
        r = mbedtls_ssl_conf_alpn_protocols(&config->ssl, alpn);
    if (r)
        return mbed_err(err, -EIO, r, "TLS: session tickets");
    mbedtls_ssl_conf_session_tickets_cb(&config->ssl, mbedtls_ssl_ticket_write,
                                        mbedtls_ssl_ticket_parse, &config->tickets);
    *ret = steal(config);
    return 0;
}
#endif

int tls_config_begin(struct tls_config *config, mbedtls_ssl_context *ssl, int64_t *now_s,
                     struct err *err)
{
    int r = mbedtls_ssl_setup(ssl, &config->ssl);
    if (r == 0 && config->server_name && !WEAKENED(TLS_SERVER_NAME))
        r = mbedtls_ssl_set_hostname(ssl, config->server_name);
    if (r == 0 && config->has_session)
        r = mbedtls_ssl_set_session(ssl, &config->session);
    if (r)
        return mbed_err(err, -EIO, r, "TLS: a connection cannot be set up");
    mbedtls_ssl_set_verify(ssl, mbed_crt_check_dates, now_s);
    return 0;
}

void tls_config_keep(struct tls_config *config, const mbedtls_ssl_context *ssl)
{
    if (config->server || !config->server_name) /* a pre-shared key is used once */
        return;
    tls_config_forget(config);
    config->has_session = mbedtls_ssl_get_session(ssl, &config->session) == 0;
    if (!config->has_session)
        tls_config_forget(config);
}

void tls_config_forget(struct tls_config *config)
{
    mbedtls_ssl_session_free(&config->session);
    mbedtls_ssl_session_init(&config->session);
    config->has_session = false;
}
