#include "controller/server/impersonate.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/unit/controller/lib/documents.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define RBAC "apiVersion: rbac.authorization.k8s.io/v1, "

static struct world *setup_world(void)
{
    struct world *world = world_new();
    assert_int_equal(
        do_create(world, &kind_cluster_role, "",
                  "{" RBAC "kind: ClusterRole, metadata: {name: as}, rules: ["
                  "{verbs: [impersonate], apiGroups: [''], resources: [users, groups], "
                  "resourceNames: [eve, staff]},"
                  "{verbs: [impersonate], apiGroups: [''], resources: [serviceaccounts], "
                  "resourceNames: [bot]},"
                  "{verbs: [impersonate], apiGroups: [authentication.k8s.io], resources: "
                  "[userextras/example.com/scopes, uids], resourceNames: [view, '7']}]}",
                  NULL),
        201);
    assert_int_equal(do_create(world, &kind_cluster_role_binding, "",
                               "{" RBAC "kind: ClusterRoleBinding, metadata: {name: as}, roleRef: "
                               "{kind: ClusterRole, name: as}, subjects: [{kind: User, name: "
                               "guest}]}",
                               NULL),
                     201);
    world_settle(world);
    return world;
}

static char *told(const struct who *who)
{
    cleanup(buf_done) struct buf text = {0};
    buf_addf(&text, "%s", who->user.name);
    for (const char *const *group = who->user.groups; *group; group++)
        buf_addf(&text, " %s", *group);
    if (who->user.uid)
        buf_addf(&text, " uid=%s", who->user.uid);
    for (size_t i = 0; i < value_len(who->user.extra); i++)
        buf_addf(&text, " %s=%s", value_key_at(who->user.extra, i),
                 value_str(value_at(value_at(who->user.extra, i), 0)));
    return xstrdup(buf_str(&text));
}

static void test_impersonate__who_may_be_whom(void **state)
{
    (void)state;
    struct world *world = setup_world();
    static const struct {
        const char *headers[9];
        const char *want; /* who it is; NULL: the message */
        const char *refusal;
    } cases[] = {
        {{"Accept", "x"}, NULL, NULL},
        {{"Impersonate-User", "eve"}, "eve system:authenticated", NULL},
        {{"impersonate-user", "eve", "IMPERSONATE-GROUP", "staff"},
         "eve staff system:authenticated",
         NULL},
        {{"Impersonate-User", "adam"},
         NULL,
         "users \"adam\" is forbidden: User \"guest\" cannot impersonate resource \"users\" in API "
         "group \"\" at the cluster scope"},
        {{"Impersonate-User", "eve", "Impersonate-Group", "system:masters"},
         NULL,
         "groups \"system:masters\" is forbidden: User \"guest\" cannot impersonate resource "
         "\"groups\" in API group \"\" at the cluster scope"},
        {{"Impersonate-User", "eve", "Impersonate-Group", "staff", "Impersonate-Group",
          "system:masters"},
         NULL,
         "groups \"system:masters\" is forbidden: User \"guest\" cannot impersonate resource "
         "\"groups\" in API group \"\" at the cluster scope"},
        {{"Impersonate-User", "system:serviceaccount:default:bot"},
         "system:serviceaccount:default:bot system:serviceaccounts system:serviceaccounts:default "
         "system:authenticated",
         NULL},
        {{"Impersonate-User", "system:serviceaccount:default:other"},
         NULL,
         "serviceaccounts \"other\" is forbidden: User \"guest\" cannot impersonate resource "
         "\"serviceaccounts\" in API group \"\" in the namespace \"default\""},
        {{"Impersonate-User", "eve", "Impersonate-Uid", "7",
          "Impersonate-Extra-Example.com%2fScopes", "view"},
         "eve system:authenticated uid=7 example.com/scopes=view",
         NULL},
        {{"Impersonate-User", "eve", "Impersonate-Uid", "8"},
         NULL,
         "uids.authentication.k8s.io \"8\" is forbidden: User \"guest\" cannot impersonate resource "
         "\"uids\" in API group \"authentication.k8s.io\" at the cluster scope"},
        {{"Impersonate-Group", "staff"},
         NULL,
         "groups, uid or extra are impersonated without a user: Impersonate-User is required"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(who_free) struct who *who = NULL;
        cleanup(value_free) struct value *refusal =
            impersonate_read(world->api, cases[i].headers, &guest, &who);
        assert_int_equal(refusal != NULL, cases[i].refusal != NULL);
        assert_int_equal(who != NULL, cases[i].want != NULL);
        if (refusal)
            assert_string_equal(value_get_str(refusal, "message"), cases[i].refusal);
        autofree char *text = who ? told(who) : NULL;
        if (who)
            assert_string_equal(text, cases[i].want);
    }
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_impersonate__who_may_be_whom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
