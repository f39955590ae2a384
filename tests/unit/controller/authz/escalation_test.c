/* Nobody gives what he has not. */

#include "controller/api/escalation.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/unit/controller/lib/documents.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define RBAC "apiVersion: rbac.authorization.k8s.io/v1, "
#define GET_PODS "{verbs: [get], apiGroups: [''], resources: [pods]}"
#define GET_NODES "{verbs: [get], apiGroups: [''], resources: [nodes]}"
#define WRITE_RBAC                                                                                 \
    "{verbs: [create, update, patch, delete, get], apiGroups: [rbac.authorization.k8s.io], "       \
    "resources: [roles, rolebindings, clusterroles, clusterrolebindings]}"

#define REQUEST                                                                                    \
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIZU1JR0dBZ0VBTUNReEV6QVJCZ05WQkFvTUNtUm"   \
    "xkbVZzYjNCbGNuTXhEVEFMQmdOVkJBTU1CR3BoYm1VdwpXVEFUQmdjcWhrak9QUUlCQmdncWhrak9QUU1CQndOQ0FB"   \
    "UUs0N08remt5VlZNL0ozRFJlcHIwMy84Z1VOUDhCCnZXQ2NrUTJRNllNUGgrdmNpSld2ZmVlMlk5NUtuQ1N4L2VEak"   \
    "IzMHowSjVaM3hXYWhnMit3Y0tXb0FBd0NnWUkKS29aSXpqMEVBd0lEUndBd1JBSWdIanhWeXEwWEZFN2V4Mm1NZmhF"   \
    "WnB0QnI0ejM0NHpBZlNCclRkOTk2NHpZQwpJRzQvWThEUExuQnA2ZS9XN3pwbUp0aGpVaFRtYldrY3NGQm9td1NjSk"   \
    "4wRgotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K"

static void make(struct world *world, const struct schema_kind *kind, const char *ns,
                 const char *yaml)
{
    assert_int_equal(do_create(world, kind, ns, yaml, NULL), 201);
}

/* guest may read pods and write roles in default, and what `more` says. */
static struct world *setup(const char *more)
{
    struct world *world = world_new();
    autofree char *role = xasprintf("{" RBAC "kind: Role, metadata: {name: own}, rules: [" GET_PODS
                                    ", " WRITE_RBAC "%s%s]}",
                                    *more ? ", " : "", more);
    make(world, &kind_role, "default", role);
    make(world, &kind_role_binding, "default",
         "{" RBAC "kind: RoleBinding, metadata: {name: own}, roleRef: {kind: Role, name: own}, "
         "subjects: [{kind: User, name: guest}]}");
    make(world, &kind_cluster_role, "",
         "{" RBAC "kind: ClusterRole, metadata: {name: pods}, rules: [" GET_PODS "]}");
    make(world, &kind_cluster_role, "",
         "{" RBAC "kind: ClusterRole, metadata: {name: nodes}, rules: [" GET_NODES "]}");
    world_settle(world);
    return world;
}

static const char role[] = "{" RBAC "kind: Role, metadata: {name: new}, rules: [%s]}";
static const char binding[] = "{" RBAC "kind: RoleBinding, metadata: {name: new}, roleRef: {kind: "
                              "ClusterRole, name: %s}, subjects: [{kind: User, name: eve}]}";

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static char *fill(const char *format, const char *word)
{
    return xasprintf(format, word);
}

static void test_escalation__what_one_may_give(void **state)
{
    (void)state;
    static const struct {
        const char *more; /* what guest has beside */
        const struct schema_kind *kind;
        const char *format, *word;
        int code;
    } cases[] = {
        {"", &kind_role, role, GET_PODS, 201},
        {"", &kind_role, role, "{verbs: ['*'], apiGroups: [''], resources: [pods]}", 403},
        {"", &kind_role, role, GET_PODS ", " GET_NODES, 403},
        {GET_NODES, &kind_role, role, GET_PODS ", " GET_NODES, 201},
        {"{verbs: [escalate], apiGroups: [rbac.authorization.k8s.io], resources: [roles]}",
         &kind_role, role, GET_NODES, 201},
        {"{verbs: [bind], apiGroups: [rbac.authorization.k8s.io], resources: [roles]}", &kind_role,
         role, GET_NODES, 403},
        {"", &kind_role_binding, binding, "pods", 201},
        {"", &kind_role_binding, binding, "nodes", 403},
        {"", &kind_role_binding, binding, "none", 404},
        {"{verbs: [bind], apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], "
         "resourceNames: [nodes]}",
         &kind_role_binding, binding, "nodes", 201},
        {"{verbs: [bind], apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], "
         "resourceNames: [pods]}",
         &kind_role_binding, binding, "nodes", 403},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = setup(cases[i].more);
        autofree char *yaml = fill(cases[i].format, cases[i].word);
        int code = do_apply_as(world, &guest, cases[i].kind, "default", yaml);
        if (code != cases[i].code)
            fail_msg("case %zu: %d", i, code);
        world_free(world);
    }
}

/* What is there may be made less, or be what it is to who may not give it; not more. */
static void test_escalation__changes(void **state)
{
    (void)state;
    struct world *world = setup("");
    autofree char *more = fill(role, GET_PODS ", " GET_NODES);
    autofree char *less = fill(role, GET_PODS);
    make(world, &kind_role, "default", less);
    assert_int_equal(do_apply_as(world, &guest, &kind_role, "default", more), 403);
    make(world, &kind_role_binding, "default",
         "{" RBAC "kind: RoleBinding, metadata: {name: n}, roleRef: {kind: ClusterRole, name: "
         "nodes}}");
    assert_int_equal(do_apply_as(world, &guest, &kind_role_binding, "default",
                                 "{" RBAC "kind: RoleBinding, metadata: {name: n}, roleRef: {kind: "
                                 "ClusterRole, name: nodes}, subjects: [{kind: User, name: "
                                 "guest}]}"),
                     403);
    world_free(world);
}

/* In Kubernetes' words. */
/* A user is in the groups of its object: who writes one gives those. */
static void test_escalation__users(void **state)
{
    (void)state;
    static const char user[] = "{apiVersion: limpet.io/v1, kind: User, metadata: {name: eve}, "
                               "spec: %s}";
    static const char masters[] = "{groups: ['system:masters']}",
                      off[] = "{groups: ['system:masters'], disabled: true}",
                      on[] = "{groups: ['system:masters'], disabled: false}";
    static const struct {
        const char *groups, *before, *after; /* groups that guest may impersonate */
        int code;
    } cases[] = {
        {"[]", NULL, "{}", 201},
        {"[]", NULL, masters, 403},
        {"[ops]", NULL, masters, 403},
        {"[ops]", NULL, "{groups: [ops]}", 201},
        {"[ops]", NULL, "{groups: [ops, 'system:masters']}", 403},
        {"[]", "{}", masters, 403},
        {"[]", masters, "{}", 200},
        {"[]", masters, off, 200},
        {"[]", off, on, 403}, /* whom the admin has shut out */
        {"['system:masters']", off, on, 200},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = world_new();
        autofree char *rules = xasprintf(
            "{" RBAC "kind: ClusterRole, metadata: {name: users}, rules: [{verbs: ['*'], "
            "apiGroups: [limpet.io], resources: [users]}, {verbs: [impersonate], apiGroups: "
            "[''], resources: [groups], resourceNames: %s}]}",
            str_eq(cases[i].groups, "[]") ? "[none]" : cases[i].groups);
        make(world, &kind_cluster_role, "", rules);
        make(world, &kind_cluster_role_binding, "",
             "{" RBAC "kind: ClusterRoleBinding, metadata: {name: users}, roleRef: {kind: "
             "ClusterRole, name: users}, subjects: [{kind: User, name: guest}]}");
        world_settle(world);
        if (cases[i].before) {
            autofree char *before = fill(user, cases[i].before);
            make(world, &kind_user, "", before);
        }
        autofree char *after = fill(user, cases[i].after);
        int code = do_apply_as(world, &guest, &kind_user, "", after);
        if (code != cases[i].code)
            fail_msg("case %zu: %d", i, code);
        world_free(world);
    }
}

static void see_code(void *ctx, const struct api_answer *answer)
{
    *(int *)ctx = answer->code;
}

static int verdict(struct world *world, unsigned flags, const char *status)
{
    cleanup(value_free) struct value *object =
        get(world, &kind_certificate_signing_request, "", "r");
    const struct api_ref ref = {&kind_certificate_signing_request, "", "r"};
    int code = 0;
    value_set(object, "status", parse(status));
    api_update(world->api, &guest, &ref, object, flags, see_code, &code);
    world_settle(world);
    return code;
}

/* Whoever approves a request gives what its certificate is good for. */
static void test_escalation__requests(void **state)
{
    (void)state;
    static const char approved[] = "{conditions: [{type: Approved, status: 'True'}]}",
                      made[] = "{certificate: LS0tLS1CRUdJTg==}";
    static const struct {
        const char *verb, *signer; /* of guest */
        unsigned flags;
        const char *status;
        int code;
    } cases[] = {
        {"approve", "other.example/s", API_APPROVAL, approved, 403},
        {"sign", "signer.example/s", API_APPROVAL, approved, 403},
        {"approve", "signer.example/s", API_APPROVAL, approved, 200},
        {"approve", "signer.example/*", API_APPROVAL, approved, 200},
        {"sign", "signer.example/s", API_STATUS, approved, 403},
        {"approve", "signer.example/s", API_STATUS, made, 403},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = world_new();
        autofree char *rules = xasprintf(
            "{" RBAC "kind: ClusterRole, metadata: {name: c}, rules: [{verbs: ['*'], apiGroups: "
            "[certificates.k8s.io], resources: ['certificatesigningrequests', "
            "'certificatesigningrequests/approval', 'certificatesigningrequests/status']}, {verbs: "
            "[%s], apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: ['%s']}]}",
            cases[i].verb, cases[i].signer);
        make(world, &kind_cluster_role, "", rules);
        make(world, &kind_cluster_role_binding, "",
             "{" RBAC "kind: ClusterRoleBinding, metadata: {name: c}, roleRef: {kind: ClusterRole, "
             "name: c}, subjects: [{kind: User, name: guest}]}");
        make(world, &kind_certificate_signing_request, "",
             "{metadata: {name: r}, spec: {request: " REQUEST
             ", signerName: signer.example/s, usages: [client auth]}}");
        world_settle(world);
        int code = verdict(world, cases[i].flags, cases[i].status);
        if (code != cases[i].code)
            fail_msg("case %zu: %d", i, code);
        world_free(world);
    }
}

static void test_escalation__words(void **state)
{
    (void)state;
    struct world *world = setup("");
    const struct api_ref ref = {&kind_role, "default", "new"};
    autofree char *yaml = fill(role, GET_NODES);
    cleanup(value_free) struct value *object = document(yaml);
    struct escalation *escalation = escalation_new(&guest, &ref);
    cleanup(value_free) struct value *refusal =
        escalation_refusal(world->api, escalation, &ref, NULL, object);
    assert_string_equal(value_get_str(refusal, "message"),
                        "roles.rbac.authorization.k8s.io \"new\" is forbidden: user \"guest\" "
                        "(groups=[\"friends\"]) is attempting to grant RBAC permissions not "
                        "currently held:\n{APIGroups:[\"\"], Resources:[\"nodes\"], "
                        "Verbs:[\"get\"]}");
    escalation_free(escalation);
    /* The gateway's own, and who may everything, need not be asked. */
    assert_null(escalation_new(&admin, &ref));
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escalation__what_one_may_give),
        cmocka_unit_test(test_escalation__changes),
        cmocka_unit_test(test_escalation__users),
        cmocka_unit_test(test_escalation__requests),
        cmocka_unit_test(test_escalation__words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
