/* Subresources, through HTTP: what each reads and writes, and that discovery tells what is served.
 */

#include "controller/api/subresource.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/kinds/types.h"
#include "controller/openapi/discovery.h"
#include "controller/server/server.h"
#include "tests/unit/controller/lib/documents.h"
#include "tests/unit/controller/lib/served.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

#define PODS "/api/v1/namespaces/default/pods"
#define WIDGETS "/apis/example.com/v1/namespaces/default/widgets"
#define JSON_TYPE "Content-Type: application/json\r\n"

static const struct schema_type type_widget_spec = {
    .name = "WidgetSpec",
    FIELDS(F(1, "replicas", INT32, DEF("1"), RULE(not_negative)),
           F(2, "selector", OBJECT(type_label_selector))),
};
static const struct schema_type type_widget_status = {
    .name = "WidgetStatus",
    FIELDS(F(1, "replicas", INT32)),
};
static const struct schema_type type_widget = {
    .name = "Widget",
    FIELDS(F(1, "metadata", OBJECT(type_object_meta)),
           F(2, "spec", OBJECT(type_widget_spec), DEF("{}")),
           F(3, "status", OBJECT(type_widget_status))),
};
static const struct schema_scale widget_scale = {"spec.replicas", "status.replicas",
                                                 "spec.selector"};
static const struct schema_kind kind_widget = {
    .group = "example.com",
    .version = "v1",
    .kind = "Widget",
    .plural = "widgets",
    .singular = "widget",
    .namespaced = true,
    .flags = SCHEMA_KIND_STATUS,
    .type = &type_widget,
    .name = format_dns1123_subdomain,
    .scale = &widget_scale,
};

struct fixture {
    struct world *world;
    struct server *server;
    struct client client;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    const char *groups[] = {"system:masters", NULL};
    struct http_peer peer = {"admin", groups, NULL};
    signal(SIGPIPE, SIG_IGN);
    f->world = world_new();
    assert_int_equal(kinds_add(api_kinds(f->world->api), &kind_widget), 0);
    f->server = serve_world(f->world, NULL);
    assert_int_equal(
        server_serve(f->server, client_connect(&f->client, f->world->loop), &peer, &err), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    client_done(&f->client);
    api_stop(f->world->api);
    server_free(f->server);
    world_free(f->world);
    free(f);
    return 0;
}

/* Asks, and gives the answer's object, the caller's. */
static struct value *ask(struct fixture *f, int code, const char *method, const char *target,
                         const char *type, const char *body)
{
    cleanup(value_free) struct value *sent = body ? document(body) : NULL;
    cleanup(buf_done) struct buf text = {0};
    autofree char *header = xasprintf("Content-Type: application/%s\r\n", type ? type : "json");
    if (sent)
        (void)json_write(sent, &text);
    int got =
        client_ask(&f->client, method, target, sent ? header : "", sent ? buf_str(&text) : NULL);
    print_message("%s %s %s: %d\n", method, target, body ? body : "", got);
    assert_int_equal(got, code);
    autofree char *answer = client_body(&f->client);
    return document(answer);
}

static void expect(struct fixture *f, int code, const char *method, const char *target,
                   const char *type, const char *body)
{
    value_free(ask(f, code, method, target, type, body));
}

static int64_t number(const struct value *object, const char *map, const char *key)
{
    return value_get_int(value_get(object, map), key, -1);
}

static void test_subresource__scale(void **state)
{
    struct fixture *f = *state;
    expect(f, 201, "POST", WIDGETS, NULL,
           "{metadata: {name: w}, spec: {replicas: 2, selector: {matchLabels: {a: b}, "
           "matchExpressions: [{key: c, operator: In, values: [d, e]}, {key: g, operator: "
           "DoesNotExist}]}}}");
    expect(f, 200, "PUT", WIDGETS "/w/status", NULL, "{status: {replicas: 1}}");
    cleanup(value_free) struct value *scale = ask(f, 200, "GET", WIDGETS "/w/scale", NULL, NULL);
    assert_string_equal(value_get_str(scale, "kind"), "Scale");
    assert_string_equal(value_get_str(scale, "apiVersion"), "autoscaling/v1");
    assert_int_equal(number(scale, "spec", "replicas"), 2);
    assert_int_equal(number(scale, "status", "replicas"), 1);
    assert_string_equal(value_get_str(value_get(scale, "status"), "selector"), "a=b,c in (d,e),!g");
    assert_non_null(object_uid(scale));

    cleanup(buf_done) struct buf text = {0};
    value_set_int(value_get(scale, "spec"), "replicas", 5);
    (void)json_write(scale, &text);
    cleanup(value_free) struct value *put =
        ask(f, 200, "PUT", WIDGETS "/w/scale", NULL, buf_str(&text));
    assert_string_equal(value_get_str(put, "kind"), "Scale");
    assert_int_equal(number(put, "spec", "replicas"), 5);
    expect(f, 409, "PUT", WIDGETS "/w/scale", NULL, buf_str(&text));

    static const char *const types[] = {"merge-patch+json", "json-patch+json"};
    static const char *const bodies[] = {"{spec: {replicas: 7}}",
                                         "[{op: replace, path: /spec/replicas, value: 0}]"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        expect(f, 200, "PATCH", WIDGETS "/w/scale", types[i], bodies[i]);
    cleanup(value_free) struct value *widget = ask(f, 200, "GET", WIDGETS "/w", NULL, NULL);
    assert_int_equal(number(widget, "spec", "replicas"), 0);
    assert_int_equal(number(widget, "metadata", "generation"), 4);
    assert_int_equal(number(widget, "status", "replicas"), 1);

    cleanup(value_free) struct value *invalid =
        ask(f, 422, "PATCH", WIDGETS "/w/scale", "merge-patch+json", "{spec: {replicas: -1}}");
    assert_non_null(strstr(value_get_str(invalid, "message"),
                           "Scale.autoscaling \"w\" is invalid: spec.replicas"));
    expect(f, 400, "PUT", WIDGETS "/w/scale", NULL, "{kind: Widget, spec: {replicas: 1}}");
    expect(f, 400, "PATCH", WIDGETS "/w/scale?fieldValidation=Strict", "merge-patch+json",
           "{spec: {replica: 1}}");
    expect(f, 404, "GET", WIDGETS "/none/scale", NULL, NULL);
    expect(f, 404, "PUT", WIDGETS "/none/scale", NULL, "{spec: {replicas: 1}}");
    expect(f, 405, "DELETE", WIDGETS "/w/scale", NULL, NULL);
    expect(f, 404, "GET", PODS "/w/scale", NULL, NULL);
}

static void test_subresource__binding(void **state)
{
    struct fixture *f = *state;
    static const char bindings[] = "/api/v1/namespaces/default/bindings";
    expect(f, 201, "POST", PODS, NULL,
           "{metadata: {name: web}, spec: {containers: [{name: a, image: i}]}}");
    expect(f, 422, "POST", bindings, NULL, "{target: {name: pi}}");
    expect(f, 422, "POST", bindings, NULL, "{metadata: {name: web}}");
    expect(f, 422, "POST", bindings, NULL,
           "{metadata: {name: web}, target: {kind: Pod, name: pi}}");
    expect(f, 400, "POST", PODS "/web/binding", NULL,
           "{metadata: {name: other}, target: {name: pi}}");
    expect(f, 404, "POST", bindings, NULL, "{metadata: {name: none}, target: {name: pi}}");
    expect(f, 201, "POST", bindings, NULL,
           "{metadata: {name: web}, target: {kind: Node, name: pi}}");
    expect(f, 409, "POST", bindings, NULL, "{metadata: {name: web}, target: {name: pi}}");
    expect(f, 405, "GET", bindings, NULL, NULL);
    expect(f, 404, "GET", "/api/v1/bindings", NULL, NULL);
}

static void test_subresource__pods(void **state)
{
    struct fixture *f = *state;
    expect(f, 201, "POST", PODS, NULL,
           "{metadata: {name: web}, spec: {containers: [{name: a, image: i, "
           "resources: {requests: {memory: 1Mi}}}]}}");
    expect(f, 200, "PATCH", PODS "/web/ephemeralcontainers", "strategic-merge-patch+json",
           "{spec: {nodeName: x, ephemeralContainers: [{name: d, image: busybox}]}}");
    expect(f, 422, "PATCH", PODS "/web/ephemeralcontainers", "strategic-merge-patch+json",
           "{spec: {ephemeralContainers: [{name: d, image: other}]}}");
    expect(f, 422, "PATCH", PODS "/web/ephemeralcontainers", "merge-patch+json",
           "{spec: {ephemeralContainers: null}}");
    expect(f, 200, "PATCH", PODS "/web/resize", "strategic-merge-patch+json",
           "{spec: {containers: [{name: a, image: j, resources: {limits: {memory: 1Gi}}}]}}");
    expect(f, 422, "PATCH", PODS "/web", "strategic-merge-patch+json",
           "{spec: {containers: [{name: a, resources: {limits: {memory: 2Gi}}}]}}");
    expect(f, 422, "PATCH", PODS "/web/resize", "strategic-merge-patch+json",
           "{spec: {containers: [{name: a, resources: {limits: {memory: lots}}}]}}");
    cleanup(value_free) struct value *pod = ask(f, 200, "GET", PODS "/web/resize", NULL, NULL);
    const struct value *container = value_at(value_path(pod, "spec", "containers", NULL), 0);
    assert_string_equal(value_get_str(container, "image"), "i");
    assert_string_equal(value_str(value_path(container, "resources", "limits", "memory", NULL)),
                        "1Gi");
    assert_int_equal(value_len(value_path(pod, "spec", "ephemeralContainers", NULL)), 1);
    assert_null(value_path(pod, "spec", "nodeName", NULL));
    assert_int_equal(number(pod, "metadata", "generation"), 3);
}

static void test_subresource__finalize(void **state)
{
    struct fixture *f = *state;
    static const char ns[] = "/api/v1/namespaces/shop";
    expect(f, 201, "POST", "/api/v1/namespaces", NULL,
           "{metadata: {name: shop, finalizers: [a/a]}}");
    expect(f, 200, "PUT", "/api/v1/namespaces/shop/finalize", NULL,
           "{metadata: {name: shop}, spec: {finalizers: [kubernetes, b/b]}}");
    cleanup(value_free) struct value *object = ask(f, 200, "GET", ns, NULL, NULL);
    assert_int_equal(value_len(value_path(object, "spec", "finalizers", NULL)), 2);
    expect(f, 405, "GET", "/api/v1/namespaces/shop/finalize", NULL, NULL);
}

static void test_subresource__delete_collection(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 250; i++) {
        autofree char *text = xasprintf("{metadata: {name: w-%d, labels: {odd: '%d'}}}", i, i % 2);
        expect(f, 201, "POST", WIDGETS, NULL, text);
    }
    expect(f, 400, "DELETE", WIDGETS "?labelSelector=a%20in", NULL, NULL);
    cleanup(value_free) struct value *dry =
        ask(f, 200, "DELETE", WIDGETS "?dryRun=All&labelSelector=odd%3D1", NULL, NULL);
    assert_int_equal(value_len(value_get(dry, "items")), 125);
    cleanup(value_free) struct value *gone = ask(f, 200, "DELETE", WIDGETS "?labelSelector=odd%3D1",
                                                 NULL, "{kind: DeleteOptions, apiVersion: v1}");
    assert_string_equal(value_get_str(gone, "kind"), "WidgetList");
    assert_int_equal(value_len(value_get(gone, "items")), 125);
    cleanup(value_free) struct value *left = ask(f, 200, "GET", WIDGETS, NULL, NULL);
    assert_int_equal(value_len(value_get(left, "items")), 125);
    expect(f, 200, "DELETE", WIDGETS, NULL, NULL);
    cleanup(value_free) struct value *none = ask(f, 200, "GET", WIDGETS, NULL, NULL);
    assert_int_equal(value_len(value_get(none, "items")), 0);
    expect(f, 200, "DELETE", WIDGETS, NULL, NULL);
}

/* Each verb that discovery tells of is there, and no other. */
static void test_subresource__as_discovered(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *method, *verb;
    } methods[] = {{"POST", "create"}, {"GET", "get"}, {"PATCH", "patch"}, {"PUT", "update"}};
    cleanup(value_free) struct value *core =
        discovery_resources(api_kinds(f->world->api), "", "v1");
    const struct value *resources = value_get(core, "resources");
    size_t seen = 0;
    for (size_t i = 0; i < value_len(resources); i++) {
        const struct value *entry = value_at(resources, i);
        const char *slash = strchr(value_get_str(entry, "name"), '/');
        bool namespaced = value_get_bool(entry, "namespaced", false);
        if (!slash)
            continue;
        seen++;
        autofree char *plural =
            xstrndup(value_get_str(entry, "name"), (size_t)(slash - value_get_str(entry, "name")));
        autofree char *target = xasprintf("/api/v1/%s%s/none%s",
                                          namespaced ? "namespaces/default/" : "", plural, slash);
        for (size_t m = 0; m < ARRAY_LEN(methods); m++) {
            bool told = false;
            for (size_t v = 0; v < value_len(value_get(entry, "verbs")); v++)
                told |= str_eq(value_str(value_at(value_get(entry, "verbs"), v)), methods[m].verb);
            int code = client_ask(&f->client, methods[m].method, target, JSON_TYPE,
                                  str_eq(methods[m].method, "GET") ? NULL : "{}");
            print_message("%s %s: %d\n", methods[m].method, target, code);
            assert_int_equal(code == 405, !told);
        }
    }
    assert_true(seen >= 6);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE(test_subresource__scale),
        LIVE(test_subresource__binding),
        LIVE(test_subresource__pods),
        LIVE(test_subresource__finalize),
        LIVE(test_subresource__delete_collection),
        LIVE(test_subresource__as_discovered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
