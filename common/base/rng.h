#pragma once
/* Random bytes, swappable so that a simulation is reproducible. */

#include <stddef.h>
#include <stdint.h>

struct rng {
    void (*fill)(struct rng *rng, void *data, size_t len); /* never fails, never short */
};

struct rng *rng_system(void); /* getrandom(2); aborts if the kernel has none */

/* Seeded, not for keys. In place. */
struct rng_seeded {
    struct rng rng;
    uint64_t state[4];
};
void rng_seeded_init(struct rng_seeded *rng, uint64_t seed);

static inline void rng_fill(struct rng *rng, void *data, size_t len)
{
    rng->fill(rng, data, len);
}
/* Uniform in [0, bound); bound > 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);
/* A version 4 UUID as 36 characters (RFC 9562 section 5.4). */
void rng_uuid(struct rng *rng, char ret[37]);
