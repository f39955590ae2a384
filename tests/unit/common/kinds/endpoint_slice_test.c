#include "load.h"

#define SLICE "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1}\n"

static void test_endpoint_slice__mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *rest, *mistakes;
    } cases[] = {
        {"addressType: IPv4\nendpoints: [{addresses: [10.0.0.1]}]\n", ""},
        {"endpoints: []\n", "line 1: addressType: required\n"},
        {"addressType: IPv4\nendpoints: [{addresses: []}]\n",
         "line 5: endpoints[0].addresses: required\n"},
        {"addressType: IPv4\nendpoints: [{addresses: ['fd00::1']}]\n",
         "line 5: endpoints[0].addresses[0]: \"fd00::1\": must be an IPv4 address\n"},
        {"addressType: IPv6\nendpoints: [{addresses: [10.0.0.1]}]\n",
         "line 5: endpoints[0].addresses[0]: \"10.0.0.1\": must be an IPv6 address\n"},
        {"addressType: IPv4\nendpoints: [{addresses: [127.0.0.1]}]\n",
         "line 5: endpoints[0].addresses[0]: \"127.0.0.1\": may not be in the loopback range "
         "(127.0.0.0/8, ::1/128)\n"},
        {"addressType: FQDN\nendpoints: [{addresses: [here]}]\n",
         "line 5: endpoints[0].addresses[0]: \"here\": must be a fully qualified domain name\n"},
        {"addressType: IPv4\nendpoints: [{addresses: [10.0.0.1, 10.0.0.1]}]\n",
         "line 5: endpoints[0].addresses[1]: \"10.0.0.1\": comes twice (first at [0])\n"},
        {"addressType: IPv4\nports: [{port: 80}, {port: 81}]\n",
         "line 5: ports[1].name: \" \": comes twice (first at [0])\n"},
        {"addressType: IPv4\nendpoints: [{addresses: [10.0.0.1], hints: {forZones: [{name: a}, "
         "{name: a}]}}]\n",
         "line 5: endpoints[0].hints.forZones[1].name: \"a\": comes twice (first at [0])\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), SLICE "%s", cases[i].rest);
        expect_mistakes(text, cases[i].mistakes);
    }
}

static void test_endpoint_slice__is_bounded(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf text = {0};
    buf_addstr(&text, SLICE "addressType: IPv4\nendpoints: [");
    for (int i = 0; i < 1001; i++)
        buf_addf(&text, "%s{addresses: [10.0.%d.%d]}", i ? ", " : "", i / 250, 1 + i % 250);
    buf_addstr(&text, "]\n");
    expect_mistakes(buf_str(&text), "line 5: endpoints: 1001: must have at most 1000 items\n");
}

static void test_endpoint_slice__address_type_is_fixed(void **state)
{
    (void)state;
    expect_update(SLICE "addressType: IPv4\n", SLICE "addressType: IPv4\nports: [{port: 80}]\n",
                  "");
    cleanup(value_free) struct value *old = load_whole(SLICE "addressType: IPv4\n");
    cleanup(value_free) struct value *next = load_whole(SLICE "addressType: IPv6\n");
    cleanup(diags_done) struct diags diags = {0};
    assert_true(schema_check_update(&kind_endpoint_slice, old, next, &diags) < 0);
    assert_string_equal(diags.items[0].path, "addressType");
}

static void test_endpoint_slice__columns(void **state)
{
    (void)state;
    static const struct {
        const char *column, *object, *want;
    } cases[] = {
        {"Ports", "a: b", "<unset>"},
        {"Ports", "ports: [{port: 80}, {name: web}, {name: ''}]", "80,web,*"},
        {"Ports", "ports: [{port: 80}, {port: 81}, {port: 82}, {port: 83}]",
         "80,81,82 + 1 more..."},
        {"Endpoints", "endpoints: []", "<unset>"},
        {"Endpoints", "endpoints: [{addresses: [10.0.0.1]}, {addresses: [10.0.0.2]}]",
         "10.0.0.1,10.0.0.2"},
        {"Endpoints", "endpoints: [{addresses: [a.b, c.d, e.f, g.h]}, {addresses: [i.j]}]",
         "a.b,c.d,e.f + 2 more..."},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_cell(&kind_endpoint_slice, cases[i].column, cases[i].object, 0, cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endpoint_slice__mistakes),
        cmocka_unit_test(test_endpoint_slice__is_bounded),
        cmocka_unit_test(test_endpoint_slice__address_type_is_fixed),
        cmocka_unit_test(test_endpoint_slice__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
