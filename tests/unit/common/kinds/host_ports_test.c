#include "common/kinds/host_ports.h"

#include "common/base/mem.h"
#include "common/data/yaml.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct host_ports ports_of(const char *ports)
{
    autofree char *text = xasprintf("{containers: [{ports: [%s]}]}", ports);
    cleanup(value_free) struct value *spec = NULL;
    cleanup(diags_done) struct diags diags = {0};
    struct host_ports ret;
    assert_int_equal(yaml_parse(text, strlen(text), &spec, &diags), 0);
    host_ports_read(&ret, spec);
    return ret;
}

static void test_host_ports__clash(void **state)
{
    static const struct {
        const char *a, *b;
        bool clash;
    } cases[] = {
        {"", "", false},
        {"{containerPort: 1, hostPort: 80}", "{containerPort: 2, hostPort: 80}", true},
        {"{containerPort: 1, hostPort: 80}", "{containerPort: 1, hostPort: 81}", false},
        {"{containerPort: 80}", "{containerPort: 80}", false},
        {"{containerPort: 1, hostPort: 80}", "{containerPort: 1, hostPort: 80, protocol: UDP}",
         false},
        {"{containerPort: 1, hostPort: 80}", "{containerPort: 1, hostPort: 80, protocol: TCP}",
         true},
        {"{containerPort: 1, hostPort: 80}", "{containerPort: 1, hostPort: 80, hostIP: 127.0.0.1}",
         true},
        {"{containerPort: 1, hostPort: 80, hostIP: 0.0.0.0}",
         "{containerPort: 1, hostPort: 80, hostIP: 127.0.0.1}", true},
        {"{containerPort: 1, hostPort: 80, hostIP: 127.0.0.2}",
         "{containerPort: 1, hostPort: 80, hostIP: 127.0.0.1}", false},
        {"{containerPort: 1, hostPort: 9}, {containerPort: 1, hostPort: 80, hostIP: 127.0.0.2}",
         "{containerPort: 1, hostPort: 80, hostIP: 127.0.0.1}, {containerPort: 1, hostPort: 80, "
         "hostIP: 127.0.0.2}, {containerPort: 1, hostPort: 7}",
         true},
        /* What is no port takes none. */
        {"{containerPort: 1, hostPort: 65536}", "{containerPort: 1, hostPort: 65536}", false},
        {"{containerPort: 1, hostPort: -1}", "{containerPort: 1, hostPort: -1}", false},
        {"{containerPort: 1, hostPort: 80, protocol: X}",
         "{containerPort: 1, hostPort: 80, protocol: X}", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cleanup(host_ports_done) struct host_ports a = ports_of(cases[i].a);
        cleanup(host_ports_done) struct host_ports b = ports_of(cases[i].b);
        if (host_ports_clash(&a, &b) != cases[i].clash ||
            host_ports_clash(&b, &a) != cases[i].clash)
            fail_msg("%s / %s", cases[i].a, cases[i].b);
    }
}

static void test_host_ports__init_containers(void **state)
{
    static const char text[] =
        "{initContainers: [{ports: [{containerPort: 1, hostPort: 1}]}, {restartPolicy: Always, "
        "ports: [{containerPort: 2, hostPort: 2}]}], containers: [{}]}";
    (void)state;
    cleanup(value_free) struct value *spec = NULL;
    cleanup(diags_done) struct diags diags = {0};
    cleanup(host_ports_done) struct host_ports ports = {0};
    assert_int_equal(yaml_parse(text, strlen(text), &spec, &diags), 0);
    host_ports_read(&ports, spec);
    assert_int_equal(ports.count, 1);
    assert_int_equal(ports.items[0].port, 2);
}

/* Those of one pod go, the others' stay, also where two have the same. */
static void test_host_ports__add_and_drop(void **state)
{
    (void)state;
    cleanup(host_ports_done) struct host_ports a =
        ports_of("{containerPort: 1, hostPort: 90}, {containerPort: 1, hostPort: 80}");
    cleanup(host_ports_done) struct host_ports b = ports_of("{containerPort: 1, hostPort: 80}");
    cleanup(host_ports_done) struct host_ports taken = {0};
    host_ports_add(&taken, &b);
    host_ports_add(&taken, &a);
    assert_int_equal(taken.count, 3);
    host_ports_drop(&taken, &b);
    assert_true(host_ports_same(&taken, &a));
    assert_true(host_ports_clash(&taken, &b));
    host_ports_drop(&taken, &a);
    host_ports_drop(&taken, &a);
    assert_int_equal(taken.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host_ports__clash),
        cmocka_unit_test(test_host_ports__init_containers),
        cmocka_unit_test(test_host_ports__add_and_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
