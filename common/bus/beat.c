#include "common/bus/beat.h"

#include <errno.h>
#include <string.h>

#define BEAT_VERSION 1

static void put(uint8_t *p, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(value >> (8 * (len - 1 - i)));
}

static uint64_t get(const uint8_t *p, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++)
        value = value << 8 | p[i];
    return value;
}

void beat_encode(const struct beat *beat, uint8_t ret[BEAT_LEN])
{
    ret[0] = BEAT_VERSION;
    ret[1] = beat->flags;
    put(ret + 2, beat->epoch_low, 2);
    put(ret + 4, beat->seq, 4);
    put(ret + 8, beat->generation, 8);
    memcpy(ret + 16, beat->status_hash, BEAT_HASH_LEN);
}

int beat_decode(const void *payload, size_t len, struct beat *ret, struct err *err)
{
    const uint8_t *p = payload;

    if (len < BEAT_LEN || len > BEAT_MAX)
        return err_set(err, -EBADMSG, "beat: %zu bytes, expected %d", len, BEAT_LEN);
    if (p[0] != BEAT_VERSION)
        return err_set(err, -ENOTSUP, "beat: version %d is not known", p[0]);
    if (get(p + 4, 4) == 0)
        return err_set(err, -EBADMSG, "beat: sequence 0");
    *ret = (struct beat){
        .flags = p[1],
        .epoch_low = (uint16_t)get(p + 2, 2),
        .seq = (uint32_t)get(p + 4, 4),
        .generation = get(p + 8, 8),
    };
    memcpy(ret->status_hash, p + 16, BEAT_HASH_LEN);
    return 0;
}
