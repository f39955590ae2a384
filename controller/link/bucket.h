#pragma once
/* A token bucket: so many at once, and then one each so often. Pure. */

#include <stdbool.h>
#include <stdint.h>

struct bucket { /* zeroed: full */
    bool used;
    int64_t empty_at; /* when it was empty, had only what is in it come in since */
};

struct bucket_rate {
    int64_t burst;
    int64_t interval_ns; /* one token each */
};

/* Takes one token; false if there is none. now: boot ns, which does not go back. */
bool bucket_take(struct bucket *bucket, const struct bucket_rate *rate, int64_t now);
