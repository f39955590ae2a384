/* nodes/NAME/pull over HTTP: what is asked of a node, and what is not; the node is the test's. */

#include "controller/server/server.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "tests/lib/await.h"
#include "tests/unit/controller/lib/served.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODES "/api/v1/nodes"

struct fixture {
    struct world *world;
    struct server *server;
    struct client client;
    struct server_hooks hooks;
    struct buf asked;      /* of the node: "order [...]" or "tell [...]" */
    bool holds;            /* the node does not answer at once */
    struct pod_sink *sink; /* of who waits for it; NULL: the sink is not the node's any more */
    int gone;              /* clients who left before their answer was whole */
};

static void sink_gone(void *ctx)
{
    struct fixture *f = ctx;
    f->gone++;
    f->sink = NULL;
}

static void hook_node_pull(void *ctx, const struct node_pull *pull, struct pod_sink *sink)
{
    struct fixture *f = ctx;
    assert_string_equal(pull->node, "pi");
    (void)buf_addf(&f->asked, "%s ", pull->order ? "order" : "tell");
    (void)json_write(pull->images, &f->asked);
    if (f->holds) {
        static const struct pod_sink_handler handler = {.gone = sink_gone};
        pod_sink_set_handler(sink, &handler, f);
        f->sink = sink;
        return;
    }
    assert_int_equal(pod_sink_write(sink, "{\"images\":[]}", 13), 0);
    pod_sink_end(sink);
}

static void connect_as(struct fixture *f, struct client *client, const char *user,
                       const char *group)
{
    serve_client(f->server, f->world, client, user, group);
}

static int ask(struct fixture *f, const char *method, const char *target, const char *body)
{
    return client_ask(&f->client, method, target, body ? "Content-Type: application/json\r\n" : "",
                      body);
}

static void set_ready(struct fixture *f, const char *status)
{
    autofree char *body =
        xasprintf("{\"status\":{\"conditions\":[{\"type\":\"Other\",\"status\":\"True\"},"
                  "{\"type\":\"Ready\",\"status\":\"%s\"}]}}",
                  status);
    assert_int_equal(client_ask(&f->client, "PATCH", NODES "/pi/status",
                                "Content-Type: application/merge-patch+json\r\n", body),
                     200);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    signal(SIGPIPE, SIG_IGN);
    buf_init(&f->asked, 0);
    f->world = world_new();
    f->hooks = (struct server_hooks){.ctx = f, .node_pull = hook_node_pull};
    f->server = serve_world(f->world, &f->hooks);
    connect_as(f, &f->client, "admin", "system:masters");
    assert_int_equal(
        ask(f, "POST", NODES,
            "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"pi\"}}"),
        201);
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
    buf_done(&f->asked);
    free(f);
    return 0;
}

static void test_node_pull__asks_the_node(void **state)
{
    struct fixture *f = *state;
    set_ready(f, "True");
    assert_int_equal(ask(f, "POST", NODES "/pi/pull?image=r.io%2Fa%3A1&image=b", NULL), 200);
    assert_non_null(strstr(buf_str(&f->client.in), "Content-Type: application/json"));
    assert_int_equal(ask(f, "GET", NODES "/pi/pull?image=b", NULL), 200);
    assert_string_equal(buf_str(&f->asked), "order [\"r.io/a:1\",\"b\"]tell [\"b\"]");
}

static void test_node_pull__refused(void **state)
{
    struct fixture *f = *state;
    cleanup(buf_done) struct buf many = {0};
    cleanup(buf_done) struct buf large = {0};
    (void)buf_addstr(&many, NODES "/pi/pull?image=a");
    for (int i = 0; i < 16; i++)
        (void)buf_addstr(&many, "&image=a");
    (void)buf_addstr(&large, NODES "/pi/pull?image=");
    for (int i = 0; i < 513; i++)
        (void)buf_addc(&large, 'a');
    const struct {
        const char *method, *target;
        int code;
    } cases[] = {
        {"POST", NODES "/none/pull?image=a", 404},
        {"POST", NODES "/pi/pull", 400},
        {"POST", NODES "/pi/pull?image=", 400},
        {"POST", buf_str(&many), 400},
        {"POST", buf_str(&large), 400},
        {"PUT", NODES "/pi/pull?image=a", 405},
        {"DELETE", NODES "/pi/pull?image=a", 405},
        {"POST", NODES "/pi/pull/x?image=a", 404},
    };
    set_ready(f, "True");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (ask(f, cases[i].method, cases[i].target, NULL) != cases[i].code)
            fail_msg("%s %.60s: %.200s", cases[i].method, cases[i].target, buf_str(&f->client.in));
    set_ready(f, "Unknown"); /* it is away: nobody waits for it */
    assert_int_equal(ask(f, "POST", NODES "/pi/pull?image=a", NULL), 503);
    f->hooks.node_pull = NULL;
    set_ready(f, "True");
    assert_int_equal(ask(f, "POST", NODES "/pi/pull?image=a", NULL), 503);
    assert_string_equal(buf_str(&f->asked), "");
}

/* Who may look may not order. */
static void test_node_pull__rights(void **state)
{
    struct fixture *f = *state;
    struct client eve;
    set_ready(f, "True");
    assert_int_equal(
        ask(f, "POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRole\","
            "\"metadata\":{\"name\":\"look\"},\"rules\":[{\"apiGroups\":[\"\"],\"resources\":"
            "[\"nodes/pull\"],\"verbs\":[\"get\"]}]}"),
        201);
    assert_int_equal(
        ask(f, "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRoleBinding\","
            "\"metadata\":{\"name\":\"look\"},\"roleRef\":{\"apiGroup\":"
            "\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"look\"},"
            "\"subjects\":[{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"User\","
            "\"name\":\"eve\"}]}"),
        201);
    connect_as(f, &eve, "eve", "people");
    assert_int_equal(client_ask(&eve, "POST", NODES "/pi/pull?image=a", "", NULL), 403);
    assert_string_equal(buf_str(&f->asked), "");
    assert_int_equal(client_ask(&eve, "GET", NODES "/pi/pull?image=a", "", NULL), 200);
    assert_string_equal(buf_str(&f->asked), "tell [\"a\"]");
    client_done(&eve);
}

/* A client who has asked, and whom the node has not answered yet. */
static void ask_and_wait(struct fixture *f, struct client *client)
{
    f->holds = true;
    set_ready(f, "True");
    connect_as(f, client, "admin", "system:masters");
    client_send(client, "POST " NODES "/pi/pull?image=a HTTP/1.1\r\nHost: x\r\n\r\n");
    AWAIT(f->sink, client_turn(client));
}

static void fail_late(struct fixture *f)
{
    pod_sink_fail(f->sink, 504, "node pi does not answer");
    f->sink = NULL;
}

static bool is_served(struct fixture *f)
{
    return ask(f, "GET", NODES "/pi", NULL) == 200;
}

/* What no node answers in time ends in a Status, and the connection goes on. */
static void test_node_pull__late(void **state)
{
    struct fixture *f = *state;
    struct client client;
    ask_and_wait(f, &client);
    fail_late(f);
    assert_true(client_await(&client, "node pi does not answer"));
    assert_non_null(strstr(buf_str(&client.in), "HTTP/1.1 504 "));
    assert_non_null(strstr(buf_str(&client.in), "\"kind\":\"Status\""));
    assert_int_equal(client_ask(&client, "GET", NODES "/pi", "", NULL), 200);
    assert_int_equal(f->gone, 0);
    client_done(&client);
}

/* Half an answer is not taken for a whole one. */
static void test_node_pull__cut_amid(void **state)
{
    struct fixture *f = *state;
    struct client client;
    ask_and_wait(f, &client);
    assert_int_equal(pod_sink_write(f->sink, "{\"images\":[", 11), 0);
    assert_true(client_await(&client, "{\"images\":["));
    fail_late(f);
    AWAIT(client.closed, client_turn(&client));
    assert_null(strstr(buf_str(&client.in), "\r\n0\r\n"));
    assert_null(strstr(buf_str(&client.in), "does not answer"));
    assert_int_equal(f->gone, 0);
    assert_true(is_served(f));
    client_done(&client);
}

/* Who leaves before the node has answered is not written to for ever, and nobody else is held up.
 */
static void test_node_pull__client_leaves(void **state)
{
    struct fixture *f = *state;
    struct client client;
    ask_and_wait(f, &client);
    client_done(&client);
    assert_true(is_served(f));
    assert_int_equal(f->gone, 0); /* it is known when something is to be sent */
    assert_int_equal(pod_sink_write(f->sink, "{\"images\":[", 11), 0);
    AWAIT(!f->sink, client_turn(&f->client));
    assert_int_equal(f->gone, 1);
    assert_true(is_served(f));
}

static void test_node_pull__client_leaves_late(void **state)
{
    struct fixture *f = *state;
    struct client client;
    ask_and_wait(f, &client);
    client_done(&client);
    assert_true(is_served(f));
    fail_late(f);
    assert_int_equal(f->gone, 0);
    assert_true(is_served(f));
    ask_and_wait(f, &client); /* and another is answered */
    assert_int_equal(pod_sink_write(f->sink, "{\"images\":[]}", 13), 0);
    pod_sink_end(steal(f->sink));
    assert_true(client_await(&client, "\r\n0\r\n\r\n"));
    client_done(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_node_pull__asks_the_node, setup, teardown),
        cmocka_unit_test_setup_teardown(test_node_pull__refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_node_pull__rights, setup, teardown),
        cmocka_unit_test_setup_teardown(test_node_pull__late, setup, teardown),
        cmocka_unit_test_setup_teardown(test_node_pull__cut_amid, setup, teardown),
        cmocka_unit_test_setup_teardown(test_node_pull__client_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_node_pull__client_leaves_late, setup, teardown),
    };
    return cmocka_run_group_tests_name("node_pull", tests, NULL, NULL);
}
