#include "tools/cli/describe.h"

#include "common/base/str.h"
#include "common/data/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static char *describe(const char *yaml)
{
    cleanup(value_free) struct value *value = NULL;
    cleanup(diags_done) struct diags diags;
    struct buf text;
    diags_init(&diags);
    buf_init(&text, 0);
    assert_int_equal(yaml_parse(yaml, strlen(yaml), &value, &diags), 0);
    describe_object(value, 0, &text);
    return buf_steal(&text, NULL);
}

static void test_describe__secrets_are_told_by_size(void **state)
{
    autofree char *text = describe("kind: Secret\nmetadata: {name: s}\ntype: Opaque\n"
                                   "data: {pw: Z2VoZWlt, broken: '*', odd: 7}\n");
    (void)state;
    assert_non_null(strstr(text, "pw:                6 bytes\n"));
    assert_non_null(strstr(text, "broken:            0 bytes\n"));
    assert_null(strstr(text, "Z2VoZWlt"));
    assert_null(strstr(text, "geheim"));
}

static void test_describe__a_pod_shows_state_and_reason(void **state)
{
    autofree char *text = describe(
        "kind: Pod\nmetadata: {name: web, namespace: shop, labels: {a: b}, annotations: "
        "{kubectl.kubernetes.io/last-applied-configuration: long}}\n"
        "spec: {nodeName: pi-01, containers: [{name: app, image: i:1, command: [sh, -c], ports: "
        "[{containerPort: 80}], env: [{name: A, value: x}, {name: B, valueFrom: {secretKeyRef: "
        "{}}}]}], volumes: [{name: v, secret: {secretName: s}}]}\n"
        "status: {phase: Pending, containerStatuses: [{name: app, restartCount: 2, state: "
        "{waiting: {reason: ErrImagePull, message: gone}}}], conditions: [{type: Ready, status: "
        "'False', reason: ContainersNotReady}]}\n");
    static const char *const wanted[] = {
        "Reason:              app: ErrImagePull: gone\n",
        "  State:             waiting: ErrImagePull",
        "  Command:           sh -c\n",
        "  Ports:             80/TCP\n",
        "  Restarts:          2\n",
        "B from secretKeyRef\n",
        "v:                 secret s\n",
        "Ready              False",
        "Labels:              a=b\n",
        "Annotations:         <none>\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_non_null(strstr(text, wanted[i]));
}

static void test_describe__objects_of_any_shape_do_no_harm(void **state)
{
    static const char *const cases[] = {
        "{}",
        "kind: Pod\nspec: 1\nstatus: [a]\nmetadata: {labels: [1], annotations: x}",
        "kind: Pod\nspec: {containers: [1, {name: []}, null], volumes: [x, {name: 1, a: {}}]}",
        "kind: Node\nstatus: {addresses: [1, {}], capacity: 7, nodeInfo: []}",
        "kind: ConfigMap\ndata: {a: 1, b: [x]}\nbinaryData: [1]",
        "kind: Unheard\nspec: {a: {b: [1, 2]}}\nstatus: {conditions: [7, {}]}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *text = describe(cases[i]);
        assert_true(str_has_prefix(text, "Name: "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe__secrets_are_told_by_size),
        cmocka_unit_test(test_describe__a_pod_shows_state_and_reason),
        cmocka_unit_test(test_describe__objects_of_any_shape_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
