/* Server-side apply, through the API. */

#include "controller/api/server_apply.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/api/status.h"
#include "tests/unit/controller/lib/documents.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct result {
    int code;
    bool unchanged;
    size_t warnings;
    struct value *object;
};

static void on_done(void *ctx, const struct api_answer *answer)
{
    struct result *result = ctx;
    result->code = answer->code;
    result->unchanged = answer->unchanged;
    result->warnings = answer->warnings ? answer->warnings->count : 0;
    result->object = value_copy(answer->object);
}

static const char *const masters[] = {"system:masters", NULL};

/* Fails if the code is another; the caller's. */
static struct value *apply_with(struct world *world, const char *manager, bool force,
                                unsigned flags, const struct schema_kind *kind, const char *text,
                                int code)
{
    struct result result = {0};
    const struct api_user user = {"admin", masters, manager};
    const struct api_ref ref = {kind, "default", "a"};
    cleanup(value_free) struct value *object = document(text);
    api_server_apply(world->api, &user, &ref, object, force, flags, on_done, &result);
    for (int i = 0; i < 100 && !result.code; i++)
        assert_int_equal(loop_step(world->loop, 0), 0);
    print_message("%s: %s: %d %s\n", manager, text, result.code,
                  result.code >= 400 ? value_get_str(result.object, "message") : "");
    assert_int_equal(result.code, code);
    return result.object;
}

static void apply(struct world *world, const char *manager, const char *text, int code)
{
    value_free(apply_with(world, manager, false, 0, &kind_config_map, text, code));
}

static void assert_data(struct world *world, const char *want)
{
    cleanup(value_free) struct value *object = get(world, &kind_config_map, "default", "a");
    assert_document(value_get(object, "data"), want);
}

/* Lays a merge patch over the object in somebody's name. */
static void change(struct world *world, const char *manager, const char *text)
{
    struct result result = {0};
    const struct api_user user = {"admin", masters, manager};
    const struct api_ref ref = {&kind_config_map, "default", "a"};
    cleanup(value_free) struct value *patch = document(text);
    api_patch(world->api, &user, &ref, PATCH_MERGE, patch, 0, on_done, &result);
    for (int i = 0; i < 100 && !result.code; i++)
        assert_int_equal(loop_step(world->loop, 0), 0);
    assert_int_equal(result.code, 200);
    value_free(result.object);
}

static void test_server_apply__owners(void **state)
{
    (void)state;
    struct world *world = world_new();
    apply(world, "one", "{data: {a: '1', b: '2'}}", 201);
    apply(world, "two", "{data: {c: '3', b: '2'}}", 200);
    assert_data(world, "{a: '1', b: '2', c: '3'}");
    /* what one gives up goes unless two has it as well */
    apply(world, "one", "{data: {d: '4'}}", 200);
    assert_data(world, "{b: '2', c: '3', d: '4'}");
    apply(world, "two", "{data: {c: '3'}}", 200);
    assert_data(world, "{c: '3', d: '4'}");
    cleanup(value_free) struct value *object = get(world, &kind_config_map, "default", "a");
    const struct value *entries = value_path(object, "metadata", "managedFields", NULL);
    assert_int_equal(value_len(entries), 2);
    assert_string_equal(value_get_str(value_at(entries, 0), "manager"), "one");
    assert_string_equal(value_get_str(value_at(entries, 0), "operation"), "Apply");
    assert_string_equal(value_get_str(value_at(entries, 0), "apiVersion"), "v1");
    assert_string_equal(value_get_str(value_at(entries, 0), "fieldsType"), "FieldsV1");
    assert_document(value_get(value_at(entries, 0), "fieldsV1"), "{'f:data': {'f:d': {}}}");
    world_free(world);
}

static void test_server_apply__conflicts(void **state)
{
    (void)state;
    struct world *world = world_new();
    apply(world, "one", "{data: {a: '1', b: '2', c: '3'}}", 201);
    cleanup(value_free) struct value *status =
        apply_with(world, "two", false, 0, &kind_config_map, "{data: {a: x}}", 409);
    assert_string_equal(value_get_str(status, "message"),
                        "Apply failed with 1 conflict: conflict with \"one\": .data.a");
    assert_string_equal(value_get_str(status, "reason"), "Conflict");
    const struct value *cause = value_at(value_path(status, "details", "causes", NULL), 0);
    assert_string_equal(value_get_str(cause, "reason"), "FieldManagerConflict");
    assert_string_equal(value_get_str(cause, "message"), "conflict with \"one\"");
    assert_string_equal(value_get_str(cause, "field"), ".data.a");
    cleanup(value_free) struct value *more =
        apply_with(world, "two", false, 0, &kind_config_map, "{data: {a: x, b: y, c: '3'}}", 409);
    assert_string_equal(
        value_get_str(more, "message"),
        "Apply failed with 2 conflicts: conflicts with \"one\":\n- .data.a\n- .data.b");
    assert_data(world, "{a: '1', b: '2', c: '3'}");
    value_free(apply_with(world, "two", true, 0, &kind_config_map, "{data: {a: x}}", 200));
    assert_data(world, "{a: x, b: '2', c: '3'}");
    apply(world, "one", "{data: {a: '1', b: '2'}}", 409);
    apply(world, "one", "{data: {b: '2'}}", 200);
    assert_data(world, "{a: x, b: '2'}");
    world_free(world);
}

static void test_server_apply__updates_take_over(void **state)
{
    (void)state;
    struct world *world = world_new();
    apply(world, "one", "{data: {a: '1', b: '2'}}", 201);
    change(world, "editor", "{data: {a: x, c: y}}");
    cleanup(value_free) struct value *object = get(world, &kind_config_map, "default", "a");
    const struct value *entries = value_path(object, "metadata", "managedFields", NULL);
    assert_int_equal(value_len(entries), 2);
    assert_string_equal(value_get_str(value_at(entries, 1), "operation"), "Update");
    assert_document(value_get(value_at(entries, 1), "fieldsV1"), "{'f:data': {'f:a': {}}}");
    cleanup(value_free) struct value *status =
        apply_with(world, "one", false, 0, &kind_config_map, "{data: {a: '1', b: '2'}}", 409);
    assert_true(
        str_has_prefix(value_get_str(status, "message"),
                       "Apply failed with 1 conflict: conflict with \"editor\" using v1 at "));
    value_free(
        apply_with(world, "one", true, 0, &kind_config_map, "{data: {a: '1', b: '2'}}", 200));
    change(world, "editor", "{data: {b: null}}");
    cleanup(value_free) struct value *last = get(world, &kind_config_map, "default", "a");
    entries = value_path(last, "metadata", "managedFields", NULL);
    assert_int_equal(value_len(entries), 1);
    assert_document(value_get(value_at(entries, 0), "fieldsV1"), "{'f:data': {'f:a': {}}}");
    world_free(world);
}

static void test_server_apply__same_again_writes_nothing(void **state)
{
    (void)state;
    struct world *world = world_new();
    static const char text[] =
        "{spec: {containers: [{name: b, image: i, resources: {limits: {cpu: 1000m}}}, {name: a, "
        "image: j, ports: [{containerPort: 53, protocol: UDP}]}]}}";
    cleanup(value_free) struct value *first =
        apply_with(world, "one", false, 0, &kind_pod, text, 201);
    cleanup(value_free) struct value *again =
        apply_with(world, "one", false, 0, &kind_pod, text, 200);
    assert_true(value_equal(first, again));
    /* another who wants the same, written differently, is no conflict */
    value_free(apply_with(world, "two", false, 0, &kind_pod,
                          "{spec: {containers: [{name: b, resources: {limits: {cpu: 1}}}]}}", 200));
    value_free(apply_with(world, "two", false, 0, &kind_pod,
                          "{spec: {containers: [{name: b, resources: {limits: {cpu: 2}}}]}}", 422));
    world_free(world);
}

static void test_server_apply__lists(void **state)
{
    (void)state;
    struct world *world = world_new();
    static const char *const ones =
        "{metadata: {finalizers: [x/x]}, template: {spec: {containers: [{name: a, image: i, env: "
        "[{name: A, value: x}]}]}}}";
    value_free(apply_with(world, "one", false, 0, &kind_pod_template, ones, 201));
    value_free(
        apply_with(world, "two", false, 0, &kind_pod_template,
                   "{metadata: {finalizers: [y/y]}, template: {spec: {containers: [{name: a, "
                   "env: [{name: B, value: y}]}, {name: b, image: j}]}}}",
                   200));
    cleanup(value_free) struct value *object = apply_with(
        world, "two", false, 0, &kind_pod_template, "{metadata: {finalizers: [y/y]}}", 200);
    const struct value *containers = value_path(object, "template", "spec", "containers", NULL);
    assert_int_equal(value_len(containers), 1);
    assert_document(value_get(value_at(containers, 0), "env"), "[{name: A, value: x}]");
    assert_int_equal(value_len(value_path(object, "metadata", "finalizers", NULL)), 2);
    world_free(world);
}

static char *owned(const struct value *object, const char *manager)
{
    const struct value *entries = value_path(object, "metadata", "managedFields", NULL);
    for (size_t i = 0; i < value_len(entries); i++) {
        cleanup(buf_done) struct buf text = {0};
        if (!str_eq(value_get_str(value_at(entries, i), "manager"), manager))
            continue;
        json_write(value_get(value_at(entries, i), "fieldsV1"), &text);
        return buf_steal(&text, NULL);
    }
    return NULL;
}

/* Maps with one owner: who applies another has the whole of it, and conflicts over it. */
static void test_server_apply__whole_maps(void **state)
{
#define PORTS(map) "{spec: {ports: [{port: 80}], selector: " map "}}"
    (void)state;
    struct world *world = world_new();
    value_free(apply_with(world, "one", false, 0, &kind_service, PORTS("{a: b}"), 201));
    value_free(
        apply_with(world, "two", false, 0, &kind_service, "{spec: {selector: {c: d}}}", 409));
    cleanup(value_free) struct value *service =
        apply_with(world, "two", true, 0, &kind_service, "{spec: {selector: {c: d}}}", 200);
    assert_document(value_path(service, "spec", "selector", NULL), "{c: d}");
    autofree char *two = owned(service, "two");
    assert_string_equal(two, "{\"f:spec\":{\"f:selector\":{}}}");
    world_free(world);
}

static void test_server_apply__refusals(void **state)
{
    (void)state;
    struct world *world = world_new();
    apply(world, "one", "[1]", 400);
    apply(world, "one", "{metadata: {managedFields: [{manager: x}]}}", 400);
    apply(world, "one", "{metadata: {name: other}}", 400);
    apply(world, "", "{data: {a: b}}", 422);
    apply(world, "one", "{kind: Secret}", 400);
    apply(world, "one", "{data: {a: [b]}}", 422);
    apply(world, "one", "{data: {a: '1'}}", 201);
    apply(world, "one", "{metadata: {resourceVersion: '1'}, data: {a: '2'}}", 409);
    for (int i = 0; i < 70; i++) {
        autofree char *manager = xasprintf("m%d", i);
        autofree char *text = xasprintf("{data: {m%d: x}}", i);
        apply(world, manager, text, i < 63 ? 200 : 422);
    }
    apply(world, "one", "{data: {a: '2'}}", 200);
    world_free(world);
}

static void test_server_apply__status_apart(void **state)
{
    (void)state;
    struct world *world = world_new();
    value_free(apply_with(world, "one", false, 0, &kind_pod,
                          "{spec: {containers: [{name: b, image: i}]}, status: {phase: Failed}}",
                          201));
    cleanup(value_free) struct value *pod =
        apply_with(world, "node", false, API_STATUS, &kind_pod,
                   "{spec: {nodeName: x}, status: {phase: Running}}", 200);
    assert_string_equal(value_get_str(value_get(pod, "status"), "phase"), "Running");
    assert_null(value_path(pod, "spec", "nodeName", NULL));
    const struct value *entry = value_at(value_path(pod, "metadata", "managedFields", NULL), 1);
    assert_string_equal(value_get_str(entry, "subresource"), "status");
    assert_document(value_get(entry, "fieldsV1"), "{'f:status': {'f:phase': {}}}");
    world_free(world);
}

/* Nobody's apply: not a byte of it is kept. */
static void test_server_apply__costs_others_nothing(void **state)
{
    (void)state;
    struct world *world = world_new();
    assert_int_equal(do_create(world, &kind_config_map, "default", "{metadata: {name: a}}", NULL),
                     201);
    change(world, "editor", "{data: {a: b}}");
    cleanup(value_free) struct value *object = get(world, &kind_config_map, "default", "a");
    assert_null(value_path(object, "metadata", "managedFields", NULL));
    world_free(world);
}

static size_t warnings_of(struct world *world, const char *manager, const char *text)
{
    struct result result = {0};
    const struct api_user user = {"admin", masters, manager};
    const struct api_ref ref = {&kind_pod, "default", "a"};
    cleanup(value_free) struct value *object = document(text);
    api_server_apply(world->api, &user, &ref, object, false, API_WARN_INERT, on_done, &result);
    world_settle(world);
    assert_in_range(result.code, 200, 201);
    value_free(result.object);
    return result.warnings;
}

/* Who declares what nothing acts on hears of it each time, who declares something else never. */
static void test_server_apply__warnings(void **state)
{
    (void)state;
    static const char one[] =
        "{spec: {preemptionPolicy: Never, containers: [{name: a, image: i}]}}";
    struct world *world = world_new();
    assert_int_equal(warnings_of(world, "one", one), 1);
    assert_int_equal(warnings_of(world, "one", one), 1);
    assert_int_equal(warnings_of(world, "two", "{metadata: {labels: {a: b}}}"), 0);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server_apply__owners),
        cmocka_unit_test(test_server_apply__conflicts),
        cmocka_unit_test(test_server_apply__updates_take_over),
        cmocka_unit_test(test_server_apply__same_again_writes_nothing),
        cmocka_unit_test(test_server_apply__lists),
        cmocka_unit_test(test_server_apply__whole_maps),
        cmocka_unit_test(test_server_apply__refusals),
        cmocka_unit_test(test_server_apply__status_apart),
        cmocka_unit_test(test_server_apply__costs_others_nothing),
        cmocka_unit_test(test_server_apply__warnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
