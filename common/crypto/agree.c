/* A secret that two key pairs share without a message between them. */

#include "common/crypto/mbed.h"

#include <errno.h>
#include <mbedtls/ecdh.h>
#include <mbedtls/hkdf.h>

static int shared(mbedtls_ecp_keypair *mine, const mbedtls_ecp_keypair *theirs, uint8_t ret[32])
{
    mbedtls_mpi z;

    mbedtls_mpi_init(&z);
    /* A point off the curve would leak the private key bit by bit. */
    int r = mbedtls_ecp_check_pubkey(&mine->grp, &theirs->Q);
    if (r == 0)
        r = mbedtls_ecdh_compute_shared(&mine->grp, &z, &theirs->Q, &mine->d, mbed_rng, NULL);
    if (r == 0)
        r = mbedtls_mpi_write_binary(&z, ret, 32);
    mbedtls_mpi_free(&z);
    return r;
}

int key_agree(const struct key *mine, const struct key *theirs, const void *info, size_t info_len,
              uint8_t ret[SHA256_LEN], struct err *err)
{
    uint8_t secret[32];

    if (!mine->private)
        return err_set(err, -EINVAL, "key agreement needs the private key");
    int r = shared(mbedtls_pk_ec(mine->pk), mbedtls_pk_ec(theirs->pk), secret);
    if (r == 0)
        r = mbedtls_hkdf(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), NULL, 0, secret,
                         sizeof(secret), info, info_len, ret, SHA256_LEN);
    crypto_wipe(secret, sizeof(secret));
    return r ? mbed_err(err, -EIO, r, "key agreement failed") : 0;
}
