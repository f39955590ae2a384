#include "agent/pressure/pressure.h"

#include "common/base/clock.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MIB (INT64_C(1) << 20)

static void test_pressure__limits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t amount; /* of memory; -1: refused */
        int per_mille;
        const char *error;
    } cases[] = {
        {"", 0, 0, ""},
        {PRESSURE_DEFAULT, 0, 50, ""},
        {"memory.available<100Mi", 100 * MIB, 0, ""},
        {"memory.available<1.5%,nodefs.available<10%", 0, 15, ""},
        {"memory.available<0%", 0, 0, ""},
        {"memory.available<100%", 0, 1000, ""},
        {"memory.available", -1, 0, "\"memory.available\": not of the form signal<amount"},
        {"memory.available<", -1, 0,
         "memory.available: \"\" is neither a quantity nor a share like 5%"},
        {"memory.available<101%", -1, 0,
         "memory.available: \"101%\" is neither a quantity nor a share like 5%"},
        {"memory.available<-1Mi", -1, 0,
         "memory.available: \"-1Mi\" is neither a quantity nor a share like 5%"},
        {"memory.available<x", -1, 0,
         "memory.available: \"x\" is neither a quantity nor a share like 5%"},
        {"imagefs.available<5%", -1, 0,
         "\"imagefs.available\" is no signal: memory.available, nodefs.available, "
         "nodefs.inodesFree, pid.available"},
        {"memory.available<5%,", -1, 0, "nothing follows the last comma"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pressure_limits limits;
        struct err err = {0};
        int rc = pressure_limits_parse(cases[i].text, &limits, &err);
        assert_int_equal(rc, cases[i].amount < 0 ? -EINVAL : 0);
        assert_string_equal(err.msg, cases[i].error);
        if (rc < 0)
            continue;
        assert_int_equal(limits.of[SIGNAL_MEMORY_AVAILABLE].amount, cases[i].amount);
        assert_int_equal(limits.of[SIGNAL_MEMORY_AVAILABLE].per_mille, cases[i].per_mille);
    }
}

static struct pressure_sample sample_of(int64_t memory, int64_t disk)
{
    struct pressure_sample sample;
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        sample.of[i] = (struct pressure_amount){-1, -1};
    sample.of[SIGNAL_MEMORY_AVAILABLE] = (struct pressure_amount){memory, 1000 * MIB};
    sample.of[SIGNAL_NODEFS_AVAILABLE] = (struct pressure_amount){disk, 1000 * MIB};
    return sample;
}

/* On at once, off after five minutes without. */
static void test_pressure__conditions(void **state)
{
    (void)state;
    struct pressure_limits limits;
    struct err err = {0};
    assert_int_equal(pressure_limits_parse(PRESSURE_DEFAULT, &limits, &err), 0);
    static const struct {
        int64_t at_s, memory, disk;
        bool changed, memory_on, disk_on;
    } steps[] = {
        {1, 50 * MIB, 100 * MIB, false, false, false}, /* just enough */
        {2, 50 * MIB - 1, 100 * MIB, true, true, false},
        {12, 50 * MIB - 1, 1, true, true, true},
        {22, 900 * MIB, 900 * MIB, false, true, true},
        {311, 900 * MIB, 900 * MIB, false, true, true},
        {312, 900 * MIB, 900 * MIB, true, false, false},
        {313, -1, -1, false, false, false}, /* what is not known is no reason */
    };
    struct pressures pressures = {0};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct pressure_sample sample = sample_of(steps[i].memory, steps[i].disk);
        assert_int_equal(pressures_update(&pressures, &limits, &sample, steps[i].at_s * NS_PER_S),
                         steps[i].changed);
        assert_int_equal(pressures.on[PRESSURE_MEMORY], steps[i].memory_on);
        assert_int_equal(pressures.on[PRESSURE_DISK], steps[i].disk_on);
        assert_false(pressures.on[PRESSURE_PID]);
    }
    pressures.on[PRESSURE_MEMORY] = true;
    struct value *list = pressures_conditions(&pressures);
    assert_int_equal(value_len(list), PRESSURE_COUNT);
    const struct value *first = value_at(list, 0);
    assert_string_equal(value_get_str(first, "type"), "MemoryPressure");
    assert_string_equal(value_get_str(first, "status"), "True");
    assert_string_equal(value_get_str(first, "reason"), "KubeletHasInsufficientMemory");
    assert_string_equal(value_get_str(value_at(list, 2), "status"), "False");
    value_free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pressure__limits),
        cmocka_unit_test(test_pressure__conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
