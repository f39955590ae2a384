#include "controller/auth/sa_tokens.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "controller/auth/jwt.h"
#include "tests/unit/controller/lib/world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define POD                                                                                        \
    "metadata: {name: web}\nspec: {serviceAccountName: robot, containers: [{name: a, image: i}]}"

struct fixture {
    struct world *world;
    struct key *key;
    struct sa_tokens *tokens;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    f->world = world_new();
    assert_int_equal(key_generate(&f->key, &err), 0);
    const struct sa_tokens_spec spec = {f->world->api, &f->world->rng.rng, f->key};
    assert_int_equal(sa_tokens_new(&spec, &f->tokens, &err), 0);
    assert_int_equal(
        do_create(f->world, &kind_service_account, "default", "metadata: {name: robot}", NULL),
        201);
    assert_int_equal(do_create(f->world, &kind_pod, "default", POD, NULL), 201);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sa_tokens_free(f->tokens);
    api_stop(f->world->api);
    world_free(f->world);
    key_free(f->key);
    free(f);
    return 0;
}

/* A token of robot; the caller's. */
static char *issue(struct fixture *f, const char *kind, const char *name, int64_t seconds)
{
    struct buf text;
    int64_t end;
    buf_init(&text, 0);
    const struct sa_request request = {
        .ns = "default", .name = "robot", .bound = {kind, name, NULL}, .seconds = seconds};
    struct value *status = sa_tokens_issue(f->tokens, &request, &text, &end);
    if (status)
        fail_msg("%s", value_get_str(status, "message"));
    return buf_steal(&text, NULL);
}

static void assert_good(struct fixture *f, const char *token)
{
    struct who *who = NULL;
    assert_int_equal(sa_tokens_check(f->tokens, token, &who), 1);
    who_free(who);
}

static void assert_bad(struct fixture *f, const char *token)
{
    struct who *who = NULL;
    assert_int_equal(sa_tokens_check(f->tokens, token, &who), -EACCES);
}

static void test_sa_tokens__says_who(void **state)
{
    struct fixture *f = *state;
    autofree char *token = issue(f, "Pod", "web", 3600);
    struct who *who = NULL;
    assert_int_equal(sa_tokens_check(f->tokens, token, &who), 1);
    assert_string_equal(who->user.name, "system:serviceaccount:default:robot");
    assert_true(who_has_group(&who->user, "system:serviceaccounts"));
    assert_true(who_has_group(&who->user, "system:serviceaccounts:default"));
    cleanup(value_free) struct value *account =
        get(f->world, &kind_service_account, "default", "robot");
    cleanup(value_free) struct value *pod = get(f->world, &kind_pod, "default", "web");
    assert_string_equal(who->user.uid, object_uid(account));
    assert_string_equal(
        value_str(value_at(value_get(who->user.extra, "authentication.kubernetes.io/pod-uid"), 0)),
        object_uid(pod));
    who_free(who);
    assert_int_equal(sa_tokens_check(f->tokens, "no.token", &who), 0);
}

static void test_sa_tokens__dies_with_its_account(void **state)
{
    struct fixture *f = *state;
    autofree char *token = issue(f, NULL, NULL, 3600);
    assert_good(f, token);
    assert_int_equal(do_delete(f->world, &kind_service_account, "default", "robot", -1, NULL), 200);
    assert_bad(f, token);
    assert_int_equal(
        do_create(f->world, &kind_service_account, "default", "metadata: {name: robot}", NULL),
        201);
    assert_bad(f, token); /* another one of that name */
}

static void test_sa_tokens__dies_with_its_pod(void **state)
{
    struct fixture *f = *state;
    autofree char *token = issue(f, "Pod", "web", 3600);
    autofree char *free_one = issue(f, NULL, NULL, 3600);
    assert_good(f, token);
    assert_int_equal(do_delete(f->world, &kind_pod, "default", "web", 0, NULL), 200);
    assert_bad(f, token);
    assert_int_equal(do_create(f->world, &kind_pod, "default", POD, NULL), 201);
    assert_bad(f, token);
    assert_good(f, free_one);
}

/* One that was found good says nothing for another that differs in a letter anywhere. */
static void test_sa_tokens__each_text_for_itself(void **state)
{
    struct fixture *f = *state;
    autofree char *token = issue(f, NULL, NULL, 3600);
    struct who *who = NULL;
    assert_good(f, token);
    for (size_t i = 0, len = strlen(token); i < len; i += 7) {
        char was = token[i];
        token[i] = was == 'A' ? 'B' : 'A';
        if (sa_tokens_check(f->tokens, token, &who) == 1)
            fail_msg("byte %zu of %zu", i, len);
        token[i] = was;
    }
    assert_good(f, token);
}

/* Signed rightly, and yet not good. */
static void test_sa_tokens__claims(void **state)
{
    struct fixture *f = *state;
    autofree char *token = issue(f, NULL, NULL, 3600);
    struct err err = {0};
    struct jwt jwt;
    char kid[SHA256_HEX + 1];
    assert_int_equal(key_id(f->key, kid, &err), 0);
    assert_int_equal(jwt_parse(token, strlen(token), &jwt, &err), 0);
    static const struct {
        const char *key, *text;
        int64_t number;
    } cases[] = {
        {"iss", "https://elsewhere", 0},
        {"aud", "others", 0},
        {"sub", "system:serviceaccount:default:other", 0},
        {"exp", NULL, 1000},
        {"nbf", NULL, INT64_C(4102444800)},
        {"exp", NULL, -1}, /* left out */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *claims = value_copy(jwt.claims);
        if (cases[i].text)
            value_set_str(claims, cases[i].key, cases[i].text);
        else if (cases[i].number < 0)
            value_del(claims, cases[i].key);
        else
            value_set_int(claims, cases[i].key, cases[i].number);
        cleanup(buf_done) struct buf text;
        buf_init(&text, 0);
        assert_int_equal(jwt_write(claims, f->key, kid, &text, &err), 0);
        struct who *who = NULL;
        if (sa_tokens_check(f->tokens, text.data, &who) != -EACCES)
            fail_msg("case %zu", i);
    }
    /* Of another gateway, under the name of our key. */
    cleanup(key_free) struct key *other = NULL;
    cleanup(buf_done) struct buf forged;
    buf_init(&forged, 0);
    assert_int_equal(key_generate(&other, &err), 0);
    assert_int_equal(jwt_write(jwt.claims, other, kid, &forged, &err), 0);
    assert_bad(f, forged.data);
    jwt_done(&jwt);
}

static void test_sa_tokens__audiences(void **state)
{
    struct fixture *f = *state;
    struct value *list = value_new_list();
    value_append(list, value_new_str("vault"));
    const struct sa_request request = {
        .ns = "default", .name = "robot", .audiences = list, .seconds = 600};
    cleanup(buf_done) struct buf text;
    int64_t end;
    struct who *who = NULL;
    buf_init(&text, 0);
    assert_null(sa_tokens_issue(f->tokens, &request, &text, &end));
    assert_int_equal(sa_tokens_check(f->tokens, text.data, &who), -EACCES);
    static const char *const vault[] = {"other", "vault", NULL};
    assert_int_equal(sa_tokens_judge(f->tokens, text.data, vault, &who), 1);
    who_free(who);
    value_free(list);
}

static void test_sa_tokens__not_issued(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(do_create(f->world, &kind_pod, "default",
                               "metadata: {name: other}\n"
                               "spec: {containers: [{name: a, image: i}]}",
                               NULL),
                     201);
    static const struct {
        const char *name, *kind, *bound, *uid;
        int code;
    } cases[] = {
        {"none", NULL, NULL, NULL, 404},       {"robot", "Pod", "none", NULL, 404},
        {"robot", "Pod", "web", "x", 409},     {"robot", "Pod", "other", NULL, 422},
        {"robot", "Node", "other", NULL, 422}, {"robot", "Pod", NULL, NULL, 404},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct sa_request request = {.ns = "default",
                                           .name = cases[i].name,
                                           .bound = {cases[i].kind, cases[i].bound, cases[i].uid},
                                           .seconds = 600};
        cleanup(buf_done) struct buf text;
        int64_t end;
        buf_init(&text, 0);
        cleanup(value_free) struct value *status =
            sa_tokens_issue(f->tokens, &request, &text, &end);
        if (value_get_int(status, "code", 0) != cases[i].code)
            fail_msg("case %zu: %s", i, value_get_str(status, "message"));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_sa_tokens__says_who),
        TEST(test_sa_tokens__dies_with_its_account),
        TEST(test_sa_tokens__dies_with_its_pod),
        TEST(test_sa_tokens__claims),
        TEST(test_sa_tokens__audiences),
        TEST(test_sa_tokens__not_issued),
        TEST(test_sa_tokens__each_text_for_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
