#pragma once
/* Exponential backoff: pure. */

#include <stdint.h>

struct backoff_policy {
    int64_t first_ns, max_ns;
};

struct backoff {
    unsigned failures; /* in a row */
};

/* Counts one more failure and returns how long to wait: first, doubled each time, up to max. */
int64_t backoff_failed(struct backoff *backoff, const struct backoff_policy *policy);
void backoff_reset(struct backoff *backoff);
