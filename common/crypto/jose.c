/* Signatures and points as JOSE writes them (RFC 7518): numbers of 32 bytes, one behind the other.
 */

#include "common/crypto/mbed.h"

#include <errno.h>
#include <string.h>

#define NUMBER_LEN 32 /* P-256 */

int key_sign_raw(const struct key *key, const void *data, size_t len,
                 uint8_t ret[SIGNATURE_RAW_LEN], struct err *err)
{
    uint8_t der[SIGNATURE_MAX], raw[SIGNATURE_RAW_LEN];
    size_t der_len = 0, inner;
    int rc = key_sign(key, data, len, der, &der_len, err);
    if (rc < 0)
        return rc;
    unsigned char *p = der;
    const unsigned char *end = der + der_len;
    int r = mbedtls_asn1_get_tag(&p, end, &inner, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
    for (size_t i = 0; r == 0 && i < 2; i++) {
        mbedtls_mpi number;
        mbedtls_mpi_init(&number);
        r = mbedtls_asn1_get_mpi(&p, end, &number);
        if (r == 0)
            r = mbedtls_mpi_write_binary(&number, raw + i * NUMBER_LEN, NUMBER_LEN);
        mbedtls_mpi_free(&number);
    }
    if (r)
        return mbed_err(err, -EIO, r, "signing failed");
    memcpy(ret, raw, sizeof(raw));
    return 0;
}

/* INTEGER of 32 bytes, big-endian: without leading zeros, and positive. */
static size_t put_integer(const uint8_t number[NUMBER_LEN], uint8_t *ret)
{
    size_t skip = 0;
    while (skip < NUMBER_LEN - 1 && number[skip] == 0)
        skip++;
    bool high = number[skip] & 0x80;
    size_t len = NUMBER_LEN - skip + high;
    ret[0] = MBEDTLS_ASN1_INTEGER;
    ret[1] = (uint8_t)len;
    ret[2] = 0;
    memcpy(ret + 2 + high, number + skip, NUMBER_LEN - skip);
    return 2 + len;
}

int key_verify_raw(const struct key *key, const void *data, size_t len,
                   const uint8_t sig[SIGNATURE_RAW_LEN], struct err *err)
{
    uint8_t der[SIGNATURE_MAX + 2];
    size_t used = 2;
    used += put_integer(sig, der + used);
    used += put_integer(sig + NUMBER_LEN, der + used);
    der[0] = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE;
    der[1] = (uint8_t)(used - 2);
    return key_verify(key, data, len, der, used, err);
}

int key_point(const struct key *key, uint8_t ret[64], struct err *err)
{
    uint8_t point[1 + 2 * NUMBER_LEN];
    size_t len = 0;
    mbedtls_pk_context pk = key->pk;
    const mbedtls_ecp_keypair *ec = mbedtls_pk_ec(pk);
    int r = mbedtls_ecp_point_write_binary(&ec->grp, &ec->Q, MBEDTLS_ECP_PF_UNCOMPRESSED, &len,
                                           point, sizeof(point));
    if (r || len != sizeof(point))
        return mbed_err(err, -EINVAL, r, "the public key cannot be written");
    memcpy(ret, point + 1, 2 * NUMBER_LEN);
    return 0;
}
