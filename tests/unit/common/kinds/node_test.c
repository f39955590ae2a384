#include "common/base/mem.h"
#include "load.h"

#define NODE "apiVersion: v1\nkind: Node\nmetadata: {name: pi}\n"

static void test_node__mistakes(void **state)
{
    (void)state;
    expect_mistakes(NODE, "");
    expect_mistakes(NODE "spec: {unschedulable: true, taints: [{key: a, effect: NoSchedule}]}\n",
                    "");
    expect_mistakes(NODE "spec: {taints: [{key: a, effect: NoSchedul}]}\n",
                    "line 4: spec.taints[0].effect: \"NoSchedul\": must be one of NoSchedule, "
                    "PreferNoSchedule, NoExecute\n");
    expect_mistakes(NODE "spec: {podCIDR: 10.0.0.0}\n",
                    "line 4: spec.podCIDR: \"10.0.0.0\": must be an address and a length, such as "
                    "10.0.0.0/8\n");
    expect_mistakes("apiVersion: v1\nkind: Node\nmetadata: {name: pi, namespace: x}\n",
                    "line 3: metadata.namespace: a Node is in no namespace\n");
}

static void test_node__pod_cidr_stays(void **state)
{
    (void)state;
    static const char *const changed[] = {
        "spec: {podCIDR: 10.2.0.0/24, podCIDRs: [10.2.0.0/24]}\n",
        "spec: {podCIDR: 10.1.0.0/24, podCIDRs: [10.1.0.0/24, 'fd00::/64']}\n",
        "spec: {podCIDR: 10.1.0.0/24}\n",
        "spec: {}\n",
    };
    static const char set[] = NODE "spec: {podCIDR: 10.1.0.0/24, podCIDRs: [10.1.0.0/24]}\n";
    expect_update(NODE, set, "");
    expect_update(set,
                  NODE "spec: {podCIDR: 10.1.0.0/24, podCIDRs: [10.1.0.0/24], "
                       "unschedulable: true}\n",
                  "");
    for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
        autofree char *text = xasprintf(NODE "%s", changed[i]);
        expect_update(set, text,
                      "spec.podCIDRs: node updates may not change podCIDR except from \"\" "
                      "to valid\n");
    }
    expect_update(NODE "spec: {podCIDR: 10.1.0.0/24}\n", NODE "spec: {podCIDR: 10.2.0.0/24}\n",
                  "spec.podCIDRs: node updates may not change podCIDR except from \"\" to "
                  "valid\n");
}

static void test_node__columns(void **state)
{
    (void)state;
    static const struct {
        const char *column, *object, *want;
    } cases[] = {
        {"Status", "{}", "Unknown"},
        {"Status", "status: {conditions: [{type: Ready, status: 'True'}]}", "Ready"},
        {"Status", "status: {conditions: [{type: Ready, status: Unknown}]}", "NotReady"},
        {"Status",
         "spec: {unschedulable: true}\nstatus: {conditions: [{type: Ready, status: "
         "'True'}]}",
         "Ready,SchedulingDisabled"},
        {"Roles", "{}", "<none>"},
        {"Roles",
         "metadata: {labels: {node-role.kubernetes.io/edge: '', a: b, "
         "node-role.kubernetes.io/x: ''}}",
         "edge,x"},
        {"Internal-IP",
         "status: {addresses: [{type: Hostname, address: pi}, {type: InternalIP, "
         "address: 10.0.0.5}]}",
         "10.0.0.5"},
        {"External-IP", "{}", "<none>"},
        {"Version", "status: {nodeInfo: {kubeletVersion: v1}}", "v1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_cell(&kind_node, cases[i].column, cases[i].object, 0, cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_node__mistakes),
        cmocka_unit_test(test_node__pod_cidr_stays),
        cmocka_unit_test(test_node__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
