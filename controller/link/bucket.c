#include "controller/link/bucket.h"

#include "common/base/weaken.h"

bool bucket_take(struct bucket *bucket, const struct bucket_rate *rate, int64_t now)
{
    int64_t full = now - rate->burst * rate->interval_ns;
    if (!bucket->used || bucket->empty_at < full)
        bucket->empty_at = full;
    bucket->used = true;
    if (now - bucket->empty_at < rate->interval_ns && !WEAKENED(EVENTS_RATE))
        return false;
    bucket->empty_at += rate->interval_ns;
    return true;
}
