#include "controller/auth/authn.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/unit/controller/lib/world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct world *world;
    struct authn *authn;
    int asked;
};

/* Knows one token. */
static int one_token(void *ctx, const char *token, struct who **ret)
{
    struct fixture *f = ctx;
    f->asked++;
    if (!str_has_prefix(token, "one-"))
        return 0;
    if (!str_eq(token, "one-good"))
        return -EACCES;
    *ret = who_new("token-user");
    who_set_uid(*ret, "u1");
    who_add_extra(*ret, "example.com/from", "here");
    return 1;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    f->world = world_new();
    const struct authn_spec spec = {f->world->loop, f->world->api, clock_system()};
    f->authn = authn_new(&spec);
    authn_add(f->authn, one_token, f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    authn_free(f->authn);
    api_stop(f->world->api);
    world_free(f->world);
    free(f);
    return 0;
}

#define TWICE(x) x x
#define LONG                                                                                       \
    TWICE(TWICE(TWICE(TWICE(TWICE(TWICE(TWICE(TWICE(TWICE(TWICE("0123456789abcdef"))))))))))

static void test_authn__what_is_shown(void **state)
{
    struct fixture *f = *state;
    static const char *const ops[] = {"ops", "ops", NULL};
    static const struct {
        const char *cert, *refused, *header;
        const char *user; /* NULL: 401 */
        const char *group;
    } cases[] = {
        {NULL, NULL, NULL, WHO_ANONYMOUS, WHO_UNAUTHENTICATED},
        {"jane", NULL, NULL, "jane", WHO_AUTHENTICATED},
        {"jane", NULL, NULL, "jane", "ops"},
        {NULL, "it has expired", NULL, NULL, NULL},
        {NULL, NULL, "Bearer one-good", "token-user", WHO_AUTHENTICATED},
        {NULL, NULL, "bearer   one-good", "token-user", WHO_AUTHENTICATED},
        {NULL, "it has expired", "Bearer one-good", "token-user", WHO_AUTHENTICATED},
        {NULL, NULL, "Bearer one-bad", NULL, NULL},
        {NULL, NULL, "Bearer unknown", NULL, NULL},
        {NULL, NULL, "Bearer " LONG "x", NULL, NULL},
        {"jane", NULL, "Bearer one-bad", "jane", WHO_AUTHENTICATED}, /* as in Kubernetes */
        {NULL, NULL, "Bearer ", WHO_ANONYMOUS, WHO_UNAUTHENTICATED},
        {NULL, NULL, "Bearer", WHO_ANONYMOUS, WHO_UNAUTHENTICATED},
        {NULL, NULL, "", WHO_ANONYMOUS, WHO_UNAUTHENTICATED},
        {NULL, NULL, "Basic b25lLWdvb2Q6", WHO_ANONYMOUS, WHO_UNAUTHENTICATED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct authn_facts facts = {cases[i].cert, cases[i].cert ? ops : NULL,
                                          cases[i].refused, cases[i].header};
        cleanup(who_free) struct who *who = NULL;
        cleanup(value_free) struct value *status = authn_identify(f->authn, &facts, &who);
        if (!cases[i].user) {
            if (!status || who)
                fail_msg("case %zu was let in", i);
            assert_int_equal(value_get_int(status, "code", 0), 401);
            assert_string_equal(value_get_str(status, "reason"), "Unauthorized");
            continue;
        }
        if (status || !str_eq(who->user.name, cases[i].user))
            fail_msg("case %zu: %s", i, who ? who->user.name : "refused");
        assert_true(who_has_group(&who->user, cases[i].group));
        assert_false(who_has_group(&who->user, WHO_AUTHENTICATED) &&
                     who_has_group(&who->user, WHO_UNAUTHENTICATED));
    }
}

/* A node is the Node of its name while that stands for this very machine. */
static void test_authn__nodes(void **state)
{
    struct fixture *f = *state;
    static const char *const nodes[] = {"system:nodes", NULL}, *const none[] = {NULL};
    static const struct {
        const char *cert;
        const char *const *groups;
        const char *user; /* NULL: 401 */
    } cases[] = {
        {"pi-01.0123abcd", nodes, "system:node:pi-01"},
        {"pi-01.ffffffff", nodes, NULL},
        {"pi-02.0123abcd", nodes, NULL},
        {"pi-01", nodes, "pi-01"},
        {".0123abcd", nodes, ".0123abcd"},
        {"pi-01.0123abcd", none, "pi-01.0123abcd"},
        {"system:node:pi-01", nodes, "system:node:pi-01"},
    };
    assert_int_equal(do_create(f->world, &kind_node, "",
                               "metadata: {name: pi-01, annotations: {limpet.io/node-id: "
                               "pi-01.0123abcd}}",
                               NULL),
                     201);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct authn_facts facts = {.user = cases[i].cert, .groups = cases[i].groups};
        cleanup(who_free) struct who *who = NULL;
        cleanup(value_free) struct value *status = authn_identify(f->authn, &facts, &who);
        assert_true(!who == (status != NULL));
        if (!str_eq(who ? who->user.name : NULL, cases[i].user))
            fail_msg("case %zu: %s", i, who ? who->user.name : "refused");
        if (who && cases[i].groups == nodes)
            assert_true(who_has_group(&who->user, "system:nodes"));
    }
}

static void test_authn__long_tokens_cost_nothing(void **state)
{
    struct fixture *f = *state;
    const struct authn_facts facts = {.authorization = "Bearer " LONG "x"};
    struct who *who = NULL;
    cleanup(value_free) struct value *status = authn_identify(f->authn, &facts, &who);
    assert_non_null(status);
    assert_int_equal(f->asked, 0);
}

static void test_authn__all_of_a_user(void **state)
{
    struct fixture *f = *state;
    cleanup(who_free) struct who *who = authn_token(f->authn, "one-good");
    assert_non_null(who);
    assert_string_equal(who->user.uid, "u1");
    assert_string_equal(value_str(value_at(value_get(who->user.extra, "example.com/from"), 0)),
                        "here");
    const struct authn_facts facts = {.user = "jane",
                                      .groups = (const char *const[]){"ops", "ops", NULL}};
    cleanup(who_free) struct who *jane = NULL;
    assert_null(authn_identify(f->authn, &facts, &jane));
    assert_int_equal(jane->group_count, 2); /* each once, and system:authenticated */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_authn__what_is_shown),
        TEST(test_authn__nodes),
        TEST(test_authn__long_tokens_cost_nothing),
        TEST(test_authn__all_of_a_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
