#include "agent/pod/backoff.h"

int64_t backoff_failed(struct backoff *backoff, const struct backoff_policy *policy)
{
    int64_t wait = policy->first_ns;
    for (unsigned i = 0; i < backoff->failures && wait < policy->max_ns; i++)
        wait *= 2;
    backoff->failures++;
    return wait < policy->max_ns ? wait : policy->max_ns;
}

void backoff_reset(struct backoff *backoff)
{
    backoff->failures = 0;
}
