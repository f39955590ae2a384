#pragma once
/* X.509 certificates and requests (RFC 5280, RFC 2986), P-256 only. PEM in and out. */

#include "common/crypto/crypto.h"

struct cert_spec {
    const char
        *common_name; /* at most 64 bytes; refused if it holds control characters or ',' '=' */
    const char *const *organizations;  /* NULL-terminated list; may be NULL. O = groups */
    const char *const *dns;            /* NULL-terminated SANs; may be NULL */
    const char *const *ips;            /* dotted or RFC 4291 text; may be NULL */
    int64_t not_before_s, not_after_s; /* wall seconds since 1970 */
    bool ca, server, client;           /* basicConstraints, extendedKeyUsage */
};

/* Issues a certificate for subject_key. issuer_pem NULL: self-signed by issuer_key (a CA's own).
 * The serial is 16 random bytes. */
nodiscard int cert_issue(const struct cert_spec *spec, const struct key *subject_key,
                         const char *issuer_pem, const struct key *issuer_key, struct buf *ret_pem,
                         struct err *err);
/* A request for `key`: common name and, as a requested extension of ours (OID in the decision
 * record), the public sealing key. Proves possession of `key`. */
nodiscard int csr_write(const struct key *key, const char *common_name, const struct key *sealing,
                        struct buf *ret_pem, struct err *err);
/* Verifies the request's own signature. Caller frees the results. *ret_sealing may come back NULL.
 */
nodiscard int csr_parse(const char *pem, size_t len, char **ret_common_name, struct key **ret_key,
                        struct key **ret_sealing, struct err *err);

/* A certificate request of anybody (RSA of 2048 to 4096 bits too, or a curve of NIST's), verified
 * against its own key. Of extensions only the alternative names are looked at. */
struct request_info {
    char common_name[65];
    char **organizations; /* NULL-terminated */
    char **dns, **ips;    /* alternative names, likewise; NULL: none. At most 64 */
    bool other_names;     /* there are some that are neither */
    struct key *key;      /* only to be put into a certificate */
};
nodiscard int request_parse(const char *pem, size_t len, struct request_info *ret, struct err *err);
void request_info_done(struct request_info *info);

struct cert_info {
    char common_name[65];
    char **organizations; /* NULL-terminated */
    int64_t not_before_s, not_after_s;
    char key_id[SHA256_HEX + 1];
    char serial[65]; /* hex */
};
nodiscard int cert_parse(const char *pem, size_t len, struct cert_info *ret, struct err *err);
/* The key that the certificate is about. */
nodiscard int cert_public_key(const char *pem, size_t len, struct key **ret, struct err *err);
void cert_info_done(struct cert_info *info);
CLEANUP_DEFINE_VALUE(struct cert_info, cert_info_done);
/* Whether that DNS name or address is one of its alternative names, letter by letter. */
nodiscard int cert_has_name(const char *pem, size_t len, const char *name, bool *ret,
                            struct err *err);
/* Chain to one of ca_pem's certificates at time now_s; now_s < 0 ignores validity dates.
 * -EKEYREJECTED. */
nodiscard int cert_verify(const char *pem, size_t len, const char *ca_pem, size_t ca_len,
                          int64_t now_s, struct err *err);
