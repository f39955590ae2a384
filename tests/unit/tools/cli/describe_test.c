#include "tools/cli/describe.h"

#include "common/base/clock.h"
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
        "{name: db}}}]}], volumes: [{name: v, secret: {secretName: s}}]}\n"
        "status: {phase: Pending, containerStatuses: [{name: app, restartCount: 2, state: "
        "{waiting: {reason: ErrImagePull, message: gone}}}], conditions: [{type: Ready, status: "
        "'False', reason: ContainersNotReady}]}\n");
    static const char *const wanted[] = {
        "Reason:              app: ErrImagePull: gone\n",
        "  State:             waiting: ErrImagePull",
        "  Command:           sh -c\n",
        "  Ports:             80/TCP\n",
        "  Restarts:          2\n",
        "B from key ? of secret db\n",
        "v:                 secret s\n",
        "Ready              False",
        "Labels:              a=b\n",
        "Annotations:         <none>\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_non_null(strstr(text, wanted[i]));
}

static void test_describe__where_variables_come_from(void **state)
{
    autofree char *text = describe(
        "kind: Pod\nspec:\n  containers:\n  - name: app\n    envFrom:\n"
        "    - {configMapRef: {name: all}}\n    - {prefix: DB_, secretRef: {name: db}}\n    env:\n"
        "    - {name: WHO, valueFrom: {configMapKeyRef: {name: greeting, key: who}}}\n"
        "    - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}\n"
        "    - {name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}\n"
        "    - {name: NEW, valueFrom: {later: {}}}\n");
    static const char want[] = "  Environment:       * from config map all\n"
                               "                     DB_* from secret db\n"
                               "                     WHO from key who of config map greeting\n"
                               "                     IP from field status.podIP\n"
                               "                     CPU from resource limits.cpu\n"
                               "                     NEW from later\n";
    (void)state;
    assert_non_null(strstr(text, want));
}

static void test_describe__further_lines_are_indented(void **state)
{
    autofree char *text = describe("kind: Pod\nmetadata:\n  annotations: {key: \"one\\ntwo\\n\"}\n"
                                   "spec:\n  containers:\n  - name: app\n    args:\n    - |\n"
                                   "      echo 1\n\n      echo 2\n");
    (void)state;
    assert_non_null(strstr(text, "Annotations:         key=one\n                     two\nNode:"));
    assert_non_null(strstr(text, "  Args:              echo 1\n                     \n"
                                 "                     echo 2\n"));
}

static void test_describe__objects_of_any_shape_do_no_harm(void **state)
{
    static const char *const cases[] = {
        "{}",
        "kind: Pod\nspec: 1\nstatus: [a]\nmetadata: {labels: [1], annotations: x}",
        "kind: Pod\nspec: {containers: [1, {name: []}, null], volumes: [x, {name: 1, a: {}}]}",
        "kind: Node\nstatus: {addresses: [1, {}], capacity: 7, nodeInfo: []}",
        "kind: ConfigMap\ndata: {a: 1, b: [x]}\nbinaryData: [1]",
        "kind: Pod\nspec: {containers: [{env: [{valueFrom: 7}, {valueFrom: []}, 1], envFrom: [1, {}]}]}",
        "kind: Unheard\nspec: {a: {b: [1, 2]}}\nstatus: {conditions: [7, {}]}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *text = describe(cases[i]);
        assert_true(str_has_prefix(text, "Name: "));
    }
}

static char *events(const char *yaml, const char *now)
{
    cleanup(value_free) struct value *value = NULL;
    cleanup(diags_done) struct diags diags;
    struct buf text;
    int64_t wall_ns;
    diags_init(&diags);
    buf_init(&text, 0);
    assert_int_equal(yaml_parse(yaml, strlen(yaml), &value, &diags), 0);
    assert_int_equal(clock_parse(now, &wall_ns), 0);
    describe_events(value, wall_ns, &text);
    return buf_steal(&text, NULL);
}

static void test_describe__events_as_kubectl_tells_them(void **state)
{
    (void)state;
    autofree char *text = events(
        "items:\n"
        "- {type: Normal, reason: Scheduled, message: Successfully assigned a/b to c, count: 1,\n"
        "   source: {component: default-scheduler}, firstTimestamp: '2026-01-01T00:00:00Z',\n"
        "   lastTimestamp: '2026-01-01T00:00:00Z'}\n"
        "- {type: Warning, reason: Failed, message: \" two\\nlines\\n\", count: 3,\n"
        "   reportingComponent: limpetd, firstTimestamp: '2026-01-01T00:01:00Z',\n"
        "   lastTimestamp: '2026-01-01T00:04:30Z'}\n"
        "- {type: Normal, reason: New, eventTime: '2026-01-01T00:04:00.000000Z',\n"
        "   series: {count: 2, lastObservedTime: '2026-01-01T00:04:40.000000Z'}}\n"
        "- {type: Normal, reason: Bare, eventTime: '2026-01-01T00:04:55.000000Z'}\n",
        "2026-01-01T00:05:00Z");
    assert_string_equal(
        text,
        "Events:\n"
        "  Type     Reason     Age                From               Message\n"
        "  ----     ------     ---                ----               -------\n"
        "  Normal   Scheduled  5m                 default-scheduler  Successfully assigned a/b to c\n"
        "  Warning  Failed     30s (x3 over 4m)   limpetd            two lines\n"
        "  Normal   New        20s (x2 over 60s)                     \n"
        "  Normal   Bare       5s                                    \n");
}

static void test_describe__no_events(void **state)
{
    (void)state;
    autofree char *text = events("items: []\n", "2026-01-01T00:05:00Z");
    assert_string_equal(text, "Events:              <none>\n");
}

/* A node that lies cannot write lines of its own. */
static void test_describe__an_event_is_one_line(void **state)
{
    (void)state;
    autofree char *text =
        events("items: [{type: \"Normal\\nx\", message: \"a\\n  Normal  Started\\r\\tb\\n\"},"
               " 7, {source: [1], message: {}}]\n",
               "2026-01-01T00:05:00Z");
    size_t lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 6);
    assert_non_null(strstr(text, "a   Normal  Started  b\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe__secrets_are_told_by_size),
        cmocka_unit_test(test_describe__a_pod_shows_state_and_reason),
        cmocka_unit_test(test_describe__where_variables_come_from),
        cmocka_unit_test(test_describe__further_lines_are_indented),
        cmocka_unit_test(test_describe__objects_of_any_shape_do_no_harm),
        cmocka_unit_test(test_describe__events_as_kubectl_tells_them),
        cmocka_unit_test(test_describe__no_events),
        cmocka_unit_test(test_describe__an_event_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
