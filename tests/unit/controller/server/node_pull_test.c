/* nodes/NAME/pull over HTTP: what is asked of a node, and what is not; the node is the test's. */

#include "controller/server/server.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "tests/unit/controller/lib/client.h"
#include "tests/unit/controller/lib/world.h"

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
    struct buf asked; /* of the node: "order [...]" or "tell [...]" */
};

static void hook_node_pull(void *ctx, const struct node_pull *pull, struct pod_sink *sink)
{
    struct fixture *f = ctx;
    assert_string_equal(pull->node, "pi");
    (void)buf_addf(&f->asked, "%s ", pull->order ? "order" : "tell");
    (void)json_write(pull->images, &f->asked);
    assert_int_equal(pod_sink_write(sink, "{\"images\":[]}", 13), 0);
    pod_sink_end(sink);
}

static void connect_as(struct fixture *f, struct client *client, const char *user,
                       const char *group)
{
    const char *groups[] = {group, NULL};
    struct http_peer peer = {user, groups, NULL, "192.0.2.7"};
    struct err err = {0};
    assert_int_equal(server_serve(f->server, client_connect(client, f->world->loop), &peer, &err),
                     0);
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
    struct err err = {0};
    signal(SIGPIPE, SIG_IGN);
    buf_init(&f->asked, 0);
    f->world = world_new();
    f->hooks = (struct server_hooks){.ctx = f, .node_pull = hook_node_pull};
    const struct server_spec spec = {.loop = f->world->loop,
                                     .api = f->world->api,
                                     .clock = clock_system(),
                                     .rng = &f->world->rng.rng,
                                     .hooks = &f->hooks};
    assert_int_equal(server_new(&spec, &f->server, &err), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_node_pull__asks_the_node, setup, teardown),
        cmocka_unit_test_setup_teardown(test_node_pull__refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_node_pull__rights, setup, teardown),
    };
    return cmocka_run_group_tests_name("node_pull", tests, NULL, NULL);
}
