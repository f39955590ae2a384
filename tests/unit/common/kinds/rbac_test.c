/* Roles and their bindings. */

#include "load.h"

#define ROLE(kind_, rules_)                                                                        \
    "apiVersion: rbac.authorization.k8s.io/v1\nkind: " kind_                                       \
    "\nmetadata: {name: 'a:b'}\nrules: [" rules_ "]\n"
#define BINDING(kind_, subject_, ref_)                                                             \
    "apiVersion: rbac.authorization.k8s.io/v1\nkind: " kind_                                       \
    "\nmetadata: {name: a}\nsubjects: [" subject_ "]\nroleRef: " ref_ "\n"

static void test_rbac__rules(void **state)
{
    (void)state;
    static const char both[] =
        "line 4: rules[0].apiGroups: resource rules must supply at least one api group\n"
        "line 4: rules[0].resources: resource rules must supply at least one resource\n";
    static const struct {
        const char *text, *mistake;
    } cases[] = {
        {ROLE("Role", "{verbs: [get], apiGroups: [''], resources: [pods]}"), ""},
        {ROLE("Role", ""), ""},
        {ROLE("Role", "{verbs: [get]}"), both},
        {ROLE("ClusterRole", "{verbs: [get]}"), both},
        {ROLE("Role", "{verbs: [], apiGroups: [''], resources: [pods]}"),
         "line 4: rules[0].verbs: required\n"},
        {ROLE("Role", "{verbs: [get], nonResourceURLs: [/x]}"),
         "line 4: rules[0].nonResourceURLs: namespaced rules cannot apply to non-resource URLs\n"},
        {ROLE("ClusterRole", "{verbs: [get], nonResourceURLs: [/x, /y/*, '*']}"), ""},
        {ROLE("ClusterRole", "{verbs: [get], nonResourceURLs: [/y/*/z]}"),
         "line 4: rules[0].nonResourceURLs: \"/y/*/z\": must have '*' at its end only\n"},
        {ROLE("ClusterRole", "{verbs: [get], resources: [a], nonResourceURLs: [/x]}"),
         "line 4: rules[0].nonResourceURLs: rules cannot apply to both regular resources and "
         "non-resource URLs\n"},
        {ROLE("ClusterRole", "") "aggregationRule: {}\n",
         "line 5: aggregationRule.clusterRoleSelectors: at least one clusterRoleSelector required "
         "if aggregationRule is non-nil\n"},
        {ROLE("Role", "") "aggregationRule: {}\n",
         "line 5: aggregationRule: unknown field of Role\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_mistakes(cases[i].text, cases[i].mistake);
}

#define TO_ROLE "{kind: Role, name: r}"

static void test_rbac__bindings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *mistake;
    } cases[] = {
        {BINDING("RoleBinding", "{kind: User, name: 'a b/c'}", TO_ROLE), ""},
        {BINDING("RoleBinding", "", TO_ROLE), ""},
        {BINDING("RoleBinding", "{kind: ServiceAccount, name: a}", TO_ROLE),
         "line 4: subjects[0].namespace: required\n"},
        {BINDING("RoleBinding", "{kind: ServiceAccount, name: A, namespace: b, apiGroup: x}",
                 TO_ROLE),
         "line 4: subjects[0].apiGroup: \"x\": supported values: \"\"\n"
         "line 4: subjects[0].name: \"A\": must be a-z, 0-9, '-' and '.', each part beginning "
         "and ending with a letter or digit\n"},
        {BINDING("RoleBinding", "{kind: User, name: a, apiGroup: apps}", TO_ROLE),
         "line 4: subjects[0].apiGroup: \"apps\": supported values: "
         "\"rbac.authorization.k8s.io\"\n"},
        {BINDING("RoleBinding", "{kind: Robot, name: a}", TO_ROLE),
         "line 4: subjects[0].kind: \"Robot\": must be one of User, Group, ServiceAccount\n"},
        {BINDING("ClusterRoleBinding", "{kind: User, name: a}", TO_ROLE),
         "line 5: roleRef.kind: \"Role\": supported values: \"ClusterRole\"\n"},
        {BINDING("RoleBinding", "", "{kind: Role, name: a/b}"),
         "line 5: roleRef.name: \"a/b\": may not contain '/' or '%'\n"},
        {BINDING("RoleBinding", "", "{kind: Role}"), "line 5: roleRef.name: required\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_mistakes(cases[i].text, cases[i].mistake);
}

static void test_rbac__groups_are_defaulted(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object = load_whole(
        BINDING("RoleBinding",
                "{kind: User, name: a}, {kind: ServiceAccount, name: b, namespace: c}", TO_ROLE));
    const struct value *subjects = value_get(object, "subjects");
    assert_string_equal(value_get_str(value_at(subjects, 0), "apiGroup"),
                        "rbac.authorization.k8s.io");
    assert_null(value_get(value_at(subjects, 1), "apiGroup"));
    assert_string_equal(value_str(value_path(object, "roleRef", "apiGroup", NULL)),
                        "rbac.authorization.k8s.io");
}

static void test_rbac__the_role_of_a_binding_stays(void **state)
{
    (void)state;
    static const char before[] = BINDING("RoleBinding", "", TO_ROLE);
    expect_update(before, BINDING("RoleBinding", "{kind: User, name: a}", TO_ROLE), "");
    expect_update(
        before,
        BINDING("RoleBinding", "", "{kind: Role, name: r, apiGroup: rbac.authorization.k8s.io}"),
        "");
    expect_update(before, BINDING("RoleBinding", "", "{kind: ClusterRole, name: r}"),
                  "roleRef: cannot change roleRef\n");
}

static void test_rbac__names_are_parts_of_paths(void **state)
{
    (void)state;
    assert_null(kind_role.name("system:node A@b"));
    assert_non_null(kind_role.name("a/b"));
    assert_non_null(kind_cluster_role.name("a%b"));
    assert_non_null(kind_role_binding.name(".."));
}

static void test_rbac__columns(void **state)
{
    (void)state;
    static const char binding[] =
        "{roleRef: {kind: ClusterRole, name: admin}, subjects: [{kind: User, name: ada}, "
        "{kind: Group, name: g}, {kind: User, name: bob}, {kind: ServiceAccount, name: s, "
        "namespace: n}]}";
    static const struct {
        const char *column, *want;
    } cases[] = {{"Role", "ClusterRole/admin"},
                 {"Users", "ada, bob"},
                 {"Groups", "g"},
                 {"ServiceAccounts", "n/s"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        expect_cell(&kind_role_binding, cases[i].column, binding, 0, cases[i].want);
        expect_cell(&kind_cluster_role_binding, cases[i].column, binding, 0, cases[i].want);
    }
    expect_cell(&kind_role_binding, "Users", "{}", 0, "");
    expect_cell(&kind_role, "Created At", "{metadata: {creationTimestamp: '2026-01-01T00:00:00Z'}}",
                0, "2026-01-01T00:00:00Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rbac__rules),
        cmocka_unit_test(test_rbac__bindings),
        cmocka_unit_test(test_rbac__groups_are_defaulted),
        cmocka_unit_test(test_rbac__the_role_of_a_binding_stays),
        cmocka_unit_test(test_rbac__names_are_parts_of_paths),
        cmocka_unit_test(test_rbac__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
