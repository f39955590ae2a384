#include "load.h"

#define SERVICE "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"

static void check_spec(const char *spec, const char *mistakes)
{
    char text[1024];
    snprintf(text, sizeof(text), SERVICE "spec: {%s}\n", spec);
    expect_mistakes(text, mistakes);
}

static void test_service__names(void **state)
{
    (void)state;
    expect_mistakes("apiVersion: v1\nkind: Service\nmetadata: {name: 1a}\n"
                    "spec: {ports: [{port: 80}]}\n",
                    "line 3: metadata.name: \"1a\": must begin with a letter\n");
}

static void test_service__ports(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *mistakes;
    } cases[] = {
        {"ports: [{port: 80}]", ""},
        {"selector: {a: b}", "line 4: spec.ports: required\n"},
        {"clusterIP: None", ""},
        {"type: ExternalName, externalName: db.example.com.", ""},
        {"ports: [{port: 80, targetPort: web}, {port: 81}]",
         "line 4: spec.ports[0].name: required where there are more ports\n"
         "line 4: spec.ports[1].name: required where there are more ports\n"},
        {"ports: [{name: a, port: 80}, {name: b, port: 80}]",
         "line 4: spec.ports[1]: \"80/TCP\": comes twice (first at [0])\n"},
        {"ports: [{name: a, port: 80}, {name: b, port: 80, protocol: UDP}]", ""},
        {"ports: [{name: a, port: 80}, {name: a, port: 81}]",
         "line 4: spec.ports[1].name: \"a\": comes twice (first at [0])\n"},
        {"type: NodePort, ports: [{name: a, port: 80, nodePort: 30000}, {name: b, port: 81, "
         "nodePort: 30000}]",
         "line 4: spec.ports[1].nodePort: \"30000/TCP\": comes twice (first at [0])\n"},
        {"ports: [{port: 80, nodePort: 30000}]",
         "line 4: spec.ports[0].nodePort: may not be used when `type` is 'ClusterIP'\n"},
        {"type: LoadBalancer, ports: [{port: 10250}]",
         "line 4: spec.ports[0].port: may not expose port 10250 externally since it is used by "
         "kubelet\n"},
        {"ports: [{port: 80, targetPort: 70000}]",
         "line 4: spec.ports[0].targetPort: 70000: must be 0-65535\n"},
        {"ports: [{port: 80, targetPort: ''}]", ""},
        {"ports: [{port: 80, targetPort: -web}]",
         "line 4: spec.ports[0].targetPort: \"-web\": must be a-z, 0-9 and '-', beginning and "
         "ending with a letter or digit\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_spec(cases[i].spec, cases[i].mistakes);
}

static void test_service__fields_of_types(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *mistakes;
    } cases[] = {
        {"loadBalancerClass: a, ports: [{port: 80}]",
         "line 4: spec.loadBalancerClass: may only be used when `type` is 'LoadBalancer'\n"},
        {"allocateLoadBalancerNodePorts: false, ports: [{port: 80}]",
         "line 4: spec.allocateLoadBalancerNodePorts: may only be used when `type` is "
         "'LoadBalancer'\n"},
        {"type: ExternalName, externalName: a.b, clusterIP: 10.0.0.1",
         "line 4: spec.clusterIP: may not be set for ExternalName services\n"},
        {"type: ExternalName", "line 4: spec.externalName: required with type ExternalName\n"},
        {"type: ExternalName, externalName: -a.b",
         "line 4: spec.externalName: \"-a.b\": must be a-z, 0-9, '-' and '.', each part beginning "
         "and ending with a letter or digit\n"},
        {"externalTrafficPolicy: Local, ports: [{port: 80}]",
         "line 4: spec.externalTrafficPolicy: may only be set for externally-accessible services\n"},
        {"externalTrafficPolicy: Local, externalIPs: [192.0.2.1], ports: [{port: 80}]", ""},
        {"type: NodePort, healthCheckNodePort: 30001, ports: [{port: 80}]",
         "line 4: spec.healthCheckNodePort: may only be set when `type` is 'LoadBalancer' and "
         "`externalTrafficPolicy` is 'Local'\n"},
        {"type: Loadbalancer, ports: [{port: 80}]",
         "line 4: spec.type: \"Loadbalancer\": did you mean LoadBalancer?\n"},
        {"sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 86401}}, "
         "ports: [{port: 80}]",
         "line 4: spec.sessionAffinityConfig.clientIP.timeoutSeconds: must be greater than 0 and "
         "less than 86400\n"},
        {"externalIPs: [127.0.0.1], ports: [{port: 80}]",
         "line 4: spec.externalIPs[0]: \"127.0.0.1\": may not be in the loopback range "
         "(127.0.0.0/8, ::1/128)\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_spec(cases[i].spec, cases[i].mistakes);
}

static void test_service__addresses(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *mistakes;
    } cases[] = {
        {"clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, 'fd00::1'], ipFamilies: [IPv4, IPv6], "
         "ipFamilyPolicy: PreferDualStack",
         ""},
        {"clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, 'fd00::1'], ipFamilyPolicy: SingleStack",
         "line 4: spec.ipFamilyPolicy: must be 'RequireDualStack' or 'PreferDualStack' when "
         "multiple 'clusterIPs' are specified\n"},
        {"clusterIP: 10.0.0.2, clusterIPs: [10.0.0.1]",
         "line 4: spec.clusterIPs: first value must match `clusterIP`\n"},
        {"clusterIPs: [10.0.0.1]",
         "line 4: spec.clusterIPs: must be empty when `clusterIP` is not specified\n"},
        {"clusterIP: ten", "line 4: spec.clusterIP: \"ten\": must be an IP address\n"},
        {"clusterIP: None, clusterIPs: [None, 10.0.0.1]",
         "line 4: spec.clusterIPs[0]: 'None' must be the first and only value\n"},
        {"clusterIP: None, type: NodePort",
         "line 4: spec.clusterIP: may not be set to 'None' for NodePort services\n"},
        {"clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1], ipFamilies: [IPv6]",
         "line 4: spec.clusterIPs[0]: \"10.0.0.1\": expected an IPv6 value as indicated by "
         "`ipFamilies[0]`\n"},
        {"ipFamilies: [IPv4, IPv4]", "line 4: spec.ipFamilies: holds the same twice\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char spec[512];
        snprintf(spec, sizeof(spec), "ports: [{port: 80}], %s", cases[i].spec);
        check_spec(spec, cases[i].mistakes);
    }
}

static void test_service__defaults(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *want;
    } cases[] = {
        {"ports: [{port: 80}], sessionAffinityConfig: {}",
         "{\"ports\":[{\"port\":80,\"protocol\":\"TCP\",\"targetPort\":80}],\"type\":\"ClusterIP\","
         "\"sessionAffinity\":\"None\",\"internalTrafficPolicy\":\"Cluster\"}"},
        {"type: LoadBalancer, ports: [{port: 80, targetPort: web}], clusterIP: 10.0.0.1",
         "{\"type\":\"LoadBalancer\",\"ports\":[{\"port\":80,\"targetPort\":\"web\",\"protocol\":"
         "\"TCP\"}],\"clusterIP\":\"10.0.0.1\",\"sessionAffinity\":\"None\","
         "\"externalTrafficPolicy\":\"Cluster\",\"internalTrafficPolicy\":\"Cluster\","
         "\"allocateLoadBalancerNodePorts\":true,\"clusterIPs\":[\"10.0.0.1\"]}"},
        {"type: ExternalName, externalName: a.b, sessionAffinity: ClientIP",
         "{\"type\":\"ExternalName\",\"externalName\":\"a.b\",\"sessionAffinity\":\"ClientIP\","
         "\"sessionAffinityConfig\":{\"clientIP\":{\"timeoutSeconds\":10800}}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        cleanup(buf_done) struct buf got = {0};
        snprintf(text, sizeof(text), SERVICE "spec: {%s}\n", cases[i].spec);
        cleanup(value_free) struct value *objects = load(text);
        json_write(value_get(value_at(objects, 0), "spec"), &got);
        assert_string_equal(buf_str(&got), cases[i].want);
    }
}

static void test_service__updates(void **state)
{
    (void)state;
    static const char port[] = ", ports: [{port: 80}]}\n";
    static const struct {
        const char *before, *after, *mistakes;
    } cases[] = {
        {"clusterIP: 10.0.0.1", "clusterIP: 10.0.0.1", ""},
        {"type: ClusterIP", "clusterIP: 10.0.0.1", ""},
        {"clusterIP: 10.0.0.1", "clusterIP: 10.0.0.2",
         "spec.clusterIPs[0]: \"10.0.0.2\": may not change once set\n"},
        {"clusterIP: 10.0.0.1", "type: ExternalName, externalName: a.b", ""},
        {"type: LoadBalancer, loadBalancerClass: a", "type: LoadBalancer, loadBalancerClass: b",
         "spec.loadBalancerClass: may not change once set\n"},
        {"type: LoadBalancer, loadBalancerClass: a", "type: NodePort", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char before[512], after[512];
        snprintf(before, sizeof(before), SERVICE "spec: {%s%s", cases[i].before, port);
        snprintf(after, sizeof(after), SERVICE "spec: {%s%s", cases[i].after, port);
        expect_update(before, after, cases[i].mistakes);
    }
}

static void test_service__columns(void **state)
{
    (void)state;
    static const struct {
        const char *column, *object, *want;
    } cases[] = {
        {"Cluster-IP", "spec: {}", "<none>"},
        {"Cluster-IP", "spec: {clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, 'fd00::1']}",
         "10.0.0.1"},
        {"External-IP", "spec: {type: ClusterIP}", "<none>"},
        {"External-IP", "spec: {type: NodePort, externalIPs: [192.0.2.1, 192.0.2.2]}",
         "192.0.2.1,192.0.2.2"},
        {"External-IP", "spec: {type: LoadBalancer}", "<pending>"},
        {"External-IP",
         "spec: {type: LoadBalancer, externalIPs: [192.0.2.1]}\n"
         "status: {loadBalancer: {ingress: [{ip: 192.0.2.9}, {hostname: lb.example.com}]}}",
         "192.0.2.9,lb.example.com,192.0.2.1"},
        {"External-IP", "spec: {type: ExternalName, externalName: a.b}", "a.b"},
        {"External-IP", "spec: {type: Odd}", "<unknown>"},
        {"Port(s)", "spec: {}", "<none>"},
        {"Port(s)",
         "spec: {ports: [{port: 80, protocol: TCP, nodePort: 30080}, {port: 53, protocol: UDP}]}",
         "80:30080/TCP,53/UDP"},
        {"Selector", "spec: {selector: {b: c, a: d}}", "a=d,b=c"},
        {"Selector", "spec: {}", "<none>"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_cell(&kind_service, cases[i].column, cases[i].object, 0, cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_service__names),           cmocka_unit_test(test_service__ports),
        cmocka_unit_test(test_service__fields_of_types), cmocka_unit_test(test_service__addresses),
        cmocka_unit_test(test_service__defaults),        cmocka_unit_test(test_service__updates),
        cmocka_unit_test(test_service__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
