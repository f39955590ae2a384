/* Kinds that are answered and never stored. */

#include "tests/unit/controller/lib/documents.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/server/server.h"
#include "tests/unit/controller/lib/served.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct fixture {
    struct world *world;
    struct server *server;
    struct client client;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    signal(SIGPIPE, SIG_IGN);
    f->world = world_new();
    f->server = serve_world(f->world, NULL);
    serve_client(f->server, f->world, &f->client, "admin", "system:masters");
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
    const char *body = strstr(buf_str(&f->client.in), "\r\n\r\n");
    assert_non_null(body);
    if (json_parse(body + 4, strlen(body + 4), &object, &err) != 0)
        fail_msg("%s in: %s", err.msg, buf_str(&f->client.in));
    return object;
}

static void assert_status(struct fixture *f, int code, const char *reason)
{
    cleanup(value_free) struct value *status = answer(f);
    assert_string_equal(value_get_str(status, "kind"), "Status");
    assert_int_equal(value_get_int(status, "code", 0), code);
    assert_string_equal(value_get_str(status, "reason"), reason);
}

#define WHOAMI "/apis/authentication.k8s.io/v1/selfsubjectreviews"

/* Of computed kinds nothing is kept: by no way in. */
static void test_computed__nothing_is_kept(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *method, *target, *body;
        int code;
        const char *reason;
    } cases[] = {
        {"GET", WHOAMI, NULL, 405, "MethodNotAllowed"},
        {"GET", WHOAMI "?watch=1", NULL, 405, "MethodNotAllowed"},
        {"GET", WHOAMI "/web", NULL, 405, "MethodNotAllowed"},
        {"DELETE", WHOAMI, NULL, 405, "MethodNotAllowed"},
        {"DELETE", WHOAMI "/web", NULL, 405, "MethodNotAllowed"},
        {"PUT", WHOAMI "/web", "{}", 405, "MethodNotAllowed"},
        {"PATCH", WHOAMI "/web", "{}", 405, "MethodNotAllowed"},
        {"POST", WHOAMI "?fieldValidation=Strict", "{\"spec\":{}}", 400, "BadRequest"},
        {"POST", WHOAMI, "{\"kind\":\"Pod\"}", 400, "BadRequest"},
        {"POST", WHOAMI, "{\"metadata\":7}", 400, "BadRequest"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int code = ask(f, cases[i].method, cases[i].target, cases[i].body);
        if (code != cases[i].code)
            fail_msg("%s %s: %s", cases[i].method, cases[i].target, buf_str(&f->client.in));
        assert_status(f, code, cases[i].reason);
    }
    assert_int_equal(ask(f, "POST", WHOAMI, "{\"status\":{\"userInfo\":{\"username\":\"eve\"}}}"),
                     201);
    cleanup(value_free) struct value *review = answer(f);
    assert_document(review,
                    "{kind: SelfSubjectReview, apiVersion: authentication.k8s.io/v1, metadata: {}, "
                    "status: {userInfo: {username: admin, groups: [system:masters, "
                    "system:authenticated]}}}");
    assert_int_equal(do_apply(f->world, &kind_self_subject_review, "",
                              "{apiVersion: authentication.k8s.io/v1, kind: SelfSubjectReview, "
                              "metadata: {name: kept}}",
                              NULL),
                     405);
    assert_int_equal(ask(f, "GET", WHOAMI, NULL), 405);
}

#define REVIEW(plural) "/apis/authorization.k8s.io/v1/" plural

static void bind_guest(struct fixture *f)
{
    assert_int_equal(do_create(f->world, &kind_role, "default",
                               "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: "
                               "{name: r}, rules: [{verbs: [get], apiGroups: [''], resources: "
                               "[pods], resourceNames: [web]}]}",
                               NULL),
                     201);
    assert_int_equal(do_create(f->world, &kind_role_binding, "default",
                               "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, "
                               "metadata: {name: b}, roleRef: {kind: Role, name: r}, subjects: "
                               "[{kind: User, name: guest}, {kind: Group, name: staff}]}",
                               NULL),
                     201);
}

static void test_computed__access_reviews(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *target, *spec;
        int code;
        const char *status; /* of 201; else a part of the message */
    } cases[] = {
        {REVIEW("subjectaccessreviews"),
         "\"user\":\"guest\",\"resourceAttributes\":{\"namespace\":\"default\",\"verb\":\"get\","
         "\"resource\":\"pods\",\"name\":\"web\"}",
         201,
         "{allowed: true, reason: 'RBAC: allowed by RoleBinding \"b/default\" of Role \"r\" to User "
         "\"guest\"'}"},
        {REVIEW("subjectaccessreviews"),
         "\"user\":\"eve\",\"groups\":[\"staff\"],\"resourceAttributes\":{\"namespace\":"
         "\"default\",\"verb\":\"get\",\"resource\":\"pods\",\"name\":\"web\"}",
         201,
         "{allowed: true, reason: 'RBAC: allowed by RoleBinding \"b/default\" of Role \"r\" to Group "
         "\"staff\"'}"},
        {REVIEW("subjectaccessreviews"),
         "\"user\":\"guest\",\"resourceAttributes\":{\"namespace\":\"default\",\"verb\":\"list\","
         "\"resource\":\"pods\"}",
         201, "{allowed: false}"},
        {REVIEW("subjectaccessreviews"),
         "\"user\":\"system:limpet:link\",\"resourceAttributes\":{\"verb\":\"list\",\"resource\":"
         "\"secrets\"}",
         201, "{allowed: false}"},
        {REVIEW("subjectaccessreviews"),
         "\"groups\":[\"system:masters\"],\"nonResourceAttributes\":{\"path\":\"/metrics\","
         "\"verb\":\"get\"}",
         201, "{allowed: true}"},
        {REVIEW("subjectaccessreviews"), "\"user\":\"guest\"", 422, "exactly one of"},
        {REVIEW("subjectaccessreviews"), "\"nonResourceAttributes\":{\"path\":\"/\"}", 422,
         "at least one of user or group"},
        {REVIEW("selfsubjectaccessreviews"),
         "\"resourceAttributes\":{\"verb\":\"*\",\"group\":\"*\",\"resource\":\"*\"}", 201,
         "{allowed: true}"},
        {REVIEW("selfsubjectaccessreviews"),
         "\"resourceAttributes\":{},\"nonResourceAttributes\":{}", 422, "cannot be specified in"},
        {REVIEW("namespaces/default/localsubjectaccessreviews"),
         "\"user\":\"guest\",\"resourceAttributes\":{\"namespace\":\"other\",\"verb\":\"get\","
         "\"resource\":\"pods\"}",
         422, "must match metadata.namespace"},
        {REVIEW("namespaces/default/localsubjectaccessreviews"),
         "\"user\":\"guest\",\"resourceAttributes\":{\"namespace\":\"default\",\"verb\":\"get\","
         "\"resource\":\"pods\"}",
         201, "{allowed: false}"},
    };
    bind_guest(f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *body = xasprintf("{\"spec\":{%s}}", cases[i].spec);
        int code = ask(f, "POST", cases[i].target, body);
        cleanup(value_free) struct value *review = answer(f);
        if (code != cases[i].code)
            fail_msg("case %zu: %s", i, buf_str(&f->client.in));
        if (code == 201)
            assert_document(value_get(review, "status"), cases[i].status);
        else
            assert_non_null(strstr(value_get_str(review, "message"), cases[i].status));
    }
}

static void test_computed__rules_review(void **state)
{
    struct fixture *f = *state;
    bind_guest(f);
    assert_int_equal(do_create(f->world, &kind_role_binding, "default",
                               "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, "
                               "metadata: {name: c}, roleRef: {kind: Role, name: r}, subjects: "
                               "[{kind: User, name: admin}]}",
                               NULL),
                     201);
    assert_int_equal(
        ask(f, "POST", REVIEW("selfsubjectrulesreviews"), "{\"spec\":{\"namespace\":\"default\"}}"),
        201);
    cleanup(value_free) struct value *review = answer(f);
    assert_document(value_get(review, "status"),
                    "{resourceRules: [{verbs: [get], apiGroups: [''], resources: [pods], "
                    "resourceNames: [web]}], nonResourceRules: [], incomplete: false}");
}

/* kubectl --as: what is asked is asked by whom one acts as. */
static void test_computed__whoami_of_another(void **state)
{
    struct fixture *f = *state;
    world_policy(f->world);
    assert_int_equal(client_ask(&f->client, "POST", WHOAMI,
                                "Content-Type: application/json\r\nImpersonate-User: eve\r\n"
                                "Impersonate-Group: staff\r\nImpersonate-Group: gardeners\r\n",
                                "{}"),
                     201);
    cleanup(value_free) struct value *review = answer(f);
    assert_document(
        value_get(review, "status"),
        "{userInfo: {username: eve, groups: [staff, gardeners, system:authenticated]}}");
    assert_int_equal(
        client_ask(&f->client, "GET", "/api/v1/nodes", "Impersonate-User: eve\r\n", NULL), 403);
    assert_status(f, 403, "Forbidden");
    assert_int_equal(client_ask(&f->client, "GET", "/api/v1/nodes", "", NULL), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_computed__nothing_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_computed__access_reviews, setup, teardown),
        cmocka_unit_test_setup_teardown(test_computed__rules_review, setup, teardown),
        cmocka_unit_test_setup_teardown(test_computed__whoami_of_another, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
