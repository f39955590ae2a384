#include "agent/pod/node_usage.h"

#include "common/base/clock.h"
#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_node_usage__cpu(void **state)
{
    (void)state;
    static const struct {
        const char *stat;
        long ticks_s;
        int64_t cpu_ns;
    } cases[] = {
        {"cpu  100 20 30 9999 888 7 3 5 1 1\ncpu0 1 2 3 4\n", 100, 160 * (NS_PER_S / 100)},
        {"cpu  100 20 30 9999 888 7 3 5\n", 250, 160 * (NS_PER_S / 250)},
        {"cpu  0 0 0 0 0 0 0 0 0 0\n", 100, 0},
        {"cpu  100 20 30 9999 888 7 3 5 1 1\n", 0, -1},
        {"cpu  18446744073709551615 0 0 0 0 0 0 0\n", 100, -1},
        {"cpu  1 2 3\n", 100, -1},
        {"intr 1 2 3 4 5 6 7 8\n", 100, -1},
        {"", 100, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(node_usage_cpu(cases[i].stat, cases[i].ticks_s), cases[i].cpu_ns);
}

static void test_node_usage__memory(void **state)
{
    (void)state;
    static const struct {
        const char *meminfo;
        int64_t bytes;
    } cases[] = {
        {"MemTotal:  1000 kB\nMemFree:  1 kB\nMemAvailable:  400 kB\n", 600 * 1024},
        {"MemTotal:  1000 kB\nMemAvailable:  1000 kB\n", 0},
        {"MemTotal:  1000 kB\nMemAvailable:  1001 kB\n", -1},
        {"MemTotal:  1000 kB\n", -1},
        {"MemTotal:  -5 kB\nMemAvailable:  1 kB\n", -1},
        {"", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(node_usage_memory(cases[i].meminfo), cases[i].bytes);
}

static void test_node_usage__this_machine(void **state)
{
    (void)state;
    struct node_usage before, after;
    node_usage_read(&before);
    node_usage_read(&after);
    assert_true(before.cpu_ns > 0);
    assert_true(after.cpu_ns >= before.cpu_ns);
    assert_true(before.memory_bytes > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_node_usage__cpu),
        cmocka_unit_test(test_node_usage__memory),
        cmocka_unit_test(test_node_usage__this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
