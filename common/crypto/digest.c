#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/mbed.h"

struct sha256_ctx {
    mbedtls_sha256_context mbed;
};

/* Software SHA-256 cannot fail; if an accelerator does, no digest is better than a wrong one. */
static void must(int ret)
{
    if (ret != 0)
        abort();
}

#if !MBED_3 /* 2.28 has the checked functions under other names */
#define mbedtls_sha256 mbedtls_sha256_ret
#define mbedtls_sha256_starts mbedtls_sha256_starts_ret
#define mbedtls_sha256_update mbedtls_sha256_update_ret
#define mbedtls_sha256_finish mbedtls_sha256_finish_ret
#endif

void sha256(const void *data, size_t len, uint8_t ret[SHA256_LEN])
{
    must(mbedtls_sha256(len ? data : (const void *)"", len, ret, 0));
}

void sha256_hex(const void *data, size_t len, char ret[SHA256_HEX + 1])
{
    uint8_t digest[SHA256_LEN];
    sha256(data, len, digest);
    hex_encode(digest, sizeof(digest), ret);
}

struct sha256_ctx *sha256_new(void)
{
    struct sha256_ctx *ctx = xmalloc(sizeof(*ctx));
    mbedtls_sha256_init(&ctx->mbed);
    must(mbedtls_sha256_starts(&ctx->mbed, 0));
    return ctx;
}

void sha256_add(struct sha256_ctx *ctx, const void *data, size_t len)
{
    if (len)
        must(mbedtls_sha256_update(&ctx->mbed, data, len));
}

void sha256_end(struct sha256_ctx *ctx, uint8_t ret[SHA256_LEN])
{
    must(mbedtls_sha256_finish(&ctx->mbed, ret));
    mbedtls_sha256_free(&ctx->mbed);
    free(ctx);
}

void hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                 uint8_t ret[SHA256_LEN])
{
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    must(mbedtls_md_hmac(info, key_len ? key : (const void *)"", key_len,
                         len ? data : (const void *)"", len, ret));
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
    const volatile uint8_t *pa = a, *pb = b;
    uint8_t differ = 0;
    for (size_t i = 0; i < len; i++)
        differ = (uint8_t)(differ | (pa[i] ^ pb[i]));
    return differ == 0;
}

void crypto_wipe(void *p, size_t len)
{
    if (len)
        explicit_bzero(p, len);
}
