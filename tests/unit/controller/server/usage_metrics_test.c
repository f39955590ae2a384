/* NodeMetrics, PodMetrics and what Prometheus scrapes of a node, over HTTP; the nodes are the
 * test's. */

#include "tests/unit/controller/lib/documents.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/server/server.h"
#include "tests/unit/controller/lib/served.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODES "/apis/metrics.k8s.io/v1beta1/nodes"
#define PODS "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods"

struct fixture {
    struct world *world;
    struct server *server;
    struct client client;
    struct server_hooks hooks;
    struct node_usage_source source;
    char *asked;     /* names, each with a blank behind it */
    char *uids[2];   /* of the pods web and db */
    bool busy, dead; /* too many ask; no node answers */
};

static int ask_nodes(void *ctx, const struct value *nodes, node_usage_fn *fn, void *fn_ctx)
{
    struct fixture *f = ctx;
    if (f->busy)
        return -EBUSY;
    cleanup(buf_done) struct buf names;
    buf_init(&names, 0);
    for (size_t i = 0; i < value_len(nodes); i++)
        buf_addf(&names, "%s ", value_str(value_at(nodes, i)));
    free(f->asked);
    f->asked = xstrdup(buf_str(&names));
    fn(fn_ctx, true); /* the test's server does not mind that it is at once */
    return 0;
}

/* Node a tells of its pod web, of db, which is b's, and of one that is nobody's; b of nothing. */
static int find_node(void *ctx, const char *node, struct node_usage_answer *ret)
{
    struct fixture *f = ctx;
    if (f->dead || !str_eq(node, "a"))
        return -ENOENT;
    autofree char *text = xasprintf(
        "{\"window\":5000,\"node\":{\"cpu\":1500000000,\"cpuTime\":2500000000,"
        "\"memory\":2097152},\"pods\":["
        "{\"namespace\":\"default\",\"name\":\"web\",\"uid\":\"%s\",\"containers\":["
        "{\"name\":\"one\",\"cpu\":250000000,\"cpuTime\":7500000000,\"memory\":1048576},"
        "{\"name\":\"two\",\"cpu\":250000001,\"memory\":2048},{\"name\":\"begun\"},7,{\"name\":7}]},"
        "{\"namespace\":\"default\",\"name\":\"db\",\"uid\":\"%s\",\"containers\":["
        "{\"name\":\"x\",\"cpu\":1,\"memory\":1}]},"
        "{\"namespace\":\"default\",\"name\":\"odd\\\"\\n\",\"uid\":\"u\",\"containers\":["
        "{\"name\":\"x\",\"cpu\":-1,\"cpuTime\":1,\"memory\":\"1\"}]},{\"uid\":\"%s\"},null]}",
        f->uids[0], f->uids[1], f->uids[0]);
    struct err err = {0};
    *ret = (struct node_usage_answer){.time_ns = INT64_C(1800000000) * NS_PER_S,
                                      .window_ns = 5 * NS_PER_S};
    assert_int_equal(json_parse(text, strlen(text), &ret->all, &err), 0);
    return 0;
}

static void make_objects(struct fixture *f)
{
    static const char *const names[] = {"web", "db", "done", "waiting"};
    static const char *const more[] = {
        "labels: {app: web}}, spec: {nodeName: a, ", "labels: {app: db}}, spec: {nodeName: b, ",
        "labels: {app: web}}, spec: {nodeName: c, ", "labels: {app: web}}, spec: {"};
    assert_int_equal(
        do_create(f->world, &kind_node, "", "{metadata: {name: a, labels: {place: shed}}}", NULL),
        201);
    assert_int_equal(do_create(f->world, &kind_node, "", "{metadata: {name: b}}", NULL), 201);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        autofree char *yaml =
            xasprintf("{metadata: {name: %s, namespace: default, %scontainers: [{name: one, "
                      "image: x}]}}",
                      names[i], more[i]);
        cleanup(value_free) struct value *pod = NULL;
        assert_int_equal(do_create(f->world, &kind_pod, "default", yaml, &pod), 201);
        if (i < ARRAY_LEN(f->uids))
            f->uids[i] = xstrdup(object_uid(pod));
    }
    cleanup(value_free) struct value *done = get(f->world, &kind_pod, "default", "done");
    value_set_str(value_make_map(done, "status", NULL), "phase", "Succeeded");
    assert_int_equal(do_update(f->world, &kind_pod, "default", done, API_STATUS, NULL), 200);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    signal(SIGPIPE, SIG_IGN);
    f->world = world_new();
    f->source = (struct node_usage_source){f, ask_nodes, find_node};
    f->hooks.usage = &f->source;
    f->server = serve_world(f->world, &f->hooks);
    serve_client(f->server, f->world, &f->client, "admin", "system:masters");
    make_objects(f);
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
    free(f->asked);
    free(f->uids[0]);
    free(f->uids[1]);
    free(f);
    return 0;
}

static const char *body_of(struct fixture *f)
{
    const char *body = strstr(buf_str(&f->client.in), "\r\n\r\n");
    assert_non_null(body);
    return body + 4;
}

/* GET: the code, and what is answered; NULL: it is no JSON. */
static struct value *ask(struct fixture *f, const char *target, const char *headers, int code)
{
    struct value *object = NULL;
    struct err err = {0};
    int got = client_ask(&f->client, "GET", target, headers, NULL);
    if (got != code)
        fail_msg("%s: %s", target, buf_str(&f->client.in));
    return json_parse(body_of(f), strlen(body_of(f)), &object, &err) == 0 ? object : NULL;
}

#define ITEM_A                                                                                     \
    "metadata: {name: a, creationTimestamp: '2027-01-15T08:00:00Z', labels: {place: shed}}, "      \
    "timestamp: '2027-01-15T08:00:00Z', window: 5.000s, "                                          \
    "usage: {cpu: 1500000000n, memory: 2048Ki}"
#define ITEM_WEB                                                                                   \
    "metadata: {name: web, namespace: default, creationTimestamp: '2027-01-15T08:00:00Z', "        \
    "labels: {app: web}}, timestamp: '2027-01-15T08:00:00Z', window: 5.000s, containers: ["        \
    "{name: one, usage: {cpu: 250000000n, memory: 1024Ki}}, "                                      \
    "{name: two, usage: {cpu: 250000001n, memory: 2Ki}}]"
#define NODE_TYPE "kind: NodeMetrics, apiVersion: metrics.k8s.io/v1beta1, "
#define POD_TYPE "kind: PodMetrics, apiVersion: metrics.k8s.io/v1beta1, "
#define LIST(kind, items)                                                                          \
    "{kind: " kind "List, apiVersion: metrics.k8s.io/v1beta1, metadata: {}, items: [" items "]}"

static void test_usage_metrics__answers(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *target, *asked, *answer;
    } cases[] = {
        {NODES, "a b ", LIST("NodeMetrics", "{" NODE_TYPE ITEM_A "}")},
        {NODES "?labelSelector=place%3Dshed", "a ", LIST("NodeMetrics", "{" NODE_TYPE ITEM_A "}")},
        {NODES "?fieldSelector=metadata.name%3Db", "b ", LIST("NodeMetrics", "")},
        {NODES "/a", "a ", "{" NODE_TYPE ITEM_A "}"},
        /* db is b's pod: what a says of it is not believed. done and waiting run nowhere. */
        {PODS, "a b ", LIST("PodMetrics", "{" POD_TYPE ITEM_WEB "}")},
        {"/apis/metrics.k8s.io/v1beta1/pods?labelSelector=app%3Dweb", "a ",
         LIST("PodMetrics", "{" POD_TYPE ITEM_WEB "}")},
        {"/apis/metrics.k8s.io/v1beta1/namespaces/far/pods", "", LIST("PodMetrics", "")},
        {PODS "/web", "a ", "{" POD_TYPE ITEM_WEB "}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].target);
        cleanup(value_free) struct value *answer = ask(f, cases[i].target, "", 200);
        assert_document(answer, cases[i].answer);
        assert_string_equal(f->asked, cases[i].asked);
    }
}

static void test_usage_metrics__refuses(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *target;
        int code;
        const char *message;
    } cases[] = {
        {NODES "/none", 404, "nodemetrics.metrics.k8s.io \"none\" not found"},
        {NODES "/b", 404, "nodemetrics.metrics.k8s.io \"b\" not found"},
        {PODS "/none", 404, "podmetrics.metrics.k8s.io \"default/none\" not found"},
        {PODS "/db", 404, "podmetrics.metrics.k8s.io \"default/db\" not found"},
        {PODS "/waiting", 404, "podmetrics.metrics.k8s.io \"default/waiting\" not found"},
        {PODS "?watch=1", 405, NULL},
        {PODS "?labelSelector=%3D%3D", 400, NULL},
        {"/api/v1/nodes/none/proxy/metrics", 404, "nodes \"none\" not found"},
        {"/api/v1/nodes/b/proxy/metrics", 503, "node b does not answer"},
        {"/api/v1/nodes/a/proxy", 404, NULL},
        {"/api/v1/nodes/a/proxy/", 404, NULL},
        {"/api/v1/nodes/a/proxy/pods", 404, NULL},
        {"/api/v1/nodes/a/proxy/metrics/probes", 404, NULL},
        {"/api/v1/nodes/a/proxy/metrics/resource/x", 404, NULL},
        {"/api/v1/nodes/a/status/metrics", 404, NULL},
        {"/api/v1/nodes/https%3Aa%3A10250/proxy/metrics", 404, NULL},
        {"/api/v1/nodes/169.254.169.254/proxy/metrics", 404, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *status = ask(f, cases[i].target, "", cases[i].code);
        assert_string_equal(value_get_str(status, "kind"), "Status");
        if (cases[i].message)
            assert_string_equal(value_get_str(status, "message"), cases[i].message);
    }
    static const char *const all[] = {NODES, PODS "/web", "/api/v1/nodes/a/proxy/metrics"};
    f->busy = true;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        value_free(ask(f, all[i], "", 429));
    f->hooks.usage = NULL;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        value_free(ask(f, all[i], "", 503));
}

static void test_usage_metrics__tables(void **state)
{
    struct fixture *f = *state;
    static const char accept[] = "Accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n";
    static const struct {
        const char *target, *cells;
    } cases[] = {{NODES, "[a, 1500000000n, 2048Ki, 5.000s]"},
                 {PODS "/web", "[web, 500000001n, 1026Ki, 5.000s]"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *table = ask(f, cases[i].target, accept, 200);
        const struct value *rows = value_get(table, "rows");
        assert_int_equal(value_len(rows), 1);
        assert_document(value_get(value_at(rows, 0), "cells"), cases[i].cells);
    }
}

static void test_usage_metrics__scraped(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[] = {"/api/v1/nodes/a/proxy/metrics",
                                        "/api/v1/nodes/a/proxy/metrics/resource",
                                        "/api/v1/nodes/a/proxy/metrics/cadvisor"};
    static const char *const lines[] = {
        "\nnode_cpu_usage_seconds_total 2.5\n",
        "\nnode_memory_working_set_bytes 2097152\n",
        "\ncontainer_cpu_usage_seconds_total{container=\"one\",namespace=\"default\",pod=\"web\"} "
        "7.5\n",
        "\ncontainer_memory_working_set_bytes{container=\"two\",namespace=\"default\","
        "pod=\"web\"} 2048\n",
        ",pod=\"odd\\\"\\n\"} 1e-09\n",
        "\n# TYPE node_cpu_usage_seconds_total counter\n",
        "\nscrape_error 0\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        value_free(ask(f, paths[i], "", 200));
        assert_non_null(strstr(buf_str(&f->client.in), "Content-Type: text/plain; version=0.0.4"));
        for (size_t l = 0; l < ARRAY_LEN(lines); l++)
            if (!strstr(body_of(f), lines[l]))
                fail_msg("no %s in: %s", lines[l], body_of(f));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_usage_metrics__answers),
        TEST(test_usage_metrics__refuses),
        TEST(test_usage_metrics__tables),
        TEST(test_usage_metrics__scraped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
