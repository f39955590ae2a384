#include "controller/auth/bootstrap_tokens.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/unit/controller/lib/world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ID "abcdef"
#define SECRET "0123456789abcdef"
#define TYPE "bootstrap.kubernetes.io/token"

static struct value *secret(const char *type, const char *const *pairs)
{
    struct value *object = value_new_map();
    value_set_str(object, "type", type);
    struct value *data = value_set(object, "data", value_new_map());
    for (size_t i = 0; pairs[i]; i += 2) {
        autofree char *coded = base64_encode(pairs[i + 1], strlen(pairs[i + 1]));
        value_set_str(data, pairs[i], coded);
    }
    return object;
}

#define ALL "token-id", ID, "token-secret", SECRET
#define USED ALL, "usage-bootstrap-authentication", "true"

static void test_bootstrap_tokens__judge(void **state)
{
    (void)state;
    static const struct {
        const char *type, *given;
        bool good;
        const char *pairs[12];
    } cases[] = {
        {TYPE, SECRET, true, {USED}},
        {TYPE, SECRET, true, {USED, "expiration", "2026-11-21T01:02:04Z"}},
        {TYPE, SECRET, false, {USED, "expiration", "2026-11-21T01:02:03Z"}},
        {TYPE, SECRET, false, {USED, "expiration", "soon"}},
        {TYPE, "0123456789abcdee", false, {USED}},
        {TYPE, "0123456789abcde", false, {USED}},
        {TYPE, "", false, {USED}},
        {"Opaque", SECRET, false, {USED}},
        {TYPE, SECRET, false, {ALL}},
        {TYPE, SECRET, false, {ALL, "usage-bootstrap-authentication", "yes"}},
        {TYPE,
         SECRET,
         false,
         {"token-id", "abcdeg", "token-secret", SECRET, "usage-bootstrap-authentication", "true"}},
        {TYPE, SECRET, true, {USED, "auth-extra-groups", "system:bootstrappers:edge"}},
        {TYPE, SECRET, false, {USED, "auth-extra-groups", "system:masters"}},
        {TYPE, SECRET, false, {USED, "auth-extra-groups", "system:bootstrappers:a,"}},
        {TYPE, SECRET, false, {USED, "auth-extra-groups", "system:bootstrappers:A"}},
    };
    int64_t now;
    assert_int_equal(clock_parse("2026-11-21T01:02:03Z", &now), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *object = secret(cases[i].type, cases[i].pairs);
        cleanup(who_free) struct who *who = bootstrap_tokens_judge(object, ID, cases[i].given, now);
        if (!!who != cases[i].good)
            fail_msg("case %zu", i);
        if (!who)
            continue;
        assert_string_equal(who->user.name, "system:bootstrap:" ID);
        assert_true(who_has_group(&who->user, "system:bootstrappers"));
        assert_false(who_has_group(&who->user, "system:masters"));
    }
}

static void test_bootstrap_tokens__of_the_store(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct who *who = NULL;
    assert_int_equal(bootstrap_tokens_check(world->api, ID "." SECRET, &who), -EACCES);
    assert_int_equal(do_create(world, &kind_secret, "kube-system",
                               "metadata: {name: bootstrap-token-abcdef}\n"
                               "type: " TYPE "\n"
                               "stringData: {token-id: abcdef, token-secret: " SECRET
                               ", usage-bootstrap-authentication: 'true', auth-extra-groups: "
                               "'system:bootstrappers:a'}",
                               NULL),
                     201);
    assert_int_equal(bootstrap_tokens_check(world->api, ID "." SECRET, &who), 1);
    assert_true(who_has_group(&who->user, "system:bootstrappers:a"));
    who_free(who);
    assert_int_equal(bootstrap_tokens_check(world->api, ID ".0123456789abcdeg", &who), -EACCES);
    assert_int_equal(bootstrap_tokens_check(world->api, ID "." SECRET "0", &who), 0);
    assert_int_equal(bootstrap_tokens_check(world->api, "abcde/." SECRET, &who), 0);
    assert_int_equal(
        do_delete(world, &kind_secret, "kube-system", "bootstrap-token-abcdef", -1, NULL), 200);
    assert_int_equal(bootstrap_tokens_check(world->api, ID "." SECRET, &who), -EACCES);
    api_stop(world->api);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bootstrap_tokens__judge),
        cmocka_unit_test(test_bootstrap_tokens__of_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
