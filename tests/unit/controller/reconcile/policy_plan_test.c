#include "controller/reconcile/policy_plan.h"

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "tests/unit/controller/lib/documents.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Each is an object that its kind's table takes, under a name of its own. */
static void test_policy_plan__objects_are_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < policy_role_count + policy_binding_count; i++) {
        bool role = i < policy_role_count;
        cleanup(value_free) struct value *object =
            role ? policy_role_object(&policy_roles[i])
                 : policy_binding_object(&policy_bindings[i - policy_role_count]);
        cleanup(diags_done) struct diags diags = {0};
        diags_init(&diags);
        if (schema_check(role ? &kind_cluster_role : &kind_cluster_role_binding, object, 0,
                         &diags) != 0)
            fail_msg("%s: %s: %s", object_name(object), diags.items[0].path, diags.items[0].reason);
        cleanup(value_free) struct value *same = value_copy(object);
        assert_false(policy_complete(same, object));
        assert_true(value_equal(same, object));
    }
    for (size_t i = 0; i < policy_role_count; i++)
        for (size_t n = 0; n < i; n++)
            assert_string_not_equal(policy_roles[i].name, policy_roles[n].name);
}

static void test_policy_plan__every_binding_has_its_role(void **state)
{
    (void)state;
    for (size_t i = 0; i < policy_binding_count; i++) {
        bool found = false;
        for (size_t n = 0; n < policy_role_count; n++)
            found |= str_eq(policy_bindings[i].role, policy_roles[n].name);
        assert_true(found);
    }
}

#define AUTO "metadata: {annotations: {rbac.authorization.kubernetes.io/autoupdate: "
#define GET "{verbs: [get], apiGroups: [''], resources: [pods]}"
#define LIST "{verbs: [list], apiGroups: [''], resources: [pods]}"

static void test_policy_plan__adds_what_is_missing(void **state)
{
    (void)state;
    static const struct {
        const char *stored, *wanted, *want;
    } cases[] = {
        {"{metadata: {name: a}, rules: [" GET "]}", "{rules: [" GET ", " LIST "]}",
         "{metadata: {name: a}, rules: [" GET ", " LIST "]}"},
        /* What people added stays, and what covers it is enough. */
        {"{metadata: {}, rules: [{verbs: ['*'], apiGroups: ['*'], resources: ['*']}]}",
         "{rules: [" GET "]}", NULL},
        {"{metadata: {}, rules: null}", "{rules: [" GET "]}", "{metadata: {}, rules: [" GET "]}"},
        {"{" AUTO "'false'}}, rules: []}", "{rules: [" GET "]}", NULL},
        {"{" AUTO "'true'}}, rules: []}", "{rules: [" GET "]}",
         "{" AUTO "'true'}}, rules: [" GET "]}"},
        {"{metadata: {labels: {own: x}}}", "{metadata: {labels: {a: b}}}",
         "{metadata: {labels: {own: x, a: b}}}"},
        {"{metadata: {}, subjects: [{kind: User, name: eve}]}",
         "{subjects: [{kind: Group, name: all}]}",
         "{metadata: {}, subjects: [{kind: User, name: eve}, {kind: Group, name: all}]}"},
        {"{metadata: {}, subjects: [{kind: Group, name: all, apiGroup: x}]}",
         "{subjects: [{kind: Group, name: all}]}", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *stored = document(cases[i].stored);
        cleanup(value_free) struct value *wanted = document(cases[i].wanted);
        bool changed = policy_complete(stored, wanted);
        assert_int_equal(changed, cases[i].want != NULL);
        assert_document(stored, cases[i].want ? cases[i].want : cases[i].stored);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy_plan__objects_are_valid),
        cmocka_unit_test(test_policy_plan__every_binding_has_its_role),
        cmocka_unit_test(test_policy_plan__adds_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
