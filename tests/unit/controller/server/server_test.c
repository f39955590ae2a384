#include "controller/server/server.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "tests/lib/await.h"
#include "tests/unit/controller/lib/served.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define PODS "/api/v1/namespaces/default/pods"
#define POD                                                                                        \
    "{\"metadata\":{\"name\":\"web\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}}"
#define CM "/api/v1/namespaces/default/configmaps"

struct fixture {
    struct world *world;
    struct server *server;
    struct client client;
    struct server_hooks hooks;
    struct pod_sink *sink;
    const char *what; /* was asked of the node */
};

static void hook_pod_stream(void *ctx, const struct pod_query *query, struct pod_sink *sink)
{
    struct fixture *f = ctx;
    assert_string_equal(query->pod, "web");
    bool logs = str_eq(query->what, "logs");
    assert_true(logs || str_eq(query->what, "why"));
    assert_string_equal(query->container, logs ? "a" : "");
    f->sink = sink;
    f->what = query->what;
}

static void connect_as(struct fixture *f, struct client *client, const char *user,
                       const char *group)
{
    serve_client(f->server, f->world, client, user, group);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    signal(SIGPIPE, SIG_IGN);
    f->world = world_new();
    f->hooks = (struct server_hooks){f, hook_pod_stream};
    f->server = serve_world(f->world, &f->hooks);
    connect_as(f, &f->client, "admin", "system:masters");
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

static int ask(struct fixture *f, const char *method, const char *target, const char *body)
{
    return client_ask(&f->client, method, target, body ? "Content-Type: application/json\r\n" : "",
                      body);
}

/* The body of the last answer. */
static struct value *answer(struct fixture *f)
{
    struct value *object = NULL;
    struct err err = {0};
    autofree char *body = client_body(&f->client);
    if (json_parse(body, strlen(body), &object, &err) != 0)
        fail_msg("%s in: %s", err.msg, buf_str(&f->client.in));
    return object;
}

static void assert_status(struct fixture *f, int code, const char *reason)
{
    cleanup(value_free) struct value *status = answer(f);
    assert_string_equal(value_get_str(status, "kind"), "Status");
    assert_string_equal(value_get_str(status, "status"), "Failure");
    assert_int_equal(value_get_int(status, "code", 0), code);
    assert_string_equal(value_get_str(status, "reason"), reason);
}

static void test_server__verbs(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "POST", PODS, POD), 201);
    assert_int_equal(ask(f, "GET", PODS "/web", NULL), 200);
    cleanup(value_free) struct value *pod = answer(f);
    assert_string_equal(value_get_str(pod, "apiVersion"), "v1");
    value_set_str(value_make_map(pod, "metadata", "labels", NULL), "a", "b");
    cleanup(buf_done) struct buf text = {0};
    json_write(pod, &text);
    assert_int_equal(ask(f, "PUT", PODS "/web", buf_str(&text)), 200);
    assert_int_equal(ask(f, "PUT", PODS "/web", buf_str(&text)), 409);
    assert_status(f, 409, "Conflict");
    assert_int_equal(ask(f, "PUT", PODS "/web/status", "{\"status\":{\"phase\":\"Running\"}}"),
                     200);
    assert_int_equal(ask(f, "GET",
                         "/api/v1/pods?labelSelector=a%3Db&fieldSelector=status.phase%3DRunning",
                         NULL),
                     200);
    cleanup(value_free) struct value *list = answer(f);
    assert_int_equal(value_len(value_get(list, "items")), 1);
    assert_int_equal(ask(f, "POST", PODS "/web/binding", "{\"target\":{\"name\":\"pi\"}}"), 201);
    assert_int_equal(ask(f, "DELETE", PODS "/web", "{\"gracePeriodSeconds\":7}"), 200);
    cleanup(value_free) struct value *dying = answer(f);
    assert_int_equal(
        value_int(value_path(dying, "metadata", "deletionGracePeriodSeconds", NULL), 0), 7);
    assert_int_equal(ask(f, "DELETE", PODS "/web?gracePeriodSeconds=0", NULL), 200);
    assert_int_equal(ask(f, "GET", PODS "/web", NULL), 404);
    assert_status(f, 404, "NotFound");
}

static void test_server__patches(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        ask(f, "POST", CM, "{\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\"b\",\"c\":\"d\"}}"),
        201);
    static const struct {
        const char *type, *body;
        int code;
        const char *data; /* of the answer */
    } cases[] = {
        {"merge-patch+json", "{\"data\":{\"a\":null,\"e\":\"f\"}}", 200, "c=d e=f "},
        {"strategic-merge-patch+json; charset=utf-8", "{\"data\":{\"c\":null}}", 200, "e=f "},
        {"json-patch+json", "[{\"op\":\"add\",\"path\":\"/data/g\",\"value\":\"h\"}]", 200,
         "e=f g=h "},
        {"merge-patch+json", "[]", 400, NULL},
        {"merge-patch+json", "{", 400, NULL},
        {"merge-patch+json", "{\"metadata\":{\"name\":\"d\"}}", 400, NULL},
        {"merge-patch+json", "{\"metadata\":{\"namespace\":\"d\"}}", 400, NULL},
        {"merge-patch+json", "{\"kind\":\"Secret\"}", 400, NULL},
        {"merge-patch+json", "{\"apiVersion\":\"v2\"}", 400, NULL},
        {"merge-patch+json", "{\"metadata\":{\"uid\":\"e6a0b4f1-5ff1-4f01-8c3f-0d3a8b7d3c11\"}}",
         422, NULL},
        {"merge-patch+json", "{\"metadata\":{\"resourceVersion\":\"1\"}}", 409, NULL},
        {"json-patch+json", "{}", 400, NULL},
        {"json-patch+json", "[{\"op\":\"remove\",\"path\":\"/data/no\"}]", 422, NULL},
        {"json-patch+json", "[{\"op\":\"add\",\"path\":\"\",\"value\":5}]", 400, NULL},
        {"yaml", "{}", 415, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *header = xasprintf("Content-Type: application/%s\r\n", cases[i].type);
        print_message("%s\n", cases[i].body);
        assert_int_equal(client_ask(&f->client, "PATCH", CM "/c", header, cases[i].body),
                         cases[i].code);
        cleanup(value_free) struct value *object = answer(f);
        cleanup(buf_done) struct buf data = {0};
        const struct value *map = value_get(object, "data");
        for (size_t k = 0; k < value_len(map); k++)
            (void)buf_addf(&data, "%s=%s ", value_key_at(map, k), value_str(value_at(map, k)));
        if (cases[i].data)
            assert_string_equal(buf_str(&data), cases[i].data);
    }
    assert_int_equal(client_ask(&f->client, "PATCH", CM "/none",
                                "Content-Type: application/merge-patch+json\r\n", "{}"),
                     404);
    static const struct {
        const char *query, *body;
        int code;
    } applies[] = {
        {"", "data: {x: y}", 422},
        {"?fieldManager=a%0Ab", "data: {x: y}", 422},
        {"?fieldManager=a&force=maybe", "data: {x: y}", 400},
        {"?fieldManager=a", "data: [", 400},
        {"?fieldManager=a", "{\"data\":{\"x\":\"y\"}}", 201},
        {"?fieldManager=b", "data: {x: z}", 409},
        {"?fieldManager=b&force=true", "data: {x: z}", 200},
    };
    for (size_t i = 0; i < ARRAY_LEN(applies); i++) {
        autofree char *target = xasprintf(CM "/applied%s", applies[i].query);
        assert_int_equal(client_ask(&f->client, "PATCH", target,
                                    "Content-Type: application/apply-patch+yaml\r\n",
                                    applies[i].body),
                         applies[i].code);
    }
    assert_int_equal(client_ask(&f->client, "PATCH", CM "/c?force=true",
                                "Content-Type: application/merge-patch+json\r\n", "{}"),
                     422);
    assert_int_equal(client_ask(&f->client, "PATCH", CM "/d?fieldManager=x",
                                "Content-Type: application/apply-patch+yaml\r\n", "data: {x: y}\n"),
                     201);
}

/* What a patch leaves as it is, costs no write; and what is true of writes is true of patches. */
static void test_server__patches_like_writes(void **state)
{
    struct fixture *f = *state;
    static const char type[] = "Content-Type: application/strategic-merge-patch+json\r\n";
    assert_int_equal(ask(f, "POST", PODS, POD), 201);
    cleanup(value_free) struct value *pod = answer(f);
    const char *revision = value_get_str(value_get(pod, "metadata"), "resourceVersion");
    assert_int_equal(client_ask(&f->client, "PATCH", PODS "/web", type,
                                "{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}}"),
                     200);
    cleanup(value_free) struct value *same = answer(f);
    assert_string_equal(value_get_str(value_get(same, "metadata"), "resourceVersion"), revision);
    assert_int_equal(client_ask(&f->client, "PATCH", PODS "/web?dryRun=All", type,
                                "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"),
                     200);
    assert_int_equal(client_ask(&f->client, "PATCH", PODS "/web?fieldValidation=Strict", type,
                                "{\"spec\":{\"what\":1}}"),
                     400);
    assert_int_equal(client_ask(&f->client, "PATCH", PODS "/web", type, "{\"spec\":{\"what\":1}}"),
                     200);
    assert_non_null(strstr(buf_str(&f->client.in), "Warning: 299 - \"unknown field"));
    static const char template[] = "{\"metadata\":{\"name\":\"t\"},\"template\":{\"spec\":"
                                   "{\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}}}";
    assert_int_equal(ask(f, "POST", "/api/v1/namespaces/default/podtemplates", template), 201);
    assert_non_null(strstr(buf_str(&f->client.in),
                           "Warning: 299 - \"PodTemplate: accepted and kept; "
                           "nothing acts on it yet\""));
    assert_int_equal(ask(f, "GET", PODS "/web", NULL), 200);
    cleanup(value_free) struct value *last = answer(f);
    assert_string_equal(value_get_str(value_get(last, "metadata"), "resourceVersion"), revision);
    assert_int_equal(
        client_ask(&f->client, "PATCH", PODS "/web/status", type,
                   "{\"spec\":{\"nodeName\":\"x\"},\"status\":{\"phase\":\"Running\"}}"),
        200);
    cleanup(value_free) struct value *running = answer(f);
    assert_null(value_path(running, "spec", "nodeName", NULL));
    assert_string_equal(value_get_str(value_get(running, "status"), "phase"), "Running");
}

static void test_server__refusals(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *method, *target, *body;
        int code;
        const char *reason;
    } cases[] = {
        {"GET", "/nowhere", NULL, 404, "NotFound"},
        {"GET", "/api/v1/dragons", NULL, 404, "NotFound"},
        {"GET", PODS "/none", NULL, 404, "NotFound"},
        {"GET", PODS "/none/dragon", NULL, 404, "NotFound"},
        {"GET", CM "/c/status", NULL, 404, "NotFound"},
        {"GET", "/api/v1/namespaces/default/../../nodes", NULL, 400, "BadRequest"},
        {"GET", "/api/v1/namespaces/default%2fx/pods", NULL, 400, "BadRequest"},
        {"GET", "//api/v1", NULL, 400, "BadRequest"},
        {"GET", PODS "?labelSelector=a%20in", NULL, 400, "BadRequest"},
        {"GET", PODS "?fieldSelector=spec.x%3D1", NULL, 400, "BadRequest"},
        {"GET", PODS "?limit=x", NULL, 400, "BadRequest"},
        {"GET", PODS "?continue=x", NULL, 400, "BadRequest"},
        {"GET", PODS "?watch=maybe", NULL, 400, "BadRequest"},
        {"GET", PODS "?watch=1&resourceVersion=x", NULL, 400, "BadRequest"},
        {"GET", PODS "?watch=1&sendInitialEvents=true", NULL, 422, "Invalid"},
        {"GET", PODS "?watch=1&resourceVersionMatch=Exact", NULL, 422, "Invalid"},
        {"GET", PODS "?watch=1&labelSelector=%3D", NULL, 400, "BadRequest"},
        {"GET", PODS "?includeObject=Maybe", NULL, 400, "BadRequest"},
        {"POST", PODS "/web", POD, 405, "MethodNotAllowed"},
        {"PUT", PODS, POD, 405, "MethodNotAllowed"},
        {"POST", PODS, "{", 400, "BadRequest"},
        {"POST", PODS, "{} {}", 400, "BadRequest"},
        {"POST", PODS, "{\"a\":1,\"a\":2}", 400, "BadRequest"},
        {"POST", PODS, "[]", 400, "BadRequest"},
        {"POST", PODS, "null", 400, "BadRequest"},
        {"POST", PODS, "\xff", 400, "BadRequest"},
        {"POST", PODS, "{\"kind\":\"Node\",\"metadata\":{\"name\":\"x\"}}", 400, "BadRequest"},
        {"POST", PODS, "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"containers\":5}}", 422,
         "Invalid"},
        {"POST", PODS "?fieldValidation=Strict",
         "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"dragon\":1,\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}}",
         400, "BadRequest"},
        {"POST", PODS "?fieldValidation=Perhaps", POD, 422, "Invalid"},
        {"POST", PODS "?dryRun=Some", POD, 422, "Invalid"},
        {"POST", "/api/v1/namespaces/none/pods", POD, 404, "NotFound"},
        {"GET",
         PODS "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
              "&resourceVersion=999999",
         NULL, 504, "Timeout"},
        {"GET", PODS "/web?resourceVersion=999999", NULL, 504, "Timeout"},
        {"GET", PODS "/web?resourceVersion=x", NULL, 400, "BadRequest"},
        {"GET", PODS "?sendInitialEvents=true", NULL, 422, "Invalid"},
        {"DELETE", "/api/v1/watch/namespaces/default/pods/web", NULL, 405, "MethodNotAllowed"},
        {"GET", "/api/v1/watch/namespaces/default/pods/web/status", NULL, 404, "NotFound"},
        {"DELETE", PODS "/none", "{\"gracePeriodSeconds\":-5}", 404, "NotFound"},
        {"DELETE", PODS "/none?gracePeriodSeconds=x", NULL, 400, "BadRequest"},
        {"DELETE", "/api/v1/namespaces/default", NULL, 403, "Forbidden"},
        {"POST", PODS "/none/binding", "{}", 422, "Invalid"},
        {"POST", PODS "/none/binding", "{\"target\":{\"name\":\"pi\"}}", 404, "NotFound"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s %s %s\n", cases[i].method, cases[i].target,
                      cases[i].body ? cases[i].body : "");
        assert_int_equal(ask(f, cases[i].method, cases[i].target, cases[i].body), cases[i].code);
        assert_status(f, cases[i].code, cases[i].reason);
    }
    ask(f, "POST", PODS "?fieldValidation=Strict",
        "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"dragon\":1,\"containers\":[{\"name\":\"a\","
        "\"image\":\"i\"}]}}");
    assert_non_null(
        strstr(buf_str(&f->client.in), "strict decoding error: unknown field \\\"spec.dragon\\\""));
    assert_int_equal(client_ask(&f->client, "POST", PODS,
                                "Content-Type: application/vnd.kubernetes.protobuf\r\n", "k8s"),
                     400);
    assert_int_equal(client_ask(&f->client, "POST", PODS, "Content-Type: text/plain\r\n", "k8s"),
                     415);
    assert_int_equal(client_ask(&f->client, "GET", PODS,
                                "Accept: application/vnd.kubernetes.protobuf\r\n", NULL),
                     406);
}

static void test_server__deep_documents(void **state)
{
    struct fixture *f = *state;
    cleanup(buf_done) struct buf text = {0};
    for (int i = 0; i < 100000; i++)
        buf_addc(&text, '[');
    assert_int_equal(ask(f, "POST", PODS, buf_str(&text)), 413);
    assert_int_equal(
        client_ask(&f->client, "POST", PODS, "Content-Type: application/yaml\r\n",
                   "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                   "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                   "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"),
        413);
}

/* Bodies that are small as text and big as trees: few wait at once, the others are told to try
 * again, and small ones pass. */
static void test_server__many_big_trees(void **state)
{
    enum { CLIENTS = 6, VALUES = 190000 };
    struct fixture *f = *state;
    struct client clients[CLIENTS];
    int busy = 0, done = 0;
    cleanup(buf_done) struct buf body = {0};
    assert_int_equal(ask(f, "POST", CM, "{\"metadata\":{\"name\":\"one\"}}"), 201);
    buf_addstr(&body, "{\"metadata\":{\"name\":\"one\"},\"x\":[");
    for (int i = 0; i < VALUES; i++)
        buf_addstr(&body, "0,");
    buf_addstr(&body, "0]}");
    autofree char *head = xasprintf("PUT " CM "/one HTTP/1.1\r\nHost: x\r\nContent-Type: "
                                    "application/json\r\nContent-Length: %zu\r\n\r\n",
                                    body.len);
    for (int i = 0; i < CLIENTS; i++) {
        connect_as(f, &clients[i], "admin", "system:masters");
        client_send(&clients[i], head);
        client_send_n(&clients[i], body.data, body.len - 1);
        client_quiet(&clients[i]);
    }
    for (int i = 0; i < CLIENTS; i++)
        client_send(&clients[i], "}");
    assert_int_equal(ask(f, "POST", CM, "{\"metadata\":{\"name\":\"two\"}}"), 201);
    for (int i = 0; i < CLIENTS; i++) {
        assert_true(client_await(&clients[i], "\r\n\r\n{"));
        bool told = strstr(buf_str(&clients[i].in), "HTTP/1.1 429") &&
                    strstr(buf_str(&clients[i].in), "\r\nRetry-After: 1\r\n") &&
                    strstr(buf_str(&clients[i].in), "\"TooManyRequests\"");
        busy += told;
        done += strstr(buf_str(&clients[i].in), "HTTP/1.1 200") != NULL;
        client_done(&clients[i]);
    }
    assert_int_equal(busy + done, CLIENTS);
    assert_true(busy > 0 && done > 0);
    /* Nothing stays on the account. */
    assert_int_equal(ask(f, "PUT", CM "/one", buf_str(&body)), 200);
}

static void test_server__unknown_fields_are_warned_of(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "POST", CM, "{\"metadata\":{\"name\":\"c\"},\"da\\nt\":{}}"), 201);
    assert_non_null(
        strstr(buf_str(&f->client.in), "\r\nWarning: 299 - \"unknown field \\\"da?t\\\"\"\r\n"));
    assert_int_equal(
        ask(f, "POST", CM "?fieldValidation=Ignore", "{\"metadata\":{\"name\":\"d\"},\"dat\":{}}"),
        201);
    assert_null(strstr(buf_str(&f->client.in), "Warning"));
}

static void test_server__who_may(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *target;
        int nobody, guest;
    } cases[] = {
        {"/healthz", 200, 200},        {"/livez", 200, 200},        {"/readyz?verbose", 200, 200},
        {"/version", 200, 200},        {"/api", 403, 200},          {"/apis", 403, 200},
        {"/api/v1", 403, 200},         {"/openapi/v2", 403, 200},   {PODS, 403, 403},
        {PODS "/web", 403, 403},       {PODS "?watch=1", 403, 403}, {PODS "/web/log", 403, 403},
        {"/metrics", 403, 403},        {"/nowhere", 403, 403},      {"/healthzz", 403, 403},
        {"/api/../healthz", 400, 400},
    };
    world_policy(f->world);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client nobody, guest_client;
        print_message("%s\n", cases[i].target);
        connect_as(f, &nobody, NULL, NULL);
        connect_as(f, &guest_client, "guest", "friends");
        assert_int_equal(client_ask(&nobody, "GET", cases[i].target, "", NULL), cases[i].nobody);
        assert_int_equal(client_ask(&guest_client, "GET", cases[i].target, "", NULL),
                         cases[i].guest);
        client_done(&nobody);
        client_done(&guest_client);
    }
    struct client nobody;
    connect_as(f, &nobody, NULL, NULL);
    assert_int_equal(client_ask(&nobody, "POST", "/healthz", "", "body"), 403);
    client_done(&nobody);
    /* A token that is nobody's is not the same as none. */
    connect_as(f, &nobody, NULL, NULL);
    assert_int_equal(client_ask(&nobody, "GET", "/healthz", "Authorization: Bearer x\r\n", NULL),
                     401);
    assert_non_null(strstr(buf_str(&nobody.in), "\"reason\":\"Unauthorized\""));
    client_done(&nobody);
}

/* Ends what one has open, and nobody else's. */
static void test_server__streams_of_a_user_are_cut(void **state)
{
    struct fixture *f = *state;
    static const char head[] = "GET " CM "?watch=true HTTP/1.1\r\nHost: x\r\n\r\n";
    struct client jane, other;
    connect_as(f, &jane, "jane", "system:masters");
    connect_as(f, &other, "other", "system:masters");
    client_send(&jane, head);
    client_send(&other, head);
    assert_true(client_await(&jane, "HTTP/1.1 200"));
    assert_true(client_await(&other, "HTTP/1.1 200"));
    server_cut_user(f->server, "jane");
    assert_false(client_await(&jane, "no such text"));
    assert_true(jane.closed);
    assert_int_equal(ask(f, "POST", CM, "{\"metadata\":{\"name\":\"a\"}}"), 201);
    assert_true(client_await(&other, "ADDED"));
    assert_false(other.closed);
    client_done(&jane);
    client_done(&other);
}

static void test_server__tables(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "POST", PODS, POD), 201);
    assert_int_equal(
        client_ask(&f->client, "GET", PODS,
                   "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json\r\n",
                   NULL),
        200);
    cleanup(value_free) struct value *table = answer(f);
    assert_string_equal(value_get_str(table, "kind"), "Table");
    assert_int_equal(value_len(value_get(table, "rows")), 1);
    assert_int_equal(client_ask(&f->client, "GET", PODS "/none",
                                "Accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n", NULL),
                     404);
    assert_status(f, 404, "NotFound");
    assert_int_equal(client_ask(&f->client, "HEAD", "/healthz", "", NULL), 200);
}

/* ---- watches ---- */

static void begin_watch(struct fixture *f, struct client *client, const char *query,
                        const char *headers)
{
    connect_as(f, client, "admin", "system:masters");
    autofree char *head =
        xasprintf("GET %s?watch=true%s HTTP/1.1\r\nHost: x\r\n%s\r\n", CM, query, headers);
    client_send(client, head);
    assert_true(client_await(client, "HTTP/1.1 200"));
}

static void make(struct fixture *f, const char *name)
{
    autofree char *body = xasprintf("{\"metadata\":{\"name\":\"%s\"}}", name);
    assert_int_equal(ask(f, "POST", CM, body), 201);
}

/* A table of many is made page by page: whole, of one revision, told as one. */
static void test_server__long_tables(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 1100; i++) {
        char name[16];
        snprintf(name, sizeof(name), "c%04d", i);
        make(f, name);
    }
    static const char *const queries[] = {"", "?resourceVersion=1", "?limit=1100"};
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        autofree char *target = xasprintf("%s%s", CM, queries[i]);
        assert_int_equal(client_ask(&f->client, "GET", target,
                                    "Accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n",
                                    NULL),
                         200);
        cleanup(value_free) struct value *table = answer(f);
        const struct value *rows = value_get(table, "rows");
        assert_int_equal(value_len(rows), 1100);
        for (size_t j = 0; j < value_len(rows); j++) {
            char name[16];
            snprintf(name, sizeof(name), "c%04d", (int)j);
            assert_string_equal(value_str(value_at(value_get(value_at(rows, j), "cells"), 0)),
                                name);
        }
        assert_true(value_len(value_get(table, "columnDefinitions")) > 1);
        assert_null(value_path(table, "metadata", "continue", NULL));
        assert_non_null(value_path(table, "metadata", "resourceVersion", NULL));
    }
}

static void test_server__watch(void **state)
{
    struct fixture *f = *state;
    struct client watch;
    make(f, "one");
    begin_watch(f, &watch, "", "");
    assert_true(client_await(&watch, "{\"type\":\"ADDED\",\"object\":{"));
    assert_true(client_await(&watch, "\"one\""));
    client_forget(&watch);
    make(f, "two");
    assert_true(client_await(&watch, "\"two\""));
    assert_true(client_await(&watch, "}\n\r\n"));
    assert_null(strstr(buf_str(&watch.in), "\"one\""));
    assert_int_equal(ask(f, "DELETE", CM "/one", NULL), 200);
    assert_true(client_await(&watch, "{\"type\":\"DELETED\""));
    client_done(&watch);
    client_quiet(&f->client);
    make(f, "three");
}

static void test_server__watch_from_a_list(void **state)
{
    struct fixture *f = *state;
    struct client watch, mine;
    make(f, "one");
    assert_int_equal(ask(f, "GET", CM, NULL), 200);
    cleanup(value_free) struct value *list = answer(f);
    make(f, "two");
    autofree char *query = xasprintf(
        "&resourceVersion=%s", value_str(value_path(list, "metadata", "resourceVersion", NULL)));
    begin_watch(f, &watch, query, "");
    assert_true(client_await(&watch, "\"two\""));
    assert_null(strstr(buf_str(&watch.in), "\"one\""));
    autofree char *by_name = xasprintf("&fieldSelector=metadata.name%%3Dthree&timeoutSeconds=1");
    begin_watch(f, &mine, by_name, "");
    make(f, "three");
    make(f, "four");
    assert_true(client_await(&mine, "\"three\""));
    assert_true(client_await(&mine, "\r\n0\r\n")); /* timeoutSeconds */
    assert_null(strstr(buf_str(&mine.in), "\"four\""));
    client_done(&watch);
    client_done(&mine);
}

/* The next watch begins where the last bookmark was; what was watched before ?watch=true is still
 * there. */
static void test_server__watch_ends_with_a_bookmark(void **state)
{
    struct fixture *f = *state;
    struct client watch, old;
    connect_as(f, &old, "admin", "system:masters");
    client_send(&old, "GET /api/v1/watch/namespaces/default/configmaps/one HTTP/1.1\r\n"
                      "Host: x\r\n\r\n");
    assert_true(client_await(&old, "HTTP/1.1 200"));
    begin_watch(f, &watch, "&allowWatchBookmarks=true&timeoutSeconds=1", "");
    make(f, "two");
    make(f, "one");
    assert_true(client_await(&old, "\"one\""));
    assert_null(strstr(buf_str(&old.in), "\"two\""));
    autofree char *end = xasprintf("{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"ConfigMap\","
                                   "\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":"
                                   "\"%lld\"",
                                   (long long)api_revision(f->world->api));
    assert_true(client_await(&watch, "\r\n0\r\n"));
    assert_non_null(strstr(buf_str(&watch.in), end));
    client_done(&watch);
    client_done(&old);
}

static void test_server__watch_too_old(void **state)
{
    struct fixture *f = *state;
    struct client watch;
    begin_watch(f, &watch, "&resourceVersion=999999", "");
    assert_true(client_await(&watch, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\""));
    assert_true(client_await(&watch, "\"code\":410"));
    assert_true(client_await(&watch, "\r\n0\r\n"));
    client_done(&watch);
}

static void test_server__watch_list(void **state)
{
    struct fixture *f = *state;
    struct client watch;
    for (int i = 0; i < 450; i++) { /* more than two pages */
        autofree char *name = xasprintf("c%03d", i);
        make(f, name);
    }
    begin_watch(
        f, &watch,
        "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true", "");
    assert_true(client_await(&watch, "\"k8s.io/initial-events-end\":\"true\""));
    size_t count = 0;
    for (const char *p = buf_str(&watch.in); (p = strstr(p, "\"ADDED\"")); p++)
        count++;
    assert_int_equal(count, 450);
    client_forget(&watch);
    make(f, "late");
    assert_true(client_await(&watch, "\"late\""));
    client_done(&watch);
}

/* Objects so big that only some fit into what is held for a client: he gets all of them when he
 * reads, in order, and then what has come since. */
static void test_server__watch_of_big_objects(void **state)
{
    enum { OBJECTS = 30, BYTES = 300 * 1024 };
    struct fixture *f = *state;
    struct client watch;
    for (int i = 0; i < OBJECTS; i++) {
        autofree char *body =
            xasprintf("{\"metadata\":{\"name\":\"c%02d\"},\"data\":{\"a\":\"%0*d\"}}", i, BYTES, 0);
        assert_int_equal(ask(f, "POST", CM, body), 201);
    }
    int fd = client_connect(&watch, f->world->loop);
    struct http_peer peer = {"admin", (const char *const[]){"system:masters", NULL}, NULL};
    struct err err = {0};
    assert_int_equal(server_serve(f->server, fd, &peer, &err), 0);
    client_send(&watch, "GET " CM "?watch=true HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(ask(f, "POST", CM, "{\"metadata\":{\"name\":\"late\"}}"), 201);
    assert_true(client_await(&watch, "\"late\""));
    const char *at = buf_str(&watch.in);
    for (int i = 0; i < OBJECTS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "\"c%02d\"", i);
        at = strstr(at, name);
        assert_non_null(at);
    }
    client_done(&watch);
}

static void test_server__watch_as_tables(void **state)
{
    struct fixture *f = *state;
    struct client watch;
    make(f, "one");
    begin_watch(f, &watch, "", "Accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n");
    assert_true(client_await(&watch, "\"rows\":[{\"cells\":[\"one\""));
    assert_null(strstr(buf_str(&watch.in), "\"columnDefinitions\":[]"));
    make(f, "two");
    assert_true(client_await(&watch, "\"columnDefinitions\":[],\"rows\":[{\"cells\":[\"two\""));
    client_done(&watch);
}

/* Many watchers of one change; then the server ends with them open. */
static void test_server__many_watches(void **state)
{
    struct fixture *f = *state;
    static struct client watches[200];
    for (size_t i = 0; i < ARRAY_LEN(watches); i++)
        begin_watch(f, &watches[i], "&resourceVersion=1000000000", "");
    for (size_t i = 0; i < ARRAY_LEN(watches); i++)
        client_done(&watches[i]);
    for (size_t i = 0; i < ARRAY_LEN(watches); i++)
        begin_watch(f, &watches[i], "", "");
    make(f, "one");
    for (size_t i = 0; i < ARRAY_LEN(watches); i++)
        assert_true(client_await(&watches[i], "\"one\""));
    for (size_t i = 0; i < ARRAY_LEN(watches); i += 2)
        client_done(&watches[i]);
    make(f, "two");
    for (size_t i = 1; i < ARRAY_LEN(watches); i += 2) {
        assert_true(client_await(&watches[i], "\"two\""));
        client_done(&watches[i]);
    }
}

/* ---- logs ---- */

static void sink_gone(void *ctx)
{
    struct fixture *f = ctx;
    f->sink = NULL;
}

static void test_server__logs(void **state)
{
    static const struct pod_sink_handler handler = {.gone = sink_gone};
    struct fixture *f = *state;
    struct client follow;
    assert_int_equal(ask(f, "POST", PODS, POD), 201);
    assert_int_equal(ask(f, "GET", PODS "/none/log", NULL), 404);
    assert_int_equal(ask(f, "GET", PODS "/web/log?container=zzz", NULL), 400);
    assert_int_equal(ask(f, "GET", PODS "/web/log?tailLines=-5", NULL), 400);
    assert_null(f->sink);
    connect_as(f, &follow, "admin", "system:masters");
    client_send(&follow,
                "GET " PODS "/web/log?follow=true&tailLines=5 HTTP/1.1\r\nHost: x\r\n\r\n");
    AWAIT(f->sink, client_turn(&follow));
    assert_int_equal(pod_sink_write(f->sink, "hello\n", 6), 0);
    assert_true(client_await(&follow, "hello\n"));
    assert_non_null(strstr(buf_str(&follow.in), "Content-Type: text/plain"));
    pod_sink_end(steal(f->sink));
    assert_true(client_await(&follow, "\r\n0\r\n"));
    client_forget(&follow);
    client_send(&follow, "GET " PODS "/web/log HTTP/1.1\r\nHost: x\r\n\r\n");
    AWAIT(f->sink, client_turn(&follow));
    pod_sink_fail(steal(f->sink), 503, "node pi is offline");
    assert_true(client_await(&follow, "node pi is offline"));
    assert_true(client_await(&follow, "HTTP/1.1 503"));
    /* The client leaves; then one that is open when the server ends. */
    client_send(&follow, "GET " PODS "/web/log?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    AWAIT(f->sink, client_turn(&follow));
    pod_sink_set_handler(f->sink, &handler, f);
    assert_int_equal(pod_sink_write(f->sink, "x", 1), 0);
    client_done(&follow);
    AWAIT(!f->sink, await_turn(f->world->loop));
    client_send(&f->client, "GET " PODS "/web/log?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    AWAIT(f->sink, client_turn(&f->client));
    assert_int_equal(pod_sink_write(f->sink, "x", 1), 0);
}

static void test_server__why(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "POST", PODS, POD), 201);
    assert_int_equal(ask(f, "GET", PODS "/none/why", NULL), 404);
    assert_int_equal(ask(f, "POST", PODS "/web/why", "{}"), 405);
    assert_int_equal(ask(f, "GET", PODS "/web/because", NULL), 404);
    assert_null(f->sink);
    struct client client;
    connect_as(f, &client, "admin", "system:masters");
    client_send(&client, "GET " PODS "/web/why?tailLines=x HTTP/1.1\r\nHost: x\r\n\r\n");
    AWAIT(f->sink, client_turn(&client));
    assert_string_equal(f->what, "why");
    assert_int_equal(pod_sink_write(f->sink, "image app: is being pulled\n", 27), 0);
    pod_sink_end(steal(f->sink));
    assert_true(client_await(&client, "image app: is being pulled\n\r\n0\r\n"));
    client_done(&client);
    struct client guest_client; /* who may not read the pod is told nothing of it */
    connect_as(f, &guest_client, "guest", "people");
    client_send(&guest_client, "GET " PODS "/web/why HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(client_await(&guest_client, "HTTP/1.1 403"));
    assert_null(f->sink);
    client_done(&guest_client);
}

static void test_server__discovery_names_what_is_served(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "GET", "/api/v1", NULL), 200);
    cleanup(value_free) struct value *list = answer(f);
    const struct value *resources = value_get(list, "resources");
    assert_true(value_len(resources) >= 5);
    for (size_t i = 0; i < value_len(resources); i++) {
        const struct value *resource = value_at(resources, i);
        const char *name = value_get_str(resource, "name");
        bool listed = false;
        for (size_t v = 0; v < value_len(value_get(resource, "verbs")); v++)
            listed |= str_eq(value_str(value_at(value_get(resource, "verbs"), v)), "list");
        if (!listed)
            continue;
        autofree char *target = xasprintf("/api/v1/%s", name);
        assert_int_equal(ask(f, "GET", target, NULL), 200);
    }
    assert_int_equal(ask(f, "GET", "/apis/?timeout=32s", NULL), 200);
    assert_int_equal(ask(f, "GET", "/version/", NULL), 200);
    assert_int_equal(ask(f, "GET", "/apis/dragons", NULL), 404);
    assert_int_equal(ask(f, "GET", "/apis/dragons/v1", NULL), 404);
    assert_int_equal(ask(f, "GET", "/apis", NULL), 200);
}

/* All in one document, and not again to who has it. */
static void test_server__aggregated_discovery(void **state)
{
    struct fixture *f = *state;
#define AGGREGATED "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    assert_int_equal(
        client_ask(&f->client, "GET", "/api", "Accept: " AGGREGATED ",application/json\r\n", NULL),
        200);
    const char *head = buf_str(&f->client.in);
    assert_non_null(strstr(head, "\r\nContent-Type: " AGGREGATED "\r\n"));
    const char *tag = strstr(head, "\r\nETag: ");
    assert_non_null(tag);
    autofree char *again = xasprintf("Accept: " AGGREGATED "\r\nIf-None-Match: %.66s\r\n", tag + 8);
    assert_int_equal(client_ask(&f->client, "GET", "/api", again, NULL), 304);
    assert_non_null(
        strstr(buf_str(&f->client.in), "\r\nContent-Type: " AGGREGATED "\r\n")); /* kubectl minds */
    assert_int_equal(ask(f, "GET", "/api", NULL), 200);
    cleanup(value_free) struct value *versions = answer(f);
    assert_string_equal(value_get_str(versions, "kind"), "APIVersions");
}

static void test_server__forms(void **state)
{
    struct fixture *f = *state;
#define PARTIAL "Accept: application/json;as=PartialObjectMetadata%s;v=v1;g=meta.k8s.io\r\n"
    assert_int_equal(ask(f, "POST", CM, "{\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\"b\"}}"),
                     201);
    autofree char *one = xasprintf(PARTIAL, ""), *list = xasprintf(PARTIAL, "List");
    assert_int_equal(client_ask(&f->client, "GET", CM "/c", one, NULL), 200);
    cleanup(value_free) struct value *object = answer(f);
    assert_string_equal(value_get_str(object, "kind"), "PartialObjectMetadata");
    assert_null(value_get(object, "data"));
    assert_int_equal(client_ask(&f->client, "GET", CM, list, NULL), 200);
    cleanup(value_free) struct value *objects = answer(f);
    assert_string_equal(value_get_str(objects, "kind"), "PartialObjectMetadataList");
    assert_int_equal(client_ask(&f->client, "GET", CM "/d", one, NULL), 404);
    assert_status(f, 404, "NotFound");
    assert_int_equal(ask(f, "GET", CM "/c?pretty=true", NULL), 200);
    assert_non_null(strstr(buf_str(&f->client.in), "\n    \"kind\": \"ConfigMap\""));
    assert_int_equal(ask(f, "GET", CM "/c?pretty=maybe", NULL), 200);
    assert_null(strstr(buf_str(&f->client.in), "\n    "));
}

static void test_server__watch_of_metadata(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "POST", CM, "{\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\"b\"}}"),
                     201);
    client_forget(&f->client);
    client_send(&f->client,
                "GET " CM "?watch=1&fieldSelector=metadata.name%3Dc HTTP/1.1\r\nHost: x\r\n"
                "Accept: application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io\r\n\r\n");
    assert_true(client_await(&f->client, "{\"type\":\"ADDED\",\"object\":{\"kind\":"
                                         "\"PartialObjectMetadata\",\"apiVersion\":"
                                         "\"meta.k8s.io/v1\",\"metadata\":{"));
    assert_null(strstr(buf_str(&f->client.in), "\"data\""));
}

static void test_server__packed_bodies(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(client_ask(&f->client, "POST", CM, "Content-Encoding: gzip\r\n", "\x1f\x8b"),
                     415);
    assert_status(f, 415, "UnsupportedMediaType");
    assert_int_equal(client_ask(&f->client, "POST", CM, "Content-Encoding: identity\r\n",
                                "{\"metadata\":{\"name\":\"c\"}}"),
                     201);
}

/* In pieces, of which none is lost; not again to who has it, and elsewhere than under its hash. */
static void test_server__openapi(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "GET", "/openapi/v3", NULL), 200);
    cleanup(value_free) struct value *index = answer(f);
    autofree char *url =
        xstrdup(value_get_str(value_path(index, "paths", "api/v1", NULL), "serverRelativeURL"));
    assert_non_null(strstr(url, "/openapi/v3/api/v1?hash="));
    assert_int_equal(ask(f, "GET", url, NULL), 200);
    const char *head = buf_str(&f->client.in);
    assert_non_null(strstr(head, "\r\nCache-Control: public, immutable"));
    assert_null(strstr(head, "no-cache"));
    assert_non_null(strstr(head, "ETag: \""));
    autofree char *tag = xasprintf("If-None-Match: \"%s\"\r\n", strchr(url, '=') + 1);
    assert_int_equal(client_ask(&f->client, "GET", url, tag, NULL), 304);
    assert_int_equal(ask(f, "GET", "/openapi/v3/api/v1?hash=old", NULL), 301);
    assert_non_null(strstr(buf_str(&f->client.in), url));
    assert_int_equal(ask(f, "GET", "/openapi/v3/apis/dragons/v1", NULL), 404);
    assert_int_equal(
        client_ask(&f->client, "GET", "/openapi/v2", "Accept: application/json\r\n", NULL), 406);
    assert_int_equal(
        client_ask(&f->client, "GET", "/openapi/v3/api/v1",
                   "Accept: application/com.github.proto-openapi.spec.v3@v1.0+protobuf\r\n", NULL),
        406);
    assert_int_equal(
        client_ask(&f->client, "GET", "/openapi/v2",
                   "Accept: application/com.github.proto-openapi.spec.v2@v1.0+protobuf\r\n", NULL),
        200);
}

/* Who may not write does not make us hold what he would write, nor read it. */
static void test_server__no_body_without_a_right(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *method, *target, *says;
    } cases[] = {
        {"POST", PODS, "HTTP/1.1 403"},
        {"PUT", PODS "/web", "HTTP/1.1 403"},
        {"PATCH", PODS "/web", "HTTP/1.1 403"},
        {"DELETE", PODS "/web", "HTTP/1.1 403"},
        {"PUT", PODS "/web/status", "HTTP/1.1 403"},
        {"POST", "/version", "HTTP/1.1 403"},
        {"POST", "/metrics", "HTTP/1.1 403"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client jane;
        connect_as(f, &jane, "jane", "staff");
        autofree char *head = xasprintf("%s %s HTTP/1.1\r\nHost: x\r\n"
                                        "Content-Type: application/json\r\n"
                                        "Content-Length: 1000000\r\n\r\n[",
                                        cases[i].method, cases[i].target);
        client_send(&jane, head);
        if (!client_await(&jane, cases[i].says))
            fail_msg("%s %s: %s", cases[i].method, cases[i].target, buf_str(&jane.in));
        client_done(&jane);
    }
}

/* Who uses a version that is on its way out is told so, whatever he asks. */
static void test_server__deprecated_versions(void **state)
{
    struct fixture *f = *state;
    struct schema_kind old = kind_config_map;
    old.group = "example.com";
    old.deprecated = "example.com/v1 ConfigMap is \"old\"";
    assert_int_equal(kinds_add(api_kinds(f->world->api), &old), 0);
    static const char warning[] = "Warning: 299 - \"example.com/v1 ConfigMap is \\\"old\\\"\"\r\n";
#define OLD "/apis/example.com/v1/namespaces/default/configmaps"
    static const struct {
        const char *method, *target, *body;
        int code;
    } cases[] = {
        {"POST", OLD, "{\"metadata\":{\"name\":\"a\"}}", 201},
        {"GET", OLD "/a", NULL, 200},
        {"GET", OLD, NULL, 200},
        {"GET", OLD "/b", NULL, 404},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(ask(f, cases[i].method, cases[i].target, cases[i].body), cases[i].code);
        assert_non_null(strstr(buf_str(&f->client.in), warning));
    }
    assert_int_equal(ask(f, "GET", CM, NULL), 200);
    assert_null(strstr(buf_str(&f->client.in), "Warning:"));
    kinds_remove(api_kinds(f->world->api), &old);
}

int main(void)
{
#define LIVE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LIVE(test_server__verbs),
        LIVE(test_server__deprecated_versions),
        LIVE(test_server__patches),
        LIVE(test_server__patches_like_writes),
        LIVE(test_server__refusals),
        LIVE(test_server__deep_documents),
        LIVE(test_server__many_big_trees),
        LIVE(test_server__unknown_fields_are_warned_of),
        LIVE(test_server__who_may),
        LIVE(test_server__streams_of_a_user_are_cut),
        LIVE(test_server__tables),
        LIVE(test_server__long_tables),
        LIVE(test_server__watch),
        LIVE(test_server__watch_from_a_list),
        LIVE(test_server__watch_ends_with_a_bookmark),
        LIVE(test_server__watch_too_old),
        LIVE(test_server__watch_list),
        LIVE(test_server__watch_of_big_objects),
        LIVE(test_server__watch_as_tables),
        LIVE(test_server__many_watches),
        LIVE(test_server__logs),
        LIVE(test_server__why),
        LIVE(test_server__discovery_names_what_is_served),
        LIVE(test_server__aggregated_discovery),
        LIVE(test_server__openapi),
        LIVE(test_server__forms),
        LIVE(test_server__watch_of_metadata),
        LIVE(test_server__packed_bodies),
        LIVE(test_server__no_body_without_a_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
