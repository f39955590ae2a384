#include "common/bus/beat.h"

#include <setjmp.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const struct beat beat = {
    .flags = BEAT_DEGRADED,
    .epoch_low = 0x0102,
    .seq = 0x03040506,
    .generation = UINT64_C(0x0708090a0b0c0d0e),
    .status_hash = {0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7},
};
/* Deployed nodes fix these bytes for ever. */
static const uint8_t wire[BEAT_LEN] = {1,    2,    1,    2,    3,    4,    5,    6,
                                       7,    8,    9,    10,   11,   12,   13,   14,
                                       0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7};

static void test_beat__layout_is_fixed(void **state)
{
    uint8_t out[BEAT_LEN];
    struct beat back;

    (void)state;
    beat_encode(&beat, out);
    assert_memory_equal(out, wire, BEAT_LEN);
    assert_int_equal(beat_decode(wire, BEAT_LEN, &back, NULL), 0);
    assert_int_equal(back.flags, beat.flags);
    assert_int_equal(back.epoch_low, beat.epoch_low);
    assert_int_equal(back.seq, beat.seq);
    assert_true(back.generation == beat.generation);
    assert_memory_equal(back.status_hash, beat.status_hash, BEAT_HASH_LEN);
}

static void test_beat__refuses_what_is_no_beat(void **state)
{
    uint8_t data[BEAT_MAX + 1] = {0};
    struct beat back;

    (void)state;
    memcpy(data, wire, BEAT_LEN);
    assert_int_equal(beat_decode(data, BEAT_LEN - 1, &back, NULL), -EBADMSG);
    assert_int_equal(beat_decode(data, 0, &back, NULL), -EBADMSG);
    assert_int_equal(beat_decode(data, BEAT_MAX + 1, &back, NULL), -EBADMSG);
    assert_int_equal(beat_decode(data, BEAT_MAX, &back, NULL), 0); /* a later, longer beat */
    data[0] = 2;
    assert_int_equal(beat_decode(data, BEAT_LEN, &back, NULL), -ENOTSUP);
    memcpy(data, wire, BEAT_LEN);
    memset(data + 4, 0, 4);
    assert_int_equal(beat_decode(data, BEAT_LEN, &back, NULL), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beat__layout_is_fixed),
        cmocka_unit_test(test_beat__refuses_what_is_no_beat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
