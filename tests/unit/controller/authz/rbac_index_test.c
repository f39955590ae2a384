#include "controller/authz/rbac_index.h"

#include "tests/unit/controller/lib/documents.h"
#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void put_role(struct rbac_index *index, const char *ns, const char *name, const char *verb)
{
    char yaml[256];
    snprintf(yaml, sizeof(yaml), "{rules: [{verbs: [%s], apiGroups: [''], resources: [pods]}]}",
             verb);
    cleanup(value_free) struct value *role = document(yaml);
    rbac_index_put_role(index, ns, name, role);
}

static void put_binding(struct rbac_index *index, const char *ns, const char *name,
                        const char *kind, const char *role, const char *subjects)
{
    char yaml[512];
    snprintf(yaml, sizeof(yaml), "{roleRef: {kind: %s, name: %s}, subjects: [%s]}", kind, role,
             subjects);
    cleanup(value_free) struct value *binding = document(yaml);
    rbac_index_put_binding(index, ns, name, binding);
}

struct found {
    char verbs[256];
};

static int collect(void *ctx, const struct rbac_grant *grant)
{
    struct found *found = ctx;
    size_t used = strlen(found->verbs);
    snprintf(found->verbs + used, sizeof(found->verbs) - used, "%s%s", used ? " " : "",
             grant->rule ? grant->rule->verbs[0] : "missing");
    return 0;
}

static void assert_verbs(const struct rbac_index *index, const char *name, const char *group,
                         const char *ns, const char *want)
{
    const char *groups[] = {group, NULL};
    const struct rbac_user user = {name, groups};
    struct found found = {""};
    assert_int_equal(rbac_index_each(index, &user, ns, collect, collect, &found), 0);
    assert_string_equal(found.verbs, want);
}

static void test_rbac_index__who_has_what_where(void **state)
{
    (void)state;
    struct rbac_index *index = rbac_index_new();
    put_role(index, "", "reader", "get");
    put_role(index, "a", "writer", "update");
    put_role(index, "b", "writer", "delete");
    put_binding(index, "", "all", "ClusterRole", "reader", "{kind: Group, name: staff}");
    put_binding(index, "a", "eve", "Role", "writer",
                "{kind: User, name: eve}, {kind: ServiceAccount, name: bot, namespace: x}");
    put_binding(index, "a", "own", "ClusterRole", "reader", "{kind: ServiceAccount, name: bot}");
    put_binding(index, "b", "gone", "Role", "nothing", "{kind: User, name: eve}");
    assert_verbs(index, "eve", "staff", "", "get");
    assert_verbs(index, "eve", "staff", "a", "get update");
    assert_verbs(index, "eve", "others", "a", "update");
    assert_verbs(index, "eve", "others", "b", "missing");
    assert_verbs(index, "eve", "others", "c", "");
    assert_verbs(index, "system:serviceaccount:x:bot", "others", "a", "update");
    assert_verbs(index, "system:serviceaccount:a:bot", "others", "a", "get");
    assert_verbs(index, "staff", "eve", "a", ""); /* a group is no user, nor the other way round */
    put_role(index, "a", "writer", "patch");      /* is replaced */
    assert_verbs(index, "eve", "others", "a", "patch");
    put_binding(index, "a", "eve", "Role", "writer", "{kind: User, name: adam}");
    assert_verbs(index, "eve", "others", "a", "");
    assert_verbs(index, "adam", "others", "a", "patch");
    rbac_index_put_binding(index, "a", "eve", NULL);
    assert_verbs(index, "adam", "others", "a", "");
    rbac_index_put_role(index, "", "reader", NULL);
    assert_verbs(index, "eve", "staff", "", "missing");
    rbac_index_free(index);
}

static void test_rbac_index__odd_objects(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "{}",
        "[]",
        "7",
        "{subjects: 7, roleRef: []}",
        "{subjects: [7, {}, {kind: User}, {kind: Bear, name: b}, {kind: ServiceAccount, name: x}]}",
    };
    struct rbac_index *index = rbac_index_new();
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        cleanup(value_free) struct value *object = document(odd[i]);
        rbac_index_put_role(index, "", "odd", object);
        rbac_index_put_binding(index, "", "odd", object);
        assert_verbs(index, "b", "b", "", "");
    }
    rbac_index_free(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rbac_index__who_has_what_where),
        cmocka_unit_test(test_rbac_index__odd_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
