/* The test is a node that asks, and opens what it is answered. */

#include "controller/link/asks.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/podtoken.h"
#include "common/kinds/kinds.h"
#include "controller/auth/sa_tokens.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODE "pi.01234567"

struct fixture {
    struct world *world;
    struct key *key, *sealing;
    struct sa_tokens *tokens;
    struct asks *asks;
    struct value *web, *db; /* pods: of the node, of another */
    int answers, code;
    char message[160];
    int64_t seconds;
    struct buf raw;
};

static void on_answer(void *ctx, const char *node, const char *id, struct value *body,
                      const void *raw, size_t len)
{
    struct fixture *f = ctx;
    const char *message = value_get_str(body, "message");
    assert_string_equal(node, NODE);
    assert_string_equal(id, "q1");
    f->answers++;
    f->code = (int)value_get_int(body, "code", -1);
    f->seconds = value_get_int(body, "seconds", -1);
    snprintf(f->message, sizeof(f->message), "%s", message ? message : "");
    buf_done(&f->raw);
    if (len)
        (void)buf_add(&f->raw, raw, len);
}

static struct value *make_pod(struct fixture *f, const char *name, const char *node)
{
    struct value *pod = NULL;
    autofree char *yaml = xasprintf(
        "{metadata: {name: %s}, spec: {nodeName: %s, serviceAccountName: robot, containers: "
        "[{name: a, image: i}], volumes: [{name: e, emptyDir: {}}, {name: t, projected: {sources: "
        "[{serviceAccountToken: {path: token, expirationSeconds: 3607}}, {serviceAccountToken: "
        "{path: v, audience: vault, expirationSeconds: 600}}]}}]}}",
        name, node);
    assert_int_equal(do_create(f->world, &kind_pod, "default", yaml, &pod), 201);
    return pod;
}

static void make_asks(struct fixture *f, struct sa_tokens *tokens)
{
    const struct asks_spec spec = {.loop = f->world->loop,
                                   .api = f->world->api,
                                   .tokens = tokens,
                                   .answer = on_answer,
                                   .ctx = f};
    f->asks = asks_new(&spec);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    f->world = world_new();
    assert_int_equal(key_generate(&f->key, &err), 0);
    assert_int_equal(key_generate(&f->sealing, &err), 0);
    const struct sa_tokens_spec spec = {f->world->api, &f->world->rng.rng, f->key};
    assert_int_equal(sa_tokens_new(&spec, &f->tokens, &err), 0);
    assert_int_equal(
        do_create(f->world, &kind_service_account, "default", "metadata: {name: robot}", NULL),
        201);
    f->web = make_pod(f, "web", "pi");
    f->db = make_pod(f, "db", "other");
    world_settle(f->world);
    make_asks(f, f->tokens);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    asks_free(f->asks);
    sa_tokens_free(f->tokens);
    api_stop(f->world->api);
    world_free(f->world);
    key_free(f->key);
    key_free(f->sealing);
    value_free(f->web);
    value_free(f->db);
    buf_done(&f->raw);
    free(f);
    return 0;
}

static void ask_as(struct fixture *f, const char *method, const struct value *args)
{
    const struct asks_node from = {"pi", NODE, f->sealing};
    cleanup(value_free) struct value *question = value_new_map();
    value_set_str(question, "op", "ask");
    value_set_str(question, "method", method);
    value_set(question, "args", value_copy(args));
    asks_take(f->asks, &from, "q1", question);
}

static void ask(struct fixture *f, const char *pod, const char *uid, const char *audience,
                int64_t seconds)
{
    const struct podtoken_ask what = {"default", pod, uid, audience, seconds};
    cleanup(value_free) struct value *args = value_new_map();
    podtoken_ask_write(&what, args);
    ask_as(f, PODTOKEN_METHOD, args);
}

/* Whose the token is that came, for that audience (NULL: the API). */
static void expect_token(struct fixture *f, const char *audience)
{
    const char *const audiences[] = {audience, NULL};
    cleanup(buf_done) struct buf text = {0};
    struct who *who = NULL;
    struct err err = {0};
    assert_int_equal(podtoken_open(f->sealing, NODE, "q1", f->raw.data, f->raw.len, &text, &err),
                     0);
    assert_int_equal(sa_tokens_judge(f->tokens, buf_str(&text), audience ? audiences : NULL, &who),
                     1);
    assert_string_equal(who->user.name, "system:serviceaccount:default:robot");
    who_free(who);
}

static void test_asks__token(void **state)
{
    struct fixture *f = *state;
    ask(f, "web", object_uid(f->web), NULL, 3607);
    assert_int_equal(f->code, 0);
    assert_in_range(f->seconds, 3600, 3607);
    expect_token(f, NULL);
    ask(f, "web", object_uid(f->web), "vault", 600);
    assert_in_range(f->seconds, 590, 600);
    expect_token(f, "vault");
}

static void test_asks__refused(void **state)
{
    struct fixture *f = *state;
    const char *web = object_uid(f->web), *db = object_uid(f->db);
    const struct {
        const char *pod, *uid, *audience;
        int64_t seconds;
        int code;
    } cases[] = {
        {"db", db, NULL, 3607, 403},      {"web", db, NULL, 3607, 403},
        {"db", web, NULL, 3607, 403},     {"none", web, NULL, 3607, 403},
        {"web", web, NULL, 3608, 403},    {"web", web, NULL, 600, 403},
        {"web", web, "vault", 3607, 403}, {"web", web, "other", 600, 403},
        {"web", web, "vault", 0, 400},    {"", web, NULL, 3607, 400},
        {"web", "", NULL, 3607, 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ask(f, cases[i].pod, cases[i].uid, cases[i].audience, cases[i].seconds);
        if (f->code != cases[i].code || f->raw.len || !*f->message)
            fail_msg("case %zu: %d %s", i, f->code, f->message);
    }
    cleanup(value_free) struct value *list = value_new_list();
    ask_as(f, PODTOKEN_METHOD, list);
    assert_int_equal(f->code, 400);
    ask_as(f, "shell", list);
    assert_int_equal(f->code, 400);
    assert_int_equal(do_delete(f->world, &kind_service_account, "default", "robot", -1, NULL), 200);
    ask(f, "web", web, NULL, 3607);
    assert_int_equal(f->code, 404);
    assert_string_equal(f->message, "serviceaccounts \"robot\" not found");
    asks_free(f->asks);
    make_asks(f, NULL);
    ask(f, "web", web, NULL, 3607);
    assert_int_equal(f->code, 503);
}

/* Who asks without end is answered so often, and no other node waits for it. */
static void test_asks__without_end(void **state)
{
    struct fixture *f = *state;
    const struct asks_node other = {"other", NODE, f->sealing};
    cleanup(value_free) struct value *empty = value_new_map();
    for (int i = 0; i < 10 * ASKS_BURST; i++)
        ask_as(f, "x", empty);
    assert_in_range(f->answers, ASKS_BURST, 2 * ASKS_BURST);
    int before = f->answers;
    asks_forget(f->asks, NODE);
    asks_take(f->asks, &other, "q1", empty);
    assert_int_equal(f->answers, before + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_asks__token),
        TEST(test_asks__refused),
        TEST(test_asks__without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
