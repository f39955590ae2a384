#include "load.h"

#define POLICY(spec_)                                                                              \
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {" spec_    \
    "}\n"
#define PEER(peer_) POLICY("ingress: [{from: [{" peer_ "}]}]")
#define PORT(port_) POLICY("egress: [{ports: [{" port_ "}]}]")
#define FROM "line 4: spec.ingress[0].from[0]"
#define END "line 4: spec.egress[0].ports[0].endPort: "

static void test_network_policy__is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text, *mistake;
    } cases[] = {
        {PEER("podSelector: {}, namespaceSelector: {}"), ""},
        {PEER("ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.128.0.0/9]}"), ""},
        {PEER(""), FROM ": must specify a peer\n"},
        {PEER("podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}"),
         FROM ": may not specify both ipBlock and another peer\n"},
        {PEER("ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}"),
         FROM ".ipBlock.except[0]: \"11.0.0.0/16\": must be a strict subset of `cidr`\n"},
        {PEER("ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}"),
         FROM ".ipBlock.except[0]: \"10.0.0.0/8\": must be a strict subset of `cidr`\n"},
        {PEER("ipBlock: {cidr: 10.0.0.0/12, except: [10.16.0.0/16]}"),
         FROM ".ipBlock.except[0]: \"10.16.0.0/16\": must be a strict subset of `cidr`\n"},
        {PEER("ipBlock: {cidr: '2001:db8::/32', except: ['2001:db8:1::/48', 10.0.0.0/8]}"),
         FROM ".ipBlock.except[1]: \"10.0.0.0/8\": must be a strict subset of `cidr`\n"},
        {PEER("ipBlock: {cidr: 10.0.0.0}"), FROM ".ipBlock.cidr: \"10.0.0.0\": must be an address "
                                                 "and a length, such as 10.0.0.0/8\n"},
        {PORT("port: http"), ""},
        {PORT("port: 80, endPort: 80"), ""},
        {PORT("port: 80, endPort: 79"), END "must be greater than or equal to `port`\n"},
        {PORT("port: http, endPort: 80"), END "may not be specified when `port` is non-numeric\n"},
        {PORT("endPort: 80"), END "may not be specified when `port` is not specified\n"},
        {PORT("port: 0"), "line 4: spec.egress[0].ports[0].port: 0: must be 1-65535\n"},
        {POLICY("policyTypes: [Ingress, Egress, Ingress]"),
         "line 4: spec.policyTypes: may not specify more than two policyTypes\n"},
        {POLICY("policyTypes: [Both]"),
         "line 4: spec.policyTypes[0]: \"Both\": must be one of Ingress, Egress\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_mistakes(cases[i].text, cases[i].mistake);
}

static void test_network_policy__types_follow_the_rules(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        const char *last;
    } cases[] = {
        {POLICY(""), 1, "Ingress"},
        {POLICY("egress: []"), 1, "Ingress"},
        {POLICY("egress: [{}]"), 2, "Egress"},
        {POLICY("policyTypes: [Egress]"), 1, "Egress"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *object = load_whole(cases[i].text);
        const struct value *types = value_path(object, "spec", "policyTypes", NULL);
        assert_int_equal(value_len(types), cases[i].count);
        assert_string_equal(value_str(value_at(types, cases[i].count - 1)), cases[i].last);
        assert_int_equal(value_type(value_path(object, "spec", "podSelector", NULL)), VALUE_MAP);
    }
    cleanup(value_free) struct value *object = load_whole(PORT("port: 53"));
    const struct value *rule = value_at(value_path(object, "spec", "egress", NULL), 0);
    assert_string_equal(value_get_str(value_at(value_get(rule, "ports"), 0), "protocol"), "TCP");
}

static void test_network_policy__columns(void **state)
{
    (void)state;
    expect_cell(&kind_network_policy, "Pod-Selector",
                "{spec: {podSelector: {matchLabels: {app: db}}}}", 0, "app=db");
    expect_cell(&kind_network_policy, "Pod-Selector", "{spec: {podSelector: {}}}", 0, "<none>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_network_policy__is_checked),
        cmocka_unit_test(test_network_policy__types_follow_the_rules),
        cmocka_unit_test(test_network_policy__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
