#include "controller/reconcile/garbage_plan.h"

#include "common/base/str.h"
#include "common/data/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GONE "deletionTimestamp: '2026-01-01T00:00:00Z'"
#define ONE "ownerReferences: [{uid: a, blockOwnerDeletion: true}]"
#define TWO "ownerReferences: [{uid: a}, {uid: b}]"
#define A GARBAGE_ABSENT
#define S GARBAGE_SOLID
#define W GARBAGE_WAITING
#define O GARBAGE_ORPHANING

static struct value *parse(const char *text)
{
    struct value *object = NULL;
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    assert_int_equal(yaml_parse(text, strlen(text), &object, &diags), 0);
    return object;
}

static void test_garbage_plan__cases(void **state)
{
    static const struct {
        const char *meta;
        enum garbage_owner owners[2];
        uint32_t dependents, blocking;
        bool cycle;
        enum garbage_action action;
        const char *word; /* propagation or finalizer */
    } cases[] = {
        {"name: x", {0}, 3, 3, false, GARBAGE_KEEP, NULL},
        {ONE, {S}, 0, 0, false, GARBAGE_KEEP, NULL},
        {ONE, {A}, 0, 0, false, GARBAGE_DELETE, "Background"},
        {TWO, {A, A}, 0, 0, false, GARBAGE_DELETE, "Background"},
        {TWO, {A, S}, 0, 0, false, GARBAGE_LET_GO, NULL},
        {TWO, {S, W}, 0, 0, false, GARBAGE_LET_GO, NULL},
        {TWO, {S, S}, 0, 0, false, GARBAGE_KEEP, NULL},
        {TWO, {A, W}, 0, 0, false, GARBAGE_DELETE, "Background"},
        {ONE, {W}, 0, 0, false, GARBAGE_DELETE, "Background"},
        {ONE, {W}, 2, 0, false, GARBAGE_DELETE, "Foreground"},
        {ONE, {W}, 2, 2, true, GARBAGE_UNBLOCK, "Foreground"},
        {ONE, {A}, 2, 2, true, GARBAGE_DELETE, "Background"},
        {ONE ", finalizers: [orphan]", {A}, 2, 2, false, GARBAGE_DELETE, "Orphan"},
        {ONE ", finalizers: [foregroundDeletion]", {A}, 0, 0, false, GARBAGE_DELETE, "Foreground"},
        {ONE ", finalizers: [limpet.io/x]", {A}, 0, 0, false, GARBAGE_DELETE, "Background"},
        {ONE, {O}, 0, 0, false, GARBAGE_LET_GO, NULL},
        {TWO, {O, A}, 0, 0, false, GARBAGE_LET_GO, NULL},
        {ONE ", " GONE, {O}, 0, 0, false, GARBAGE_LET_GO, NULL},
        {ONE ", " GONE, {A}, 0, 0, false, GARBAGE_KEEP, NULL},
        {ONE ", " GONE ", finalizers: [limpet.io/x]", {A}, 0, 0, false, GARBAGE_KEEP, NULL},
        {GONE ", finalizers: [foregroundDeletion]", {0}, 2, 1, false, GARBAGE_KEEP, NULL},
        {GONE ", finalizers: [foregroundDeletion]",
         {0},
         2,
         0,
         false,
         GARBAGE_RELEASE,
         "foregroundDeletion"},
        {GONE ", finalizers: [orphan]", {0}, 1, 0, false, GARBAGE_KEEP, NULL},
        {GONE ", finalizers: [orphan]", {0}, 0, 0, false, GARBAGE_RELEASE, "orphan"},
        {ONE ", " GONE ", finalizers: [foregroundDeletion]", {W}, 1, 1, false, GARBAGE_KEEP, NULL},
        {ONE ", " GONE ", finalizers: [foregroundDeletion]",
         {W},
         1,
         1,
         true,
         GARBAGE_UNBLOCK,
         "Foreground"},
        {"finalizers: [foregroundDeletion]", {0}, 0, 0, false, GARBAGE_KEEP, NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256];
        snprintf(text, sizeof(text), "{metadata: {%s}}", cases[i].meta);
        print_message("%zu %s\n", i, text);
        cleanup(value_free) struct value *object = parse(text);
        const struct garbage_view view = {object, cases[i].owners, cases[i].dependents,
                                          cases[i].blocking, cases[i].cycle};
        struct garbage_plan plan = garbage_plan(&view);
        assert_int_equal(plan.action, cases[i].action);
        const char *word = plan.propagation ? plan.propagation : plan.finalizer;
        assert_true(str_eq(word, cases[i].word));
    }
}

static void test_garbage_plan__carrying_out(void **state)
{
    static const char *const uids[] = {"a", "c"};
    (void)state;
    cleanup(value_free) struct value *object =
        parse("{metadata: {ownerReferences: [{uid: a}, {uid: b, blockOwnerDeletion: true}], "
              "finalizers: [orphan]}}");
    const struct value *meta = value_get(object, "metadata");
    assert_true(garbage_let_go(object, uids, 2));
    assert_false(garbage_let_go(object, uids, 2));
    assert_int_equal(value_len(value_get(meta, "ownerReferences")), 1);
    assert_true(garbage_unblock(object));
    assert_false(garbage_unblock(object));
    assert_false(garbage_release(object, "foregroundDeletion"));
    assert_true(garbage_release(object, "orphan"));
    assert_null(value_get(meta, "finalizers"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_garbage_plan__cases),
        cmocka_unit_test(test_garbage_plan__carrying_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
