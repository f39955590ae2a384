/* What protocols ask for though nothing may rest on it any more. In a file of its own: the agent
 * does without. */

#include "common/crypto/mbed.h"

#include <mbedtls/sha1.h>
#include <stdlib.h>

#if !MBED_3
#define mbedtls_sha1 mbedtls_sha1_ret
#endif

void sha1(const void *data, size_t len, uint8_t ret[SHA1_LEN])
{
    if (mbedtls_sha1(len ? data : (const void *)"", len, ret) != 0)
        abort();
}
