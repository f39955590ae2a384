/* What is said about the other side, and about what went wrong with it. */

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/cert.h"
#include "common/tls/config.h"

#include <errno.h>
#include <stdio.h>

/* Why a client's certificate does not count; "" if it does. A continued session was verified when
 * it began: only the dates are looked at again. */
static void read_refused(const struct tls_config *config, const mbedtls_ssl_context *ssl,
                         const mbedtls_x509_crt *crt, int64_t now_s, struct tls_peer *ret)
{
    uint32_t flags = mbedtls_ssl_get_verify_result(ssl);
    if (config->server) {
        mbedtls_x509_crt copy = *crt;
        uint32_t dates = 0;
        (void)mbed_crt_check_dates(&now_s, &copy, 0, &dates);
        flags |= dates;
    }
    if (flags && !WEAKENED(TLS_CLIENT_CERTIFICATE))
        mbed_crt_reasons(flags, ret->refused, sizeof(ret->refused));
}

void tls_peer_read(const struct tls_config *config, mbedtls_ssl_context *ssl, int64_t now_s,
                   struct tls_peer *ret)
{
    *ret = (struct tls_peer){0};
    const char *cipher = mbedtls_ssl_get_ciphersuite(ssl);
    snprintf(ret->cipher, sizeof(ret->cipher), "%s", cipher ? cipher : "");
    const mbedtls_x509_crt *crt = mbedtls_ssl_get_peer_cert(ssl);
    if (!crt)
        return;
    read_refused(config, ssl, crt, now_s, ret);
    if (ret->refused[0])
        return;
    struct cert_info info = {0};
    struct err err = {0};
    if (mbed_crt_info(crt, &info, &err)) {
        snprintf(ret->refused, sizeof(ret->refused), "%.159s", err.msg);
        return;
    }
    snprintf(ret->common_name, sizeof(ret->common_name), "%s", info.common_name);
    snprintf(ret->serial, sizeof(ret->serial), "%s", info.serial);
    snprintf(ret->key_id, sizeof(ret->key_id), "%s", info.key_id);
    ret->organizations = steal(info.organizations);
    cert_info_done(&info);
}

void tls_peer_done(struct tls_peer *peer)
{
    struct cert_info info = {.organizations = steal(peer->organizations)};
    cert_info_done(&info);
}

/* RFC 5246 section 7.2 */
static const struct alert {
    int alert, code;
    const char *text;
} alerts[] = {
    {MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE, -EPROTO,
     "it finds nothing in common, or wants a certificate"},
    {MBEDTLS_SSL_ALERT_MSG_NO_CERT, -EACCES, "it wants a certificate"},
    {MBEDTLS_SSL_ALERT_MSG_BAD_CERT, -EACCES, "it finds our certificate bad"},
    {MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_CERT, -EACCES, "it does not support our certificate"},
    {MBEDTLS_SSL_ALERT_MSG_CERT_REVOKED, -EACCES, "our certificate is revoked"},
    {MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED, -EACCES, "our certificate has expired"},
    {MBEDTLS_SSL_ALERT_MSG_CERT_UNKNOWN, -EACCES, "it does not accept our certificate"},
    {MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA, -EACCES,
     "it does not trust the authority of our certificate"},
    {MBEDTLS_SSL_ALERT_MSG_ACCESS_DENIED, -EACCES, "access denied"},
    {MBEDTLS_SSL_ALERT_MSG_DECRYPT_ERROR, -EACCES, "the proof of a key failed"},
    {MBEDTLS_SSL_ALERT_MSG_BAD_RECORD_MAC, -EACCES,
     "a record was altered, or the pre-shared key is wrong"},
    {MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION, -EPROTO, "it wants another version of TLS"},
    {MBEDTLS_SSL_ALERT_MSG_UNRECOGNIZED_NAME, -EPROTO, "it does not have the name"},
    {MBEDTLS_SSL_ALERT_MSG_UNKNOWN_PSK_IDENTITY, -EACCES, "it does not know the pre-shared key"},
    {MBEDTLS_SSL_ALERT_MSG_NO_APPLICATION_PROTOCOL, -EPROTO, "no protocol in common (ALPN)"},
};

static int explain_alert(int number, struct err *err)
{
    static const struct alert other = {0, -EPROTO, "it gave no reason that is known here"};
    const struct alert *found = &other;
    for (size_t i = 0; i < ARRAY_LEN(alerts); i++)
        if (alerts[i].alert == number)
            found = &alerts[i];
    return err_set(err, found->code, "TLS: refused by the other side: %s (alert %d)", found->text,
                   number);
}

int tls_explain(const mbedtls_ssl_context *ssl, int ret, struct err *err)
{
    static const struct {
        int ret, code;
        const char *text;
    } errors[] = {
        {0, -ECONNRESET, "the other side ended the connection without a word"},
        {MBEDTLS_ERR_SSL_CONN_EOF, -ECONNRESET,
         "the other side ended the connection without a word"},
        {MBEDTLS_ERR_NET_CONN_RESET, -ECONNRESET, "the connection was reset"},
        {MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY, -ECONNRESET, "the other side left"},
        {MBEDTLS_ERR_SSL_INVALID_MAC, -EPROTO,
         "a record was altered, or the pre-shared key is wrong"},
        {MBEDTLS_ERR_SSL_INVALID_RECORD, -EPROTO, "what came is not TLS"},
    };
    if (ret == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) {
        char why[160];
        mbed_crt_reasons(mbedtls_ssl_get_verify_result(ssl), why, sizeof(why));
        return err_set(err, -EKEYREJECTED, "TLS: the certificate of the other side: %s", why);
    }
    if (ret == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
        return explain_alert(ssl->in_msg[1], err);
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        if (errors[i].ret == ret)
            return err_set(err, errors[i].code, "TLS: %s", errors[i].text);
    }
    return mbed_err(err, -EPROTO, ret, "TLS: the connection failed");
}
