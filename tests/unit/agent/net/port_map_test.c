#include "agent/net/port_map.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define POD_A 0x0a2a0702
#define POD_B 0x0a2a0703

static struct host_port one[] = {{80, 8080, 6, ""}};
static struct host_port two[] = {{53, 5353, 17, "10.0.0.9"}, {80, 8080, 6, ""}};
static struct host_port six[] = {{80, 8080, 6, "fd00::1"}};
static struct host_port twice[] = {{80, 8080, 6, ""}, {80, 8081, 6, ""}};
#define PORTS(list) (&(struct host_ports){list, ARRAY_LEN(list)})

struct change {
    size_t gone, come;
};

static struct change set(struct port_map *map, const char *uid, uint32_t address,
                         const struct host_ports *ports)
{
    cleanup(port_rules_done) struct port_rules gone = {0}, come = {0};
    port_map_set(map, uid, address, ports, &gone, &come);
    return (struct change){gone.count, come.count};
}

static void expect(const struct port_map *map, const char *of_one, const char *of_all)
{
    cleanup(buf_done) struct buf a = {0}, b = {0};
    port_map_elements(map, false, &a);
    port_map_elements(map, true, &b);
    assert_string_equal(buf_str(&a), of_one);
    assert_string_equal(buf_str(&b), of_all);
}

static void test_port_map__set(void **state)
{
    (void)state;
    struct port_map *map = port_map_new();
    assert_true(port_map_is_empty(map));
    const struct {
        const char *uid;
        uint32_t address;
        const struct host_ports *ports;
        struct change change;
        const char *of_one, *of_all;
    } steps[] = {
        {"a", POD_A, PORTS(one), {0, 1}, "", "tcp . 80 : 10.42.7.2 . 8080"},
        {"a", POD_A, PORTS(one), {0, 0}, "", "tcp . 80 : 10.42.7.2 . 8080"}, /* idempotent */
        {"a",
         POD_A,
         PORTS(two),
         {0, 1},
         "10.0.0.9 . udp . 53 : 10.42.7.2 . 5353",
         "tcp . 80 : 10.42.7.2 . 8080"},
        {"a",
         POD_B,
         PORTS(two),
         {2, 2},
         "10.0.0.9 . udp . 53 : 10.42.7.3 . 5353",
         "tcp . 80 : 10.42.7.3 . 8080"},
        /* The later one has it, and the earlier one does not take it along. */
        {"b",
         POD_A,
         PORTS(one),
         {1, 1},
         "10.0.0.9 . udp . 53 : 10.42.7.3 . 5353",
         "tcp . 80 : 10.42.7.2 . 8080"},
        {"a", 0, NULL, {1, 0}, "", "tcp . 80 : 10.42.7.2 . 8080"},
        {"a", 0, NULL, {0, 0}, "", "tcp . 80 : 10.42.7.2 . 8080"},
        {"c", POD_B, PORTS(six), {0, 0}, "", "tcp . 80 : 10.42.7.2 . 8080"},
        {"b", POD_A, PORTS(twice), {0, 0}, "", "tcp . 80 : 10.42.7.2 . 8080"},
        {"b", 0, NULL, {1, 0}, "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct change change = set(map, steps[i].uid, steps[i].address, steps[i].ports);
        if (change.gone != steps[i].change.gone || change.come != steps[i].change.come)
            fail_msg("step %zu: %zu %zu", i, change.gone, change.come);
        expect(map, steps[i].of_one, steps[i].of_all);
    }
    assert_true(port_map_is_empty(map));
    port_map_free(map);
}

static void test_port_file__there_and_back(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf text = {0};
    cleanup(host_ports_done) struct host_ports back = {0};
    port_file_format(PORTS(two), &text);
    assert_string_equal(buf_str(&text), "17 53 5353 10.0.0.9\n6 80 8080 *\n");
    assert_int_equal(port_file_parse(buf_str(&text), &back), 0);
    assert_true(host_ports_same(&back, PORTS(two)));
}

static void test_port_file__damaged(void **state)
{
    static const char *const texts[] = {"6",
                                        "6 80 8080",
                                        "6 80 8080 ",
                                        "6 0 8080 *\n",
                                        "6 80 0 *\n",
                                        "6 65536 1 *",
                                        "6 80 8080 * extra",
                                        "-1 80 8080 *\n",
                                        "x",
                                        "\xff",
                                        "\n",
                                        "256 80 8080 *\n",
                                        "6 80 8080 *\n6 80",
                                        "6 80 8080 a;b\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct host_ports ports = {0};
        if (port_file_parse(texts[i], &ports) != -EINVAL)
            fail_msg("%s", texts[i]);
        assert_int_equal(ports.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_port_map__set),
        cmocka_unit_test(test_port_file__there_and_back),
        cmocka_unit_test(test_port_file__damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
