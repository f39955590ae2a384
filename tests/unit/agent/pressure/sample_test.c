#include "agent/pressure/sample.h"

#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MEMINFO                                                                                    \
    "MemTotal:         507904 kB\nMemFree:           10000 kB\nMemAvailable:      40000 kB\n"

static void test_sample__parse(void **state)
{
    (void)state;
    static const struct {
        const char *meminfo, *loadavg;
        int64_t tasks_max, memory, memory_all, tasks, tasks_all;
    } cases[] = {
        {MEMINFO, "0.20 0.18 0.12 1/80 11206\n", 32768, 40000 << 10, 507904 << 10, 32688, 32768},
        {MEMINFO, "0.20 0.18 0.12 1/40000 11206\n", 32768, 40000 << 10, 507904 << 10, 0, 32768},
        {MEMINFO, "0.20 0.18 0.12 1/80 11206\n", -1, 40000 << 10, 507904 << 10, -1, -1},
        /* Kernels before 3.14 do not say what is available. */
        {"MemTotal: 507904 kB\nMemFree: 10000 kB\n", "", 32768, -1, -1, -1, -1},
        {"MemTotal: -5 kB\nMemAvailable: 1 kB\n", "a b c d/e", 32768, -1, -1, -1, -1},
        {"MemTotal: 99999999999999999999 kB\nMemAvailable: 1 kB\n", "0 0 0 1/-3", 1, -1, -1, -1,
         -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pressure_sample sample;
        pressure_sample_parse(cases[i].meminfo, cases[i].loadavg, cases[i].tasks_max, &sample);
        const struct pressure_amount *memory = &sample.of[SIGNAL_MEMORY_AVAILABLE];
        const struct pressure_amount *tasks = &sample.of[SIGNAL_PID_AVAILABLE];
        assert_int_equal(memory->available, cases[i].memory);
        assert_int_equal(memory->capacity, cases[i].memory_all);
        assert_int_equal(tasks->available, cases[i].tasks);
        assert_int_equal(tasks->capacity, cases[i].tasks_all);
    }
}

static void test_sample__this_machine(void **state)
{
    (void)state;
    struct pressure_sample sample;
    pressure_sample_read("/", &sample);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        assert_true(sample.of[i].available <= sample.of[i].capacity);
        assert_true(i == SIGNAL_NODEFS_INODES_FREE || sample.of[i].available > 0);
    }
    pressure_sample_read("/no/such/folder", &sample);
    assert_int_equal(sample.of[SIGNAL_NODEFS_AVAILABLE].available, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample__parse),
        cmocka_unit_test(test_sample__this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
