#pragma once
/* A node's heartbeat: 24 bytes, big-endian. Pure.
 *   0  u8   version, 1
 *   1  u8   flags (enum below; unknown ones are ignored)
 *   2  u16  low bits of the epoch applied
 *   4  u32  sequence: rises with each beat of a boot, over restarts of the agent too; not 0
 *   8  u64  generation applied, 0 = none yet
 *  16  8 B  hash of all status: the first 8 bytes of a SHA-256, all zero = no status
 * A longer message of the same version is accepted and the rest ignored. */

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>

#define BEAT_LEN 24
#define BEAT_MAX 64 /* bytes that are read at all */
#define BEAT_HASH_LEN 8

enum {
    BEAT_CLOCK_UNCERTAIN = 1 << 0,
    BEAT_DEGRADED = 1 << 1, /* its disk refuses writes */
};

struct beat {
    uint8_t flags;
    uint16_t epoch_low;
    uint32_t seq;
    uint64_t generation;
    uint8_t status_hash[BEAT_HASH_LEN];
};

void beat_encode(const struct beat *beat, uint8_t ret[BEAT_LEN]);
/* -EBADMSG (length, sequence 0), -ENOTSUP (version). */
nodiscard int beat_decode(const void *payload, size_t len, struct beat *ret, struct err *err);
