#include "controller/reconcile/accounts.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/kinds/kinds.h"
#include "controller/reconcile/accounts_plan.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct world world;
    struct key *key;
    struct sa_tokens *tokens;
    struct accounts *accounts;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    world_init(&f->world);
    assert_int_equal(key_generate(&f->key, &err), 0);
    const struct sa_tokens_spec tokens = {f->world.api, &f->world.rng.rng, f->key};
    assert_int_equal(sa_tokens_new(&tokens, &f->tokens, &err), 0);
    const struct accounts_spec spec = {f->world.loop, f->world.api, f->tokens, "the CA"};
    assert_int_equal(accounts_new(&spec, &f->accounts, &err), 0);
    world_turn(&f->world);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    accounts_free(f->accounts);
    sa_tokens_free(f->tokens);
    world_done(&f->world);
    key_free(f->key);
    free(f);
    return 0;
}

static void assert_complete(struct fixture *f, const char *ns)
{
    world_turn(&f->world);
    cleanup(value_free) struct value *account =
        world_get(&f->world, "ServiceAccount", ns, "default");
    cleanup(value_free) struct value *map =
        world_get(&f->world, "ConfigMap", ns, "kube-root-ca.crt");
    assert_non_null(account);
    assert_string_equal(value_get_str(value_get(map, "data"), "ca.crt"), "the CA");
}

static void test_accounts__every_namespace(void **state)
{
    struct fixture *f = *state;
    world_create(&f->world, "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'shop'}}",
                 201);
    assert_complete(f, "shop");
    world_delete(&f->world, "ServiceAccount", "shop", "default");
    assert_complete(f, "shop");
    world_delete(&f->world, "ConfigMap", "shop", "kube-root-ca.crt");
    assert_complete(f, "shop");
    world_delete(&f->world, "Namespace", "", "shop");
    world_pass(&f->world, 20 * NS_PER_S);
    cleanup(value_free) struct value *ns = world_get(&f->world, "Namespace", "", "shop");
    assert_null(ns); /* nothing was put into it any more */
}

static void test_accounts__a_changed_ca_is_mended(void **state)
{
    struct fixture *f = *state;
    world_create(&f->world, "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'shop'}}",
                 201);
    assert_complete(f, "shop");
    accounts_free(f->accounts);
    f->accounts = NULL;
    struct err err = {0};
    const struct accounts_spec spec = {f->world.loop, f->world.api, f->tokens, "a newer CA"};
    assert_int_equal(accounts_new(&spec, &f->accounts, &err), 0);
    world_turn(&f->world);
    cleanup(value_free) struct value *map =
        world_get(&f->world, "ConfigMap", "shop", "kube-root-ca.crt");
    assert_string_equal(value_get_str(value_get(map, "data"), "ca.crt"), "a newer CA");
}

#define SECRET                                                                                     \
    "{'apiVersion':'v1','kind':'Secret','metadata':{'name':'t','namespace':'shop','annotations':"  \
    "{'kubernetes.io/service-account.name':'default'}},"                                           \
    "'type':'kubernetes.io/service-account-token'}"

static void test_accounts__secrets_are_filled(void **state)
{
    struct fixture *f = *state;
    struct who *who = NULL;
    world_create(&f->world, "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'shop'}}",
                 201);
    assert_complete(f, "shop");
    world_create(&f->world, SECRET, 201);
    world_turn(&f->world);
    cleanup(value_free) struct value *secret = world_get(&f->world, "Secret", "shop", "t");
    const char *coded = value_get_str(value_get(secret, "data"), "token");
    assert_non_null(coded);
    autofree uint8_t *token = NULL;
    size_t len;
    assert_int_equal(base64_decode(coded, strlen(coded), &token, &len), 0);
    assert_int_equal(sa_tokens_check(f->tokens, (char *)token, &who), 1);
    assert_string_equal(who->user.name, "system:serviceaccount:shop:default");
    who_free(who);
    /* Gone with the Secret, though another takes its name. */
    world_delete(&f->world, "Secret", "shop", "t");
    assert_true(sa_tokens_check(f->tokens, (char *)token, &who) < 0);
    world_create(&f->world, SECRET, 201);
    world_turn(&f->world);
    assert_true(sa_tokens_check(f->tokens, (char *)token, &who) < 0);
    /* And the Secret with its account. */
    world_delete(&f->world, "ServiceAccount", "shop", "default");
    world_turn(&f->world);
    cleanup(value_free) struct value *gone = world_get(&f->world, "Secret", "shop", "t");
    assert_null(gone);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_accounts__every_namespace),
        TEST(test_accounts__a_changed_ca_is_mended),
        TEST(test_accounts__secrets_are_filled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
