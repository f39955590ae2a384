/* Verbs x kinds x subjects at the API's door, against what Kubernetes' default roles give. */

#include "controller/api/access.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/reconcile/aggregation.h"
#include "tests/lib/await.h"
#include "tests/unit/controller/lib/documents.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct api_user person(const char *name, const char *const *groups)
{
    return (struct api_user){.name = name, .groups = groups};
}

static const char *const people[] = {"system:authenticated", NULL};

static void bind_role(struct world *world, const char *ns, const char *role, const char *user)
{
    autofree char *yaml =
        xasprintf("{apiVersion: rbac.authorization.k8s.io/v1, kind: %s, metadata: {name: '%s-%s'},"
                  " roleRef: {kind: ClusterRole, name: '%s', apiGroup: rbac.authorization.k8s.io},"
                  " subjects: [{kind: User, name: '%s', apiGroup: rbac.authorization.k8s.io}]}",
                  *ns ? "RoleBinding" : "ClusterRoleBinding", user, role, role, user);
    const struct schema_kind *kind = *ns ? &kind_role_binding : &kind_cluster_role_binding;
    assert_int_equal(do_create(world, kind, ns, yaml, NULL), 201);
}

/* The verbs that a user has, of all, as a text. */
static void assert_verbs(struct world *world, const char *user, const struct api_ref *ref,
                         const char *sub, const char *want)
{
    static const char *const verbs[] = {"get",    "list",  "watch",  "create",
                                        "update", "patch", "delete", "deletecollection"};
    cleanup(buf_done) struct buf have = {0};
    const struct api_user asks = person(user, people);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        const struct access access = {verbs[i], *ref, sub, NULL};
        struct value *refusal = access_refusal(world->api, &asks, &access);
        if (!refusal)
            buf_addf(&have, "%s%s", have.len ? " " : "", verbs[i]);
        value_free(refusal);
    }
    if (!str_eq(buf_str(&have), want))
        fail_msg("%s on %s/%s in \"%s\": \"%s\", not \"%s\"", user, ref->kind->plural, sub, ref->ns,
                 buf_str(&have), want);
}

static bool is_gathered(struct world *world)
{
    cleanup(value_free) struct value *role = get(world, &kind_cluster_role, "", "admin");
    return value_len(value_get(role, "rules")) > 20;
}

#define READ "get list watch"
#define ALL "get list watch create update patch delete deletecollection"

static void test_access__default_roles(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct aggregation *aggregation = NULL;
    struct err err = {0};
    world_policy(world);
    assert_int_equal(aggregation_new(world->loop, world->api, &aggregation, &err), 0);
    AWAIT(is_gathered(world), await_turn(world->loop));
    bind_role(world, "", "cluster-admin", "root");
    bind_role(world, "default", "admin", "alice");
    bind_role(world, "default", "edit", "eddie");
    bind_role(world, "default", "view", "vera");
    bind_role(world, "", "view", "viola");
    world_settle(world);
    static const struct {
        const char *user;
        struct api_ref ref;
        const char *sub, *verbs;
    } cases[] = {
        {"root", {&kind_secret, "default", "s"}, "", ALL},
        {"root", {&kind_node, "", "n"}, "", ALL},
        {"root", {&kind_pod, "kube-system", "p"}, "exec", ALL},
        {"alice", {&kind_pod, "default", "p"}, "", ALL},
        {"alice", {&kind_pod, "kube-system", "p"}, "", ""},
        {"alice", {&kind_pod, "", ""}, "", ""}, /* one namespace is not all of them */
        {"alice", {&kind_role, "default", "r"}, "", ALL},
        {"alice", {&kind_secret, "default", "s"}, "", ALL},
        {"alice", {&kind_node, "", "n"}, "", ""},
        {"alice", {&kind_cluster_role, "", "r"}, "", ""},
        {"alice", {&kind_resource_quota, "default", "q"}, "", READ},
        {"eddie", {&kind_pod, "default", "p"}, "", ALL},
        {"eddie", {&kind_pod, "default", "p"}, "exec", ALL},
        {"eddie", {&kind_pod, "default", "p"}, "log", READ},
        {"eddie", {&kind_pod, "default", "p"}, "status", READ},
        {"eddie", {&kind_pod, "default", "p"}, "binding", ""},
        {"eddie", {&kind_secret, "default", "s"}, "", ALL},
        {"eddie", {&kind_role, "default", "r"}, "", ""},
        {"eddie", {&kind_deployment, "default", "d"}, "scale", ALL},
        {"vera", {&kind_pod, "default", "p"}, "", READ},
        {"vera", {&kind_pod, "default", "p"}, "log", READ},
        {"vera", {&kind_pod, "default", "p"}, "exec", ""},
        {"vera", {&kind_secret, "default", "s"}, "", ""},
        {"vera", {&kind_deployment, "default", "d"}, "", READ},
        {"vera", {&kind_deployment, "default", "d"}, "scale", READ},
        {"vera", {&kind_namespace, "", "default"}, "", READ},
        {"vera", {&kind_namespace, "", "kube-system"}, "", ""},
        {"viola", {&kind_pod, "default", "p"}, "", READ},
        {"viola", {&kind_pod, "", ""}, "", READ},
        {"viola", {&kind_namespace, "", "kube-system"}, "", READ},
        {"nobody", {&kind_pod, "default", "p"}, "", ""},
        {"nobody", {&kind_self_subject_review, "", ""}, "", "create"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_verbs(world, cases[i].user, &cases[i].ref, cases[i].sub, cases[i].verbs);
    aggregation_free(aggregation);
    world_free(world);
}

static void assert_refusal(struct world *world, const struct api_user *user,
                           const struct access *access, const char *message)
{
    cleanup(value_free) struct value *refusal = access_refusal(world->api, user, access);
    if (!message) {
        assert_null(refusal);
        return;
    }
    assert_non_null(refusal);
    assert_string_equal(value_get_str(refusal, "message"), message);
    assert_string_equal(value_get_str(refusal, "reason"), "Forbidden");
}

/* In Kubernetes' words. */
static void test_access__words(void **state)
{
    (void)state;
    struct world *world = world_new();
    const struct api_user eve = person("eve", people);
    static const struct {
        struct access access;
        const char *message;
    } cases[] = {
        {{"get", {&kind_pod, "default", "web"}, NULL, NULL},
         "pods \"web\" is forbidden: User \"eve\" cannot get resource \"pods\" in API group \"\" in "
         "the namespace \"default\""},
        {{"list", {&kind_deployment, "", ""}, NULL, NULL},
         "deployments.apps is forbidden: User \"eve\" cannot list resource \"deployments\" in API "
         "group \"apps\" at the cluster scope"},
        {{"create", {&kind_pod, "default", "web"}, NULL, NULL},
         "pods is forbidden: User \"eve\" cannot create resource \"pods\" in API group \"\" in the "
         "namespace \"default\""},
        {{"get", {&kind_pod, "default", "web"}, "log", NULL},
         "pods \"web\" is forbidden: User \"eve\" cannot get resource \"pods/log\" in API group "
         "\"\" in the namespace \"default\""},
        {{"create", {&kind_pod, "default", ""}, "binding", NULL},
         "bindings is forbidden: User \"eve\" cannot create resource \"bindings\" in API group "
         "\"\" in the namespace \"default\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_refusal(world, &eve, &cases[i].access, cases[i].message);
    bind_role(world, "default", "lost", "eve");
    world_settle(world);
    assert_refusal(world, &eve, &cases[0].access,
                   "pods \"web\" is forbidden: User \"eve\" cannot get resource \"pods\" in API "
                   "group \"\" in the namespace \"default\": RBAC: "
                   "clusterrole.rbac.authorization.k8s.io \"lost\" not found");
    cleanup(value_free) struct value *path =
        access_path_refusal(world->api, &eve, "get", "/metrics");
    assert_string_equal(value_get_str(path, "message"),
                        "forbidden: User \"eve\" cannot get path \"/metrics\"");
    world_free(world);
}

/* Names in rules: never of what has none, but of lists that ask for one name. */
static void test_access__names(void **state)
{
    (void)state;
    struct world *world = world_new();
    const struct api_user eve = person("eve", people);
    assert_int_equal(do_create(world, &kind_cluster_role, "",
                               "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, "
                               "metadata: {name: one}, rules: [{verbs: ['*'], apiGroups: [''], "
                               "resources: [configmaps], resourceNames: [one]}]}",
                               NULL),
                     201);
    bind_role(world, "default", "one", "eve");
    world_settle(world);
    static const struct {
        struct access access;
        bool allowed;
    } cases[] = {
        {{"get", {&kind_config_map, "default", "one"}, NULL, NULL}, true},
        {{"get", {&kind_config_map, "default", "two"}, NULL, NULL}, false},
        {{"update", {&kind_config_map, "default", "one"}, NULL, NULL}, true},
        {{"create", {&kind_config_map, "default", "one"}, NULL, NULL}, false},
        {{"deletecollection", {&kind_config_map, "default", ""}, NULL, NULL}, false},
        {{"list", {&kind_config_map, "default", ""}, NULL, NULL}, false},
        {{"list", {&kind_config_map, "default", ""}, NULL, "metadata.name=one"}, true},
        {{"watch", {&kind_config_map, "default", ""}, NULL, "metadata.name=one"}, true},
        {{"watch", {&kind_config_map, "default", ""}, NULL, "metadata.name=two"}, false},
        {{"watch", {&kind_config_map, "default", ""}, NULL, "metadata.name!=one"}, false},
        {{"watch", {&kind_config_map, "", ""}, NULL, "metadata.name=one"}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *refusal =
            access_refusal(world->api, &eve, &cases[i].access);
        if (!refusal != cases[i].allowed)
            fail_msg("case %zu", i);
    }
    world_free(world);
}

/* A name that the gateway's own controllers have is no right to whoever comes from outside. */
static void test_access__own_names(void **state)
{
    (void)state;
    struct world *world = world_new();
    const struct access access = {"get", {&kind_secret, "default", "s"}, NULL, NULL};
    const struct api_user own = person("system:limpet:link", NULL);
    const struct api_user other = person("system:limpet:link", people);
    assert_refusal(world, &own, &access, NULL);
    cleanup(value_free) struct value *refusal = access_refusal(world->api, &other, &access);
    cleanup(value_free) struct value *nobody = access_refusal(world->api, NULL, &access);
    assert_non_null(refusal);
    assert_non_null(nobody);
    world_free(world);
}

/* Who may change what is there need not be let make what is not. */
static void test_access__apply_creates(void **state)
{
    (void)state;
    struct world *world = world_new();
    assert_int_equal(
        do_create(world, &kind_cluster_role, "",
                  "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, "
                  "metadata: {name: changer}, rules: [{verbs: [patch], apiGroups: [''],"
                  " resources: [configmaps]}]}",
                  NULL),
        201);
    bind_role(world, "default", "changer", "guest");
    world_settle(world);
    static const char map[] = "{apiVersion: v1, kind: ConfigMap, metadata: {name: m}}";
    assert_int_equal(do_apply_as(world, &guest, &kind_config_map, "default", map), 403);
    assert_int_equal(do_create(world, &kind_config_map, "default", map, NULL), 201);
    assert_int_equal(do_apply_as(world, &guest, &kind_config_map, "default", map), 200);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_access__default_roles), cmocka_unit_test(test_access__words),
        cmocka_unit_test(test_access__names),         cmocka_unit_test(test_access__own_names),
        cmocka_unit_test(test_access__apply_creates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
