#include "common/base/rng.h"

#include "common/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void system_fill(struct rng *rng, void *data, size_t len)
{
    (void)rng;
    for (uint8_t *at = data; len > 0;) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno != EINTR)
            abort();
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
}

struct rng *rng_system(void)
{
    static const struct rng rng = {.fill = system_fill};
    return (struct rng *)&rng; /* stateless: nobody writes to it */
}

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

/* xoshiro256** by Blackman and Vigna. */
static uint64_t seeded_next(uint64_t s[4])
{
    uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

static void seeded_fill(struct rng *rng, void *data, size_t len)
{
    struct rng_seeded *seeded = (struct rng_seeded *)rng; /* its first member */
    for (uint8_t *at = data; len > 0;) {
        uint64_t word = seeded_next(seeded->state);
        uint8_t bytes[8]; /* by value, so that a seed means the same on every machine */
        for (int i = 0; i < 8; i++)
            bytes[i] = (uint8_t)(word >> (8 * i));
        size_t n = len < sizeof(bytes) ? len : sizeof(bytes);
        memcpy(at, bytes, n);
        at += n;
        len -= n;
    }
}

void rng_seeded_init(struct rng_seeded *rng, uint64_t seed)
{
    rng->rng.fill = seeded_fill;
    for (size_t i = 0; i < ARRAY_LEN(rng->state); i++) { /* splitmix64 */
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = seed;
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        rng->state[i] = z ^ z >> 31;
    }
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    uint64_t limit =
        UINT64_MAX - UINT64_MAX % bound; /* a multiple: no value is likelier than another */
    for (;;) {
        uint8_t bytes[8];
        uint64_t value = 0;
        rng_fill(rng, bytes, sizeof(bytes));
        for (int i = 0; i < 8; i++)
            value |= (uint64_t)bytes[i] << (8 * i);
        if (value < limit)
            return value % bound;
    }
}

void rng_uuid(struct rng *rng, char ret[37])
{
    static const size_t group[] = {4, 2, 2, 2, 6};
    uint8_t bytes[16];
    rng_fill(rng, bytes, sizeof(bytes));
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    const uint8_t *from = bytes;
    char *to = ret;
    for (size_t i = 0; i < ARRAY_LEN(group); i++) {
        if (i)
            *to++ = '-';
        hex_encode(from, group[i], to);
        from += group[i];
        to += 2 * group[i];
    }
}
