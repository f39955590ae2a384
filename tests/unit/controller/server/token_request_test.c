/* A ServiceAccount's token over HTTP: asked for, and used. */

#include "controller/server/server.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/data/json.h"
#include "common/kinds/kinds.h"
#include "controller/auth/authn.h"
#include "controller/auth/sa_tokens.h"
#include "tests/unit/controller/lib/client.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROBOT "/api/v1/namespaces/default/serviceaccounts/robot"

struct fixture {
    struct world *world;
    struct key *key;
    struct sa_tokens *tokens;
    struct authn *authn;
    struct server *server;
    struct client client;
};

static void connect_as(struct fixture *f, struct client *client, const char *user,
                       const char *group)
{
    const char *groups[] = {group, NULL};
    struct http_peer peer = {user, groups, NULL, NULL};
    struct err err = {0};
    assert_int_equal(
        server_serve(f->server, client_connect(client, f->world->loop), user ? &peer : NULL, &err),
        0);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    signal(SIGPIPE, SIG_IGN);
    f->world = world_new();
    assert_int_equal(key_generate(&f->key, &err), 0);
    const struct sa_tokens_spec tokens = {f->world->api, &f->world->rng.rng, f->key};
    assert_int_equal(sa_tokens_new(&tokens, &f->tokens, &err), 0);
    const struct authn_spec authn = {f->world->loop, f->world->api, clock_system()};
    f->authn = authn_new(&authn);
    authn_add(f->authn, sa_tokens_check, f->tokens);
    const struct server_spec spec = {.loop = f->world->loop,
                                     .api = f->world->api,
                                     .clock = clock_system(),
                                     .rng = &f->world->rng.rng,
                                     .authn = f->authn,
                                     .tokens = f->tokens};
    assert_int_equal(server_new(&spec, &f->server, &err), 0);
    connect_as(f, &f->client, "admin", "system:masters");
    assert_int_equal(
        do_create(f->world, &kind_service_account, "default", "metadata: {name: robot}", NULL),
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
    authn_free(f->authn);
    sa_tokens_free(f->tokens);
    key_free(f->key);
    world_free(f->world);
    free(f);
    return 0;
}

static int post(struct fixture *f, const char *target, const char *body)
{
    return client_ask(&f->client, "POST", target, "Content-Type: application/json\r\n", body);
}

static struct value *answer(struct fixture *f)
{
    struct value *object = NULL;
    struct err err = {0};
    const char *body = strstr(buf_str(&f->client.in), "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(json_parse(body + 4, strlen(body + 4), &object, &err), 0);
    return object;
}

/* What a gateway's default roles let every service account read. */
static void let_discover(struct fixture *f)
{
    assert_int_equal(do_create(f->world, &kind_cluster_role, "",
                               "metadata: {name: discovery}\n"
                               "rules:\n"
                               "- {verbs: [get], nonResourceURLs: [/api/*, /openid/v1/jwks]}\n",
                               NULL),
                     201);
    assert_int_equal(
        do_create(
            f->world, &kind_cluster_role_binding, "",
            "metadata: {name: discovery}\n"
            "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: discovery}\n"
            "subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io,"
            " name: 'system:serviceaccounts'}]\n",
            NULL),
        201);
}

static void test_token_request__is_answered_and_used(void **state)
{
    struct fixture *f = *state;
    let_discover(f);
    assert_int_equal(post(f, ROBOT "/token", "{\"spec\":{\"expirationSeconds\":700}}"), 201);
    cleanup(value_free) struct value *request = answer(f);
    const char *token = value_get_str(value_get(request, "status"), "token");
    const char *end = value_get_str(value_get(request, "status"), "expirationTimestamp");
    int64_t end_ns;
    assert_non_null(token);
    assert_int_equal(clock_parse(end, &end_ns), 0);
    int64_t left_s = end_ns / NS_PER_S - clock_wall(clock_system()) / NS_PER_S;
    assert_in_range(left_s, 690, 700);
    autofree char *header = xasprintf("Authorization: Bearer %s\r\n", token);
    struct client robot;
    connect_as(f, &robot, NULL, NULL);
    assert_int_equal(client_ask(&robot, "GET", "/api/v1", header, NULL), 200);
    assert_int_equal(client_ask(&robot, "GET", "/openid/v1/jwks", header, NULL), 200);
    assert_int_equal(client_ask(&robot, "GET", ROBOT, header, NULL), 403);
    assert_non_null(
        strstr(buf_str(&robot.in), "User \\\"system:serviceaccount:default:robot\\\" cannot get"));
    assert_int_equal(do_delete(f->world, &kind_service_account, "default", "robot", -1, NULL), 200);
    assert_int_equal(client_ask(&robot, "GET", "/api/v1", header, NULL), 401);
    client_done(&robot);
}

static void test_token_request__refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *target, *body;
        int code;
    } cases[] = {
        {ROBOT "/token", "{}", 201},
        {ROBOT "/token", "{\"spec\":{\"expirationSeconds\":599}}", 422},
        {ROBOT "/token", "{\"spec\":{\"expirationSeconds\":4294967297}}", 422},
        {ROBOT "/token", "{\"spec\":{\"expirationSeconds\":\"x\"}}", 422},
        {ROBOT "/token", "{\"spec\":{\"audiences\":[\"\"]}}", 422},
        {ROBOT "/token", "{\"spec\":{\"audiences\":\"x\"}}", 422},
        {ROBOT "/token", "{\"spec\":{\"boundObjectRef\":{\"kind\":\"Pod\",\"name\":\"no\"}}}", 404},
        {ROBOT "/token", "{\"kind\":\"Pod\"}", 422},
        {ROBOT "/token", "{\"metadata\":{\"name\":\"other\"}}", 400},
        {ROBOT "/token", "[]", 400},
        {"/api/v1/namespaces/default/serviceaccounts/none/token", "{}", 404},
        {"/api/v1/namespaces/default/pods/x/token", "{}", 404},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int code = post(f, cases[i].target, cases[i].body);
        if (code != cases[i].code)
            fail_msg("case %zu: %d: %s", i, code, buf_str(&f->client.in));
    }
    assert_int_equal(client_ask(&f->client, "GET", ROBOT "/token", "", NULL), 405);
    struct client guest_client;
    connect_as(f, &guest_client, "guest", "people");
    assert_int_equal(client_ask(&guest_client, "POST", ROBOT "/token",
                                "Content-Type: application/json\r\n", "{}"),
                     403);
    client_done(&guest_client);
}

static void test_token_request__keys_for_others(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(client_ask(&f->client, "GET", "/openid/v1/jwks", "", NULL), 200);
    cleanup(value_free) struct value *keys = answer(f);
    const struct value *key = value_at(value_get(keys, "keys"), 0);
    assert_string_equal(value_get_str(key, "alg"), "ES256");
    assert_int_equal(strlen(value_get_str(key, "x")), 43);
    assert_int_equal(client_ask(&f->client, "GET", "/.well-known/openid-configuration", "", NULL),
                     200);
    cleanup(value_free) struct value *configuration = answer(f);
    assert_string_equal(value_get_str(configuration, "issuer"), SA_ISSUER);
}

static void make_pod(struct fixture *f, const char *name, const char *node, struct value **ret)
{
    autofree char *yaml = xasprintf(
        "{metadata: {name: %s}, spec: {nodeName: %s, "
        "serviceAccountName: robot, containers: [{name: a, image: i}], volumes: [{name: t, "
        "projected: {sources: [{serviceAccountToken: {path: token}}, "
        "{serviceAccountToken: {path: v, audience: vault}}]}}]}}",
        name, node);
    assert_int_equal(do_create(f->world, &kind_pod, "default", yaml, ret), 201);
}

/* A node gets tokens for the pods that are bound to it, and bound to them. */
static void test_token_request__by_a_node(void **state)
{
    struct fixture *f = *state;
    cleanup(value_free) struct value *own = NULL;
    cleanup(value_free) struct value *other = NULL;
    make_pod(f, "web", "pi", &own);
    make_pod(f, "db", "other", &other);
    assert_int_equal(
        do_create(f->world, &kind_service_account, "default", "metadata: {name: boss}", NULL), 201);
    world_settle(f->world);
    const struct {
        const char *account, *kind, *pod, *uid, *rest;
        int code;
    } cases[] = {
        {"robot", "Pod", "web", object_uid(own), "", 201},
        {"robot", "Pod", "web", object_uid(own), ",\"audiences\":[\"vault\"]", 201},
        {"robot", "Pod", "web", object_uid(own), ",\"audiences\":[\"shop\"]", 403},
        {"robot", "Pod", "web", object_uid(own), ",\"audiences\":[\"vault\",\"shop\"]", 403},
        {"robot", "Pod", "web", object_uid(own), ",\"expirationSeconds\":86400", 403},
        {"robot", "Pod", "web", object_uid(other), "", 403},
        {"robot", "Pod", "db", object_uid(other), "", 403},
        {"robot", "Secret", "web", object_uid(own), "", 403},
        {"robot", "Pod", "web", "", "", 403},
        {"boss", "Pod", "web", object_uid(own), "", 403},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *path =
            xasprintf("/api/v1/namespaces/default/serviceaccounts/%s/token", cases[i].account);
        autofree char *body = xasprintf("{\"spec\":{\"boundObjectRef\":{\"apiVersion\":\"v1\","
                                        "\"kind\":\"%s\",\"name\":\"%s\",\"uid\":\"%s\"}%s}}",
                                        cases[i].kind, cases[i].pod, cases[i].uid, cases[i].rest);
        struct client node;
        connect_as(f, &node, "system:node:pi", "system:nodes");
        int code = client_ask(&node, "POST", path, "Content-Type: application/json\r\n", body);
        if (code != cases[i].code)
            fail_msg("case %zu: %s", i, buf_str(&node.in));
        client_done(&node);
    }
}

#define REVIEWS "/apis/authentication.k8s.io/v1/tokenreviews"

/* Others who are shown a token ask whose it is. */
static void test_token_request__review(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(post(f, ROBOT "/token", "{\"spec\":{\"audiences\":[\"vault\",\"shop\"]}}"),
                     201);
    cleanup(value_free) struct value *request = answer(f);
    const char *token = value_get_str(value_get(request, "status"), "token");
    assert_int_equal(post(f, ROBOT "/token", "{}"), 201);
    cleanup(value_free) struct value *plain_request = answer(f);
    const char *plain = value_get_str(value_get(plain_request, "status"), "token");
    const struct {
        const char *token, *audiences;
        const char *matched; /* NULL: it is nobody's */
    } cases[] = {
        {token, "[\"vault\"]", "vault"},
        {token, "[\"other\",\"shop\"]", "shop"},
        {token, "[\"other\"]", NULL},
        {token, "[]", NULL},
        {plain, "[]", "https://kubernetes.default.svc"},
        {plain, "[\"vault\"]", NULL},
        {"rubbish", "[]", NULL},
        {"", "[]", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *body = xasprintf("{\"spec\":{\"token\":\"%s\",\"audiences\":%s},\"status\":{"
                                        "\"authenticated\":true}}",
                                        cases[i].token, cases[i].audiences);
        assert_int_equal(post(f, REVIEWS, body), 201);
        cleanup(value_free) struct value *review = answer(f);
        const struct value *status = value_get(review, "status"), *user = value_get(status, "user");
        if (value_get_bool(status, "authenticated", false) != (cases[i].matched != NULL))
            fail_msg("case %zu", i);
        const struct value *matched = value_get(status, "audiences");
        assert_int_equal(value_len(matched), cases[i].matched ? 1 : 0);
        if (!cases[i].matched)
            continue;
        assert_string_equal(value_str(value_at(matched, 0)), cases[i].matched);
        assert_string_equal(value_get_str(user, "username"), "system:serviceaccount:default:robot");
        assert_int_equal(value_len(value_get(user, "groups")), 3);
    }
    assert_int_equal(do_delete(f->world, &kind_service_account, "default", "robot", -1, NULL), 200);
    autofree char *late = xasprintf("{\"spec\":{\"token\":\"%s\"}}", plain);
    assert_int_equal(post(f, REVIEWS, late), 201);
    cleanup(value_free) struct value *review = answer(f);
    assert_false(value_get_bool(value_get(review, "status"), "authenticated", true));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_token_request__is_answered_and_used),
        TEST(test_token_request__by_a_node),
        TEST(test_token_request__refused),
        TEST(test_token_request__keys_for_others),
        TEST(test_token_request__review),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
