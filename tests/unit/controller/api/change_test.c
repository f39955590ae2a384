#include "controller/api/change.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define NOW (INT64_C(1795000000) * NS_PER_S)
#define POD "{metadata: {name: web}, spec: {containers: [{name: a, image: i}]}}"

static struct rng_seeded rng;

static struct value *parse(const char *text)
{
    struct value *object = NULL;
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    assert_int_equal(yaml_parse(text, strlen(text), &object, &diags), 0);
    return object;
}

static struct change_env env_of(const struct schema_kind *kind, const char *name, unsigned flags)
{
    return (struct change_env){
        {kind, kind->namespaced ? "default" : "", name}, flags, NOW, &rng.rng, CHANGE_NS_ACTIVE};
}

/* A stored object of that kind: created, with revision 5. */
static struct value *stored_of(const struct schema_kind *kind, const char *text)
{
    cleanup(value_free) struct value *input = parse(text);
    struct change_env env = env_of(kind, object_name(input), 0);
    struct change change;
    change_create(&env, NULL, input, &change);
    assert_int_equal(change.action, CHANGE_PUT);
    struct value *object = steal(change.object);
    change_done(&change);
    value_set_str(value_get(object, "metadata"), "resourceVersion", "5");
    return object;
}

static const char *reason(const struct change *change)
{
    return value_get_str(change->object, "reason");
}

static void check_create(const struct change_env *env, const char *text, int code, const char *want)
{
    cleanup(value_free) struct value *input = parse(text);
    struct change change;
    change_create(env, NULL, input, &change);
    print_message("%s: %s\n", text, code >= 400 ? value_get_str(change.object, "message") : "");
    assert_int_equal(change.code, code);
    assert_int_equal(change.action, code >= 400 ? CHANGE_REFUSE : CHANGE_PUT);
    if (want)
        assert_string_equal(reason(&change), want);
    change_done(&change);
}

static void test_change__create(void **state)
{
    (void)state;
    struct change_env env = env_of(&kind_pod, "web", 0);
    check_create(&env, POD, 201, NULL);
    check_create(&env,
                 "{kind: Pod, apiVersion: v1, metadata: {name: web, namespace: default}, spec: "
                 "{containers: [{name: a, image: i}]}}",
                 201, NULL);
    check_create(&env, "{kind: Node, metadata: {name: web}}", 400, "BadRequest");
    check_create(&env, "{apiVersion: v2, metadata: {name: web}}", 400, "BadRequest");
    check_create(&env, "{metadata: {name: other}}", 400, "BadRequest");
    check_create(&env, "{metadata: {name: web, namespace: shop}}", 400, "BadRequest");
    check_create(&env, "{metadata: {name: web, resourceVersion: '5'}}", 400, "BadRequest");
    check_create(&env, "{metadata: 5}", 400, "BadRequest");
    check_create(&env, "[1]", 400, "BadRequest");
    check_create(&env, "{metadata: {name: web}, spec: {containers: []}}", 422, "Invalid");
    check_create(&env,
                 "{metadata: {name: web}, spec: {containers: [{name: a, image: i, imag: x}]}}", 400,
                 "BadRequest");
    env.ref.name = "";
    check_create(&env, "{spec: {containers: [{name: a, image: i}]}}", 422, "Invalid");
    env = env_of(&kind_pod, "web", 0);
    env.ns_state = CHANGE_NS_MISSING;
    check_create(&env, POD, 404, "NotFound");
    env.ns_state = CHANGE_NS_TERMINATING;
    check_create(&env, POD, 403, "Forbidden");
}

#define SERVICE(more) "{metadata: {name: web}, spec: {" more "}}"
#define ADDRESS "clusterIP: 10.0.0.9, clusterIPs: [10.0.0.9]"
#define NODE_PORTS                                                                                 \
    "type: NodePort, ports: [{name: a, port: 80, nodePort: 30080}, {name: b, port: 81, nodePort: " \
    "30081}], " ADDRESS

/* What a manifest that is written again does not know of the service. */
static void test_change__a_service_keeps_what_it_was_given(void **state)
{
    static const struct {
        const char *stored, *sent, *want;
    } cases[] = {
        {"ports: [{port: 80}], " ADDRESS, "ports: [{port: 80}]", "ports: [{port: 80}], " ADDRESS},
        {"ports: [{port: 80}], " ADDRESS, "type: ExternalName, externalName: a.b",
         "type: ExternalName, externalName: a.b"},
        {NODE_PORTS,
         "type: NodePort, ports: [{name: a, port: 90}, {name: c, port: 91, nodePort: 30081}, {name: "
         "b, port: 81}]",
         "type: NodePort, ports: [{name: a, port: 90, nodePort: 30080}, {name: c, port: 91, "
         "nodePort: 30081}, {name: b, port: 81}], " ADDRESS},
        {NODE_PORTS, "ports: [{name: a, port: 80}]", "ports: [{name: a, port: 80}], " ADDRESS},
        {"type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 30500, ports: "
         "[{port: 80, nodePort: 30080}]",
         "type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80}]",
         "type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 30500, ports: "
         "[{port: 80, nodePort: 30080}]"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[3][512];
        const char *const specs[] = {cases[i].stored, cases[i].sent, cases[i].want};
        for (size_t j = 0; j < 3; j++)
            snprintf(text[j], sizeof(text[j]), SERVICE("%s"), specs[j]);
        cleanup(value_free) struct value *stored = stored_of(&kind_service, text[0]);
        cleanup(value_free) struct value *input = parse(text[1]);
        cleanup(value_free) struct value *want = stored_of(&kind_service, text[2]);
        struct change_env env = env_of(&kind_service, "web", 0);
        struct change change;
        change_update(&env, stored, input, &change);
        print_message("%s: %d\n", text[1], change.code);
        assert_int_equal(change.code, 200);
        cleanup(buf_done) struct buf got = {0}, wanted = {0};
        json_write_canonical(value_get(change.object, "spec"), &got);
        json_write_canonical(value_get(want, "spec"), &wanted);
        assert_string_equal(buf_str(&got), buf_str(&wanted));
        change_done(&change);
    }
}

/* What is wrong with an object is told before there being one of its name already. */
static void test_change__create_again(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *reason;
    } cases[] = {
        {POD, 409, "AlreadyExists"},
        {"{metadata: {name: web}, spec: {containers: []}}", 422, "Invalid"},
        {"{kind: Node, metadata: {name: web}}", 400, "BadRequest"},
    };
    (void)state;
    cleanup(value_free) struct value *stored = stored_of(&kind_pod, POD);
    struct change_env env = env_of(&kind_pod, "web", 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *input = parse(cases[i].text);
        struct change change;
        change_create(&env, stored, input, &change);
        assert_int_equal(change.action, CHANGE_REFUSE);
        assert_int_equal(change.code, cases[i].code);
        assert_string_equal(reason(&change), cases[i].reason);
        change_done(&change);
    }
}

/* Of what has none, manifests say one all the same; a namespace itself among it. */
static void test_change__a_namespace_of_what_has_none(void **state)
{
    (void)state;
    static const struct schema_kind *const kinds[] = {&kind_node, &kind_namespace};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        cleanup(value_free) struct value *object =
            stored_of(kinds[i], "{metadata: {name: web, namespace: shop, labels: {a: b}}}");
        assert_null(value_path(object, "metadata", "namespace", NULL));
        assert_non_null(value_path(object, "metadata", "labels", "a", NULL));
    }
}

/* What a client says of it does not count; the table's defaults do. */
static void test_change__first_status(void **state)
{
    (void)state;
    static const struct {
        const struct schema_kind *kind;
        const char *text, *phase;
    } cases[] = {
        {&kind_pod,
         "{metadata: {name: a}, status: {phase: Failed}, spec: {containers: [{name: a, "
         "image: i}]}}",
         "Pending"},
        {&kind_persistent_volume_claim,
         "{metadata: {name: a}, status: {phase: Bound}, spec: {accessModes: [ReadWriteOnce], "
         "resources: {requests: {storage: 1Gi}}}}",
         "Pending"},
        {&kind_namespace, "{metadata: {name: a}}", "Active"},
        {&kind_config_map, "{metadata: {name: a}}", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *object = stored_of(cases[i].kind, cases[i].text);
        const struct value *status = value_get(object, "status");
        assert_int_equal(!status, !cases[i].phase);
        if (cases[i].phase)
            assert_string_equal(value_get_str(status, "phase"), cases[i].phase);
    }
}

static void test_change__unknown_fields(void **state)
{
    (void)state;
    const char *text =
        "{metadata: {name: web}, spec: {containers: [{name: a, image: i, imag: x}], foo: {bar: 1}}}";
    cleanup(value_free) struct value *input = parse(text);
    for (int warn = 0; warn < 2; warn++) {
        struct change change;
        struct change_env env =
            env_of(&kind_pod, "web", warn ? API_WARN_UNKNOWN : API_DROP_UNKNOWN);
        change_create(&env, NULL, input, &change);
        assert_int_equal(change.code, 201);
        assert_int_equal(change.warnings.count, warn ? 2 : 0);
        assert_null(value_path(change.object, "spec", "foo", NULL));
        change_done(&change);
    }
}

static void test_change__invalid_names_every_mistake(void **state)
{
    (void)state;
    cleanup(value_free) struct value *input = parse(
        "{metadata: {name: web}, spec: {containers: [{name: A_, image: i, ports: [{containerPort: 70000}]}]}}");
    struct change_env env = env_of(&kind_pod, "web", 0);
    struct change change;
    change_create(&env, NULL, input, &change);
    assert_int_equal(change.code, 422);
    const struct value *causes = value_path(change.object, "details", "causes", NULL);
    assert_true(value_len(causes) >= 2);
    assert_true(
        str_has_prefix(value_get_str(change.object, "message"), "Pod \"web\" is invalid: ["));
    for (size_t i = 0; i < value_len(causes); i++) {
        assert_non_null(value_get_str(value_at(causes, i), "field"));
        assert_non_null(value_get_str(value_at(causes, i), "reason"));
        assert_non_null(value_get_str(value_at(causes, i), "message"));
    }
    change_done(&change);
}

/* Edits a stored pod by laying `text` over metadata and spec, and updates with it. */
static void check_update(const char *field, const char *text, unsigned flags,
                         enum change_action action, int code, int64_t generation)
{
    cleanup(value_free) struct value *stored = stored_of(&kind_pod, POD);
    cleanup(value_free) struct value *input = value_copy(stored);
    cleanup(value_free) struct value *over = parse(text);
    struct value *at = *field ? value_get(input, field) : input;
    for (size_t i = 0; i < value_len(over); i++)
        value_set(at, value_key_at(over, i), value_copy(value_at(over, i)));
    struct change_env env = env_of(&kind_pod, "web", flags);
    struct change change;
    change_update(&env, stored, input, &change);
    print_message("%s %s: %s\n", field, text,
                  code >= 400 ? value_get_str(change.object, "message") : "");
    assert_int_equal(change.code, code);
    assert_int_equal(change.action, action);
    if (code < 400)
        assert_int_equal(value_get_int(value_get(change.object, "metadata"), "generation", 0),
                         generation);
    change_done(&change);
}

static void test_change__update(void **state)
{
    (void)state;
    check_update("", "{}", 0, CHANGE_KEEP, 200, 1);
    check_update("metadata", "{labels: {a: b}}", 0, CHANGE_PUT, 200, 1);
    check_update("metadata", "{resourceVersion: '4'}", 0, CHANGE_REFUSE, 409, 0);
    check_update("metadata", "{resourceVersion: ''}", 0, CHANGE_KEEP, 200, 1);
    check_update("metadata", "{resourceVersion: null}", 0, CHANGE_KEEP, 200, 1);
    /* Not understood is not the same as not asked. */
    check_update("metadata", "{resourceVersion: 5}", 0, CHANGE_REFUSE, 400, 0);
    check_update("metadata", "{resourceVersion: ['4']}", 0, CHANGE_REFUSE, 400, 0);
    check_update("metadata", "{uid: 7}", 0, CHANGE_REFUSE, 400, 0);
    check_update("metadata", "{uid: other}", 0, CHANGE_REFUSE, 409, 0);
    check_update("metadata", "{generation: 9, creationTimestamp: null}", 0, CHANGE_KEEP, 200, 1);
    check_update("spec", "{containers: [{name: a, image: j}]}", 0, CHANGE_PUT, 200, 2);
    check_update("spec", "{containers: [{name: b, image: i}]}", 0, CHANGE_REFUSE, 422, 0);
    check_update("spec", "{nodeName: pi}", 0, CHANGE_PUT, 200, 2);
    check_update("status", "{phase: Running}", 0, CHANGE_KEEP, 200, 1);
    check_update("status", "{phase: Running}", API_STATUS, CHANGE_PUT, 200, 1);
    check_update("spec", "{containers: [{name: a, image: j}]}", API_STATUS, CHANGE_KEEP, 200, 1);
    check_update("status", "{phase: 5}", API_STATUS, CHANGE_REFUSE, 422, 0);
}

static void test_change__a_bound_pod_stays_where_it_is(void **state)
{
    (void)state;
    cleanup(value_free) struct value *stored = stored_of(&kind_pod, POD);
    value_set_str(value_get(stored, "spec"), "nodeName", "pi");
    cleanup(value_free) struct value *input = value_copy(stored);
    value_set_str(value_get(input, "spec"), "nodeName", "other");
    struct change_env env = env_of(&kind_pod, "web", 0);
    struct change change;
    change_update(&env, stored, input, &change);
    assert_int_equal(change.code, 422);
    change_done(&change);
}

static void test_change__immutable_data(void **state)
{
    (void)state;
    cleanup(value_free) struct value *stored =
        stored_of(&kind_config_map, "{metadata: {name: c}, data: {a: b}, immutable: true}");
    cleanup(value_free) struct value *input = value_copy(stored);
    value_set_str(value_get(input, "data"), "a", "c");
    struct change_env env = env_of(&kind_config_map, "c", 0);
    struct change change;
    change_update(&env, stored, input, &change);
    assert_int_equal(change.code, 422);
    change_done(&change);
}

/* The selector of a Job names its uid, which nobody knows before it is there. */
static void test_change__a_job_gets_its_selector(void **state)
{
    (void)state;
    cleanup(value_free) struct value *job = stored_of(
        &kind_job, "{metadata: {name: sum}, spec: {template: {spec: {restartPolicy: Never, "
                   "containers: [{name: a, image: i}]}}}}");
    const struct value *wanted = value_path(job, "spec", "selector", "matchLabels", NULL);
    assert_int_equal(value_len(wanted), 1);
    assert_string_equal(value_str(value_at(wanted, 0)), object_uid(job));
    assert_string_equal(value_str(value_path(job, "spec", "template", "metadata", "labels",
                                             value_key_at(wanted, 0), NULL)),
                        object_uid(job));
    cleanup(value_free) struct value *input = value_copy(job); /* it is taken as it was given */
    value_set_int(value_get(input, "spec"), "parallelism", 2);
    struct change_env env = env_of(&kind_job, "sum", 0);
    struct change change;
    change_update(&env, job, input, &change);
    assert_int_equal(change.code, 200);
    change_done(&change);
}

static int setup(void **state)
{
    (void)state;
    rng_seeded_init(&rng, 3);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_change__create),
        cmocka_unit_test(test_change__create_again),
        cmocka_unit_test(test_change__a_service_keeps_what_it_was_given),
        cmocka_unit_test(test_change__a_namespace_of_what_has_none),
        cmocka_unit_test(test_change__first_status),
        cmocka_unit_test(test_change__unknown_fields),
        cmocka_unit_test(test_change__invalid_names_every_mistake),
        cmocka_unit_test(test_change__update),
        cmocka_unit_test(test_change__a_bound_pod_stays_where_it_is),
        cmocka_unit_test(test_change__immutable_data),
        cmocka_unit_test(test_change__a_job_gets_its_selector),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
