/* Dry runs over HTTP: of a row of objects, and of single writes. */
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/server/server.h"
#include "tests/unit/controller/lib/served.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

#define DRYRUN "/apis/limpet.io/v1/dryrun"
#define PODS "/api/v1/namespaces/default/pods"
#define POD(name)                                                                                  \
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name "\"},"                \
    "\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}}"
#define MAP(name, ns)                                                                              \
    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"" name                 \
    "\",\"namespace\":\"" ns "\"}}"
#define SHOP "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"shop\"}}"

struct fixture {
    struct world *world;
    struct server *server;
    struct client client;
};

static void connect_as(struct fixture *f, const char *user, const char *group)
{
    const char *groups[] = {group, NULL};
    struct http_peer peer = {user, groups, NULL};
    int fd = client_connect(&f->client, f->world->loop);
    assert_int_equal(server_serve(f->server, fd, user ? &peer : NULL, NULL), 0);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    signal(SIGPIPE, SIG_IGN);
    f->world = world_new();
    f->server = serve_world(f->world, NULL);
    connect_as(f, "admin", "system:masters");
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

static struct value *answer(struct fixture *f)
{
    struct value *object = NULL;
    const char *body = strstr(buf_str(&f->client.in), "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(json_parse(body + 4, strlen(body + 4), &object, NULL), 0);
    return object;
}

/* The actions of a row, and why not: "created refused(404) ..." */
static void assert_results(struct fixture *f, const char *want)
{
    cleanup(value_free) struct value *object = answer(f);
    const struct value *results = value_get(object, "results");
    cleanup(buf_done) struct buf text = {0};
    assert_string_equal(value_get_str(object, "kind"), "DryRun");
    for (size_t i = 0; i < value_len(results); i++) {
        const struct value *result = value_at(results, i), *status = value_get(result, "status");
        (void)buf_addf(&text, "%s%s", i ? " " : "", value_get_str(result, "action"));
        if (status)
            (void)buf_addf(&text, "(%d)", (int)value_get_int(status, "code", 0));
    }
    assert_string_equal(buf_str(&text), want);
}

static void test_dryrun_request__a_row(void **state)
{
    struct fixture *f = *state;
    static const char row[] = "{\"objects\":[" MAP("early", "shop") "," SHOP "," MAP(
        "late", "shop") "," POD("web") "," POD("web") ",{\"kind\":\"Pood\"}," MAP("x", "none") "]}";
    int64_t before = api_revision(f->world->api);
    assert_int_equal(ask(f, "POST", DRYRUN, row), 200);
    assert_results(f, "refused(404) created created created unchanged refused(400) refused(404)");
    world_settle(f->world);
    assert_int_equal(api_revision(f->world->api), before);
    assert_int_equal(ask(f, "POST", PODS, POD("web")), 201);
    assert_int_equal(ask(f, "POST", DRYRUN, row), 200);
    assert_results(f,
                   "refused(404) created created configured unchanged refused(400) refused(404)");
}

static void test_dryrun_request__objects_on_request(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "POST", DRYRUN, "{\"objects\":[" POD("web") "]}"), 200);
    assert_null(strstr(buf_str(&f->client.in), "restartPolicy"));
    assert_int_equal(ask(f, "POST", DRYRUN "?objects=true", "{\"objects\":[" POD("web") "]}"), 200);
    assert_non_null(strstr(buf_str(&f->client.in), "\"restartPolicy\":\"Always\""));
}

static void test_dryrun_request__bad_ones(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "GET", DRYRUN, NULL), 405);
    assert_int_equal(ask(f, "POST", DRYRUN, "{\"objects\":7}"), 400);
    assert_int_equal(ask(f, "POST", DRYRUN, "[]"), 400);
    assert_int_equal(ask(f, "POST", DRYRUN, "{\"objects\":[7,null,[]]}"), 200);
    assert_results(f, "refused(400) refused(400) refused(400)");
    assert_int_equal(ask(f, "POST", DRYRUN "?objects=maybe", "{\"objects\":[]}"), 400);
}

static void test_dryrun_request__who_may(void **state)
{
    struct fixture *f = *state;
    client_done(&f->client);
    connect_as(f, "guest", "friends");
    assert_int_equal(ask(f, "POST", DRYRUN, "{\"objects\":[" POD("web") "]}"), 200);
    assert_results(f, "refused(403)");
    client_done(&f->client);
    connect_as(f, NULL, NULL);
    assert_int_equal(ask(f, "POST", DRYRUN, "{\"objects\":[" POD("web") "]}"), 403);
}

/* As kubectl --dry-run=server asks: nothing is written by any verb. */
static void test_dryrun_request__of_single_writes(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "POST", PODS "?dryRun=All", POD("new")), 201);
    assert_int_equal(ask(f, "GET", PODS "/new", NULL), 404);
    assert_int_equal(ask(f, "POST", PODS "?dryRun=All", "{\"metadata\":{\"name\":\"new\"}}"), 422);
    assert_int_equal(ask(f, "POST", PODS, POD("web")), 201);
    int64_t before = api_revision(f->world->api);
    assert_int_equal(ask(f, "PUT", PODS "/web?dryRun=All", POD("web")), 200);
    assert_int_equal(ask(f, "PATCH", PODS "/web?dryRun=All", NULL), 415);
    assert_int_equal(client_ask(&f->client, "PATCH", PODS "/web?dryRun=All",
                                "Content-Type: application/merge-patch+json\r\n",
                                "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"),
                     200);
    assert_non_null(strstr(buf_str(&f->client.in), "\"a\":\"b\""));
    assert_int_equal(ask(f, "POST", PODS "/web/binding?dryRun=All",
                         "{\"kind\":\"Binding\",\"target\":{\"name\":\"pi\"}}"),
                     201);
    assert_int_equal(ask(f, "DELETE", PODS "/web?dryRun=All", NULL), 200);
    assert_int_equal(ask(f, "DELETE", PODS "/web", "{\"dryRun\":[\"All\"]}"), 200);
    assert_int_equal(ask(f, "DELETE", PODS "/none?dryRun=All", NULL), 404);
    assert_int_equal(ask(f, "DELETE", PODS "/web?dryRun=Some", NULL), 422);
    world_settle(f->world);
    assert_int_equal(api_revision(f->world->api), before);
    cleanup(value_free) struct value *pod = get(f->world, &kind_pod, "default", "web");
    assert_null(value_path(pod, "spec", "nodeName", NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_dryrun_request__a_row),
        TEST(test_dryrun_request__objects_on_request),
        TEST(test_dryrun_request__bad_ones),
        TEST(test_dryrun_request__who_may),
        TEST(test_dryrun_request__of_single_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
