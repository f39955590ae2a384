/* Users: what their object says holds at the next request, whatever their certificate says. */

#include "controller/auth/users.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/auth/authn.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct world *world;
    struct authn *authn;
    struct users_watch *watch;
    char told[64];
};

static void on_change(void *ctx, const char *name)
{
    struct fixture *f = ctx;
    snprintf(f->told, sizeof(f->told), "%s", name);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    f->world = world_new();
    const struct authn_spec spec = {f->world->loop, f->world->api, clock_system()};
    f->authn = authn_new(&spec);
    assert_int_equal(users_watch_new(f->world->api, on_change, f, &f->watch, &err), 0);
    assert_int_equal(
        do_create(f->world, &kind_user, "", "metadata: {name: jane}\nspec: {groups: [ops]}", NULL),
        201);
    world_settle(f->world);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    users_watch_free(f->watch);
    authn_free(f->authn);
    api_stop(f->world->api);
    world_free(f->world);
    free(f);
    return 0;
}

/* NULL: 401. The caller's. */
static struct who *ask(struct fixture *f, const char *name)
{
    static const char *const masters[] = {"system:masters", NULL};
    const struct authn_facts facts = {.user = name, .groups = masters};
    struct who *who = NULL;
    value_free(authn_identify(f->authn, &facts, &who));
    return who;
}

static void set_disabled(struct fixture *f, bool disabled)
{
    cleanup(value_free) struct value *jane = get(f->world, &kind_user, "", "jane");
    value_set_bool(value_get(jane, "spec"), "disabled", disabled);
    f->told[0] = '\0';
    assert_int_equal(do_update(f->world, &kind_user, "", jane, 0, NULL), 200);
    world_settle(f->world);
}

static void test_users__groups_are_those_of_the_object(void **state)
{
    struct fixture *f = *state;
    cleanup(who_free) struct who *jane = ask(f, "jane"), *other = ask(f, "joe");
    assert_true(who_has_group(&jane->user, "ops"));
    assert_false(who_has_group(&jane->user, "system:masters"));
    assert_non_null(jane->user.uid);
    assert_true(who_has_group(&other->user, "system:masters")); /* nobody knows better */
}

static void test_users__disabled(void **state)
{
    struct fixture *f = *state;
    set_disabled(f, true);
    assert_string_equal(f->told, "jane");
    assert_null(ask(f, "jane"));
    set_disabled(f, false);
    assert_string_equal(f->told, "jane");
    cleanup(who_free) struct who *jane = ask(f, "jane");
    assert_non_null(jane);
    set_disabled(f, false); /* nothing changes */
    assert_string_equal(f->told, "");
}

/* Deleted, the name stays taken and refused until who watches over its certificates lets it go. */
static void test_users__removed(void **state)
{
    struct fixture *f = *state;
    f->told[0] = '\0';
    assert_int_equal(do_delete(f->world, &kind_user, "", "jane", -1, NULL), 200);
    world_settle(f->world);
    assert_string_equal(f->told, "jane");
    assert_null(ask(f, "jane"));
    assert_int_equal(do_create(f->world, &kind_user, "", "metadata: {name: jane}", NULL), 409);
}

static void test_users__names(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        int code;
    } cases[] = {
        {"joe", 201},
        {"Joe@example.com", 201},
        {"pi-01.0123abcd", 422},
        {"'system:x'", 422},
        {"'a/b'", 422},
        {"'limpet:sealing'", 422},
        {"pi-01.0123abcg", 201},
        {"-x", 422},
        {"'a,b'", 422},
        {"a123456789a123456789a123456789a123456789a123456789a123456789a1234", 422},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *yaml = xasprintf("metadata: {name: %s}", cases[i].name);
        int code = do_create(f->world, &kind_user, "", yaml, NULL);
        if (code != cases[i].code && !(cases[i].code == 422 && code == 400))
            fail_msg("%s: %d", cases[i].name, code);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_users__groups_are_those_of_the_object),
        TEST(test_users__disabled),
        TEST(test_users__removed),
        TEST(test_users__names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
