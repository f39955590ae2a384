#include "controller/reconcile/claim_users.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include "tests/unit/controller/lib/documents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char told[256];

static void tell(void *ctx, const char *claim)
{
    size_t len = strlen(told);
    (void)ctx;
    snprintf(told + len, sizeof(told) - len, "%s%s", len ? " " : "", claim);
}

/* What is told then. */
static const char *see(struct claim_users *users, const char *yaml, bool gone)
{
    cleanup(value_free) struct value *pod = document(yaml);
    *told = '\0';
    claim_users_see(users, pod, gone, tell, NULL);
    return told;
}

#define POD(name, spec) "{metadata: {namespace: d, name: " name "}, spec: {" spec "}}"
#define A "{name: v, persistentVolumeClaim: {claimName: a}}"
#define OWN "{name: w, ephemeral: {}}"

static void test_claim_users__see(void **state)
{
    struct claim_users *users = claim_users_new();
    (void)state;
    assert_string_equal(
        see(users, POD("none", "nodeName: n, volumes: [{name: e, emptyDir: {}}]"), false), "");
    assert_string_equal(see(users, POD("p", "volumes: [" A "," OWN "]"), false), "d/a d/p-w");
    assert_string_equal(claim_users_waiting(users, "d/a"), "p");
    assert_string_equal(claim_users_waiting(users, "d/p-w"), "p");
    assert_null(claim_users_waiting(users, "e/a"));
    assert_false(claim_users_placed(users, "d/a"));
    /* The same again, in another state: nothing to tell. */
    assert_string_equal(see(users, POD("p", "priority: 1, volumes: [" A "," OWN "]"), false), "");
    assert_string_equal(see(users, POD("q", "nodeName: n, volumes: [" A "]"), false), "d/a");
    assert_true(claim_users_placed(users, "d/a"));
    assert_string_equal(see(users, POD("p", "nodeName: n, volumes: [" A "," OWN "]"), false),
                        "d/a d/p-w d/a d/p-w");
    assert_null(claim_users_waiting(users, "d/a"));
    assert_string_equal(see(users, POD("q", ""), true), "d/a");
    assert_true(claim_users_placed(users, "d/a"));
    assert_string_equal(see(users, POD("p", ""), true), "d/a d/p-w");
    assert_false(claim_users_placed(users, "d/a"));
    assert_string_equal(see(users, POD("p", ""), true), "");
    claim_users_free(users);
}

/* Named twice, it is used twice and let go of twice. */
static void test_claim_users__twice(void **state)
{
    struct claim_users *users = claim_users_new();
    (void)state;
    see(users, POD("p", "nodeName: n, volumes: [" A "," A "]"), false);
    assert_true(claim_users_placed(users, "d/a"));
    see(users, POD("p", ""), true);
    assert_false(claim_users_placed(users, "d/a"));
    see(users, POD("p", "volumes: [" A "," A ", 3, {name: x, ephemeral: 1}]"), false);
    claim_users_free(users);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claim_users__see),
        cmocka_unit_test(test_claim_users__twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
