#pragma once
/* Private to common/crypto and common/tls: the one place that knows both mbedtls 2.28 and 3.6. */

/* 3.x hides fields that 2.28 leaves open; this opens them under the same names. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS

#include "common/crypto/crypto.h"

#include <mbedtls/version.h>

#include <mbedtls/asn1write.h>
#include <mbedtls/ecp.h>
#include <mbedtls/error.h>
#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <mbedtls/x509_crt.h>
#include <mbedtls/x509_csr.h>

#define MBED_3 (MBEDTLS_VERSION_MAJOR >= 3)

#define PEM_MAX (64 * 1024) /* one text from outside: a chain and its comments */
#define SPKI_MAX 1024       /* a SubjectPublicKeyInfo in DER, RSA 4096 included */

struct key {
    mbedtls_pk_context pk; /* MBEDTLS_PK_ECKEY on secp256r1, its public point always set */
    bool private;
};

/* Random bytes from the system, in the shape that mbedtls asks for. */
int mbed_rng(void *ctx, unsigned char *data, size_t len);
/* err_set with mbedtls' error number at the end of the message. */
int mbed_err(struct err *err, int code, int ret, const char *fmt, ...) printf_like(4, 5);

int mbed_pk_parse_private(mbedtls_pk_context *pk, const unsigned char *data, size_t len);
int mbed_pk_sign(mbedtls_pk_context *pk, const uint8_t hash[SHA256_LEN], uint8_t *sig,
                 size_t sig_size, size_t *ret_len);
int mbed_crt_set_serial(mbedtls_x509write_cert *crt, uint8_t *serial, size_t len);
int mbed_csr_set_extension(mbedtls_x509write_csr *csr, const void *oid, size_t oid_len,
                           const uint8_t *value, size_t len);

/* Copies text and terminates it, as mbedtls wants PEM. -E2BIG when it is too long, -EINVAL when it
 * holds a NUL or no "-----BEGIN". Caller frees. */
nodiscard int mbed_pem_text(const char *what, const char *pem, size_t len, char **ret,
                            struct err *err);
/* A certificate request (PKCS 10) in PEM; whose it is, is not checked. ret is initialised here, and
 * to be freed in any case. Errors as of mbed_pem_text, and -EINVAL. */
nodiscard int mbed_csr_read(const char *pem, size_t len, mbedtls_x509_csr *ret, struct err *err);
/* The value of that extension of a request, borrowed: *ret is untouched when there is none. 0, or
 * mbedtls' error. */
int mbed_csr_extension(const mbedtls_x509_csr *csr, const void *oid, size_t oid_len,
                       unsigned char **ret, size_t *ret_len);
/* Its alternative names: dns, ips and other_names of *ret, which are the caller's in any case. */
struct request_info;
nodiscard int mbed_csr_names(const mbedtls_x509_csr *csr, struct request_info *ret,
                             struct err *err);
/* DER as PEM between "-----BEGIN <label>-----" lines, appended to ret. */
nodiscard int mbed_pem_write(const char *label, const uint8_t *der, size_t len, struct buf *ret,
                             struct err *err);

/* A distinguished name to be written: adds one attribute; call in the order they shall stand in.
 * `oid` as mbedtls' MBEDTLS_OID_ strings. */
void mbed_name_add(mbedtls_asn1_named_data **list, const void *oid, size_t oid_len, int tag,
                   const void *value, size_t len);
/* What a name of ours may hold: UTF-8, 1 to 64 bytes, no control characters, no ',' and no '='. */
nodiscard int mbed_name_check(const char *what, const void *value, size_t len, struct err *err);
/* The organizations of a parsed subject, at most 64: a NULL-terminated list, the caller's. */
nodiscard int mbed_name_organizations(const mbedtls_x509_name *subject, char ***ret,
                                      struct err *err);
/* The only common name of a parsed subject; *ret_len 0 if it has none; two are refused. */
nodiscard int mbed_name_common(const mbedtls_x509_name *subject, const char **ret, size_t *ret_len,
                               struct err *err);

/* A parsed public or private key becomes a key of ours; takes it when it succeeds. */
nodiscard int mbed_key_take(mbedtls_pk_context *pk, bool private, struct key **ret,
                            struct err *err);
/* SubjectPublicKeyInfo, DER: written at the end of der, *ret_start points to it. Length or -EINVAL.
 */
nodiscard int mbed_spki(const mbedtls_pk_context *pk, uint8_t der[SPKI_MAX], uint8_t **ret_start,
                        struct err *err);
/* Its SHA-256 in hex. */
nodiscard int mbed_spki_id(const mbedtls_pk_context *pk, char ret[SHA256_HEX + 1], struct err *err);

/* A PEM list of certificates, added to ret (initialised). `what` names it in errors. */
nodiscard int mbed_crt_parse(const char *what, const char *pem, size_t len, mbedtls_x509_crt *ret,
                             struct err *err);
struct cert_info;
/* As cert_parse, from one parsed certificate. */
nodiscard int mbed_crt_info(const mbedtls_x509_crt *crt, struct cert_info *ret, struct err *err);
/* For mbedtls' verification: replaces its judgement of dates by that of the int64_t that now_s
 * points to (wall seconds; < 0: dates are ignored). */
int mbed_crt_check_dates(void *now_s, mbedtls_x509_crt *crt, int depth, uint32_t *flags);
/* Why a certificate was refused, in words. */
void mbed_crt_reasons(uint32_t flags, char *ret, size_t size);
