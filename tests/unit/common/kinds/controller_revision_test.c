#include "load.h"

#define HEAD "apiVersion: apps/v1\nkind: ControllerRevision\nmetadata: {name: web-1}\n"

static void test_controller_revision__never_changes(void **state)
{
    (void)state;
    expect_mistakes(HEAD "revision: 1\n", "line 1: data: required\n");
    expect_mistakes(HEAD "revision: -1\ndata: {}\n", "line 4: revision: -1: must be at least 0\n");
    expect_update(HEAD "revision: 1\ndata: {spec: {a: 1}}\n",
                  HEAD "revision: 2\ndata: {spec: {a: 1}}\n", "");
    expect_update(HEAD "revision: 1\ndata: {spec: {a: 1}}\n",
                  HEAD "revision: 1\ndata: {spec: {a: 2}}\n", "data: field is immutable\n");
}

#define OWNER "{kind: DaemonSet, name: agent, apiVersion: apps/v1, uid: u, controller: true}"

static void test_controller_revision__columns(void **state)
{
    (void)state;
    static const struct {
        const char *column, *object, *want;
    } cases[] = {
        {"Controller", "metadata: {ownerReferences: [{kind: X, name: y}, " OWNER "]}",
         "daemonset.apps/agent"},
        {"Controller",
         "metadata: {ownerReferences: [{kind: Node, name: n, apiVersion: v1, controller: true}]}",
         "node/n"},
        {"Controller", "{}", "<none>"},
        {"Revision", "{revision: 4}", "4"},
        {"Revision", "{}", "0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_cell(&kind_controller_revision, cases[i].column, cases[i].object, 0, cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_controller_revision__never_changes),
        cmocka_unit_test(test_controller_revision__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
