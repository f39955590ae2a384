/* A node sees and touches only what its own pods need. */

#include "controller/api/access.h"
#include "controller/api/node_limits.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/unit/controller/lib/documents.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const groups[] = {"system:nodes", "system:authenticated", NULL};
static const struct api_user pi = {.name = "system:node:pi", .groups = groups};

#define POD                                                                                        \
    "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {nodeName: pi, serviceAccountName: " \
    "bot, imagePullSecrets: [{name: pull}], volumes: [{name: s, secret: {secretName: files}}, "    \
    "{name: c, configMap: {name: conf}}, {name: d, persistentVolumeClaim: {claimName: data}}, "    \
    "{name: e, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: " \
    "{requests: {storage: 1Gi}}}}}}, {name: p, projected: {sources: [{secret: {name: proj}}, "     \
    "{configMap: {name: projc}}]}}], containers: [{name: a, image: i, env: [{name: X, valueFrom: " \
    "{secretKeyRef: {name: var, key: k}}}], envFrom: [{configMapRef: {name: vars}}]}], "           \
    "initContainers: [{name: b, image: i, envFrom: [{secretRef: {name: first}}]}]}}"

#define OTHER                                                                                      \
    "{apiVersion: v1, kind: Pod, metadata: {name: db}, spec: {nodeName: other, volumes: [{name: "  \
    "s, secret: {secretName: theirs}}], containers: [{name: a, image: i}]}}"
#define CLAIM                                                                                      \
    "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data}, spec: {accessModes: "   \
    "[ReadWriteOnce], volumeName: disk, resources: {requests: {storage: 1Gi}}}}"

static struct world *setup_world(void)
{
    struct world *world = world_new();
    assert_int_equal(do_create(world, &kind_pod, "default", POD, NULL), 201);
    assert_int_equal(do_create(world, &kind_pod, "default", OTHER, NULL), 201);
    assert_int_equal(do_create(world, &kind_persistent_volume_claim, "default", CLAIM, NULL), 201);
    world_settle(world);
    return world;
}

static bool may(struct world *world, const struct access *access)
{
    struct value *refusal = access_refusal(world->api, &pi, access);
    value_free(refusal);
    return !refusal;
}

static void test_node__what_its_pods_need(void **state)
{
    (void)state;
    struct world *world = setup_world();
    static const struct {
        struct access access;
        bool allowed;
    } cases[] = {
        {{"get", {&kind_node, "", "pi"}, NULL, NULL}, true},
        {{"get", {&kind_node, "", "other"}, NULL, NULL}, false},
        {{"list", {&kind_node, "", ""}, NULL, NULL}, false},
        {{"watch", {&kind_node, "", ""}, NULL, "metadata.name=pi"}, true},
        {{"update", {&kind_node, "", "other"}, NULL, NULL}, false},
        {{"patch", {&kind_node, "", "pi"}, "status", NULL}, true},
        {{"patch", {&kind_node, "", "other"}, "status", NULL}, false},
        {{"delete", {&kind_node, "", "pi"}, NULL, NULL}, false},
        {{"get", {&kind_pod, "default", "web"}, NULL, NULL}, true},
        {{"get", {&kind_pod, "default", "db"}, NULL, NULL}, false},
        {{"list", {&kind_pod, "", ""}, NULL, NULL}, false},
        {{"list", {&kind_pod, "", ""}, NULL, "spec.nodeName=pi"}, true},
        {{"watch", {&kind_pod, "", ""}, NULL, "spec.nodeName=other"}, false},
        {{"watch", {&kind_pod, "", ""}, NULL, "spec.nodeName!=pi"}, false},
        {{"update", {&kind_pod, "default", "web"}, "status", NULL}, true},
        {{"update", {&kind_pod, "default", "db"}, "status", NULL}, false},
        {{"update", {&kind_pod, "default", "web"}, NULL, NULL}, false},
        {{"create", {&kind_pod, "default", "web"}, "exec", NULL}, false},
        {{"create", {&kind_pod, "default", "web"}, "binding", NULL}, false},
        {{"delete", {&kind_pod, "default", "web"}, NULL, NULL}, true},
        {{"delete", {&kind_pod, "default", "db"}, NULL, NULL}, false},
        {{"create", {&kind_pod, "default", "db"}, "eviction", NULL}, false},
        {{"get", {&kind_secret, "default", "files"}, NULL, NULL}, true},
        {{"get", {&kind_secret, "default", "pull"}, NULL, NULL}, true},
        {{"get", {&kind_secret, "default", "proj"}, NULL, NULL}, true},
        {{"get", {&kind_secret, "default", "var"}, NULL, NULL}, true},
        {{"get", {&kind_secret, "default", "first"}, NULL, NULL}, true},
        {{"get", {&kind_secret, "default", "theirs"}, NULL, NULL}, false},
        {{"get", {&kind_secret, "kube-system", "files"}, NULL, NULL}, false},
        {{"list", {&kind_secret, "default", ""}, NULL, NULL}, false},
        {{"watch", {&kind_secret, "default", ""}, NULL, "metadata.name=files"}, true},
        {{"list", {&kind_secret, "", ""}, NULL, NULL}, false},
        {{"update", {&kind_secret, "default", "files"}, NULL, NULL}, false},
        {{"get", {&kind_config_map, "default", "conf"}, NULL, NULL}, true},
        {{"get", {&kind_config_map, "default", "projc"}, NULL, NULL}, true},
        {{"get", {&kind_config_map, "default", "vars"}, NULL, NULL}, true},
        {{"get", {&kind_config_map, "default", "files"}, NULL, NULL}, false},
        {{"get", {&kind_persistent_volume_claim, "default", "data"}, NULL, NULL}, true},
        {{"get", {&kind_persistent_volume_claim, "default", "web-e"}, NULL, NULL}, true},
        {{"get", {&kind_persistent_volume_claim, "default", "x"}, NULL, NULL}, false},
        {{"get", {&kind_persistent_volume, "", "disk"}, NULL, NULL}, true},
        {{"get", {&kind_persistent_volume, "", "tape"}, NULL, NULL}, false},
        {{"create", {&kind_service_account, "default", "bot"}, "token", NULL}, true},
        {{"create", {&kind_service_account, "default", "boss"}, "token", NULL}, false},
        {{"get", {&kind_lease, "kube-node-lease", "pi"}, NULL, NULL}, true},
        {{"update", {&kind_lease, "kube-node-lease", "other"}, NULL, NULL}, false},
        {{"update", {&kind_lease, "default", "pi"}, NULL, NULL}, false},
        {{"list", {&kind_service, "", ""}, NULL, NULL}, true},
        {{"create", {&kind_event, "default", ""}, NULL, NULL}, true},
        {{"delete", {&kind_event, "default", "e"}, NULL, NULL}, false},
        {{"list", {&kind_deployment, "", ""}, NULL, NULL}, false},
        {{"create", {&kind_cluster_role_binding, "", ""}, NULL, NULL}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (may(world, &cases[i].access) != cases[i].allowed)
            fail_msg("case %zu: %s %s/%s", i, cases[i].access.verb,
                     cases[i].access.ref.kind->plural, cases[i].access.ref.name);
    world_free(world);
}

/* What was given with a pod goes with it. */
static void test_node__follows_its_pods(void **state)
{
    (void)state;
    struct world *world = setup_world();
    const struct access own = {"get", {&kind_secret, "default", "files"}, NULL, NULL};
    const struct access new = {"get", {&kind_secret, "default", "late"}, NULL, NULL};
    const struct access volume = {"get", {&kind_persistent_volume, "", "disk"}, NULL, NULL};
    assert_true(may(world, &own));
    assert_true(may(world, &volume));
    assert_false(may(world, &new));
    assert_int_equal(do_create(world, &kind_pod, "default",
                               "{apiVersion: v1, kind: Pod, metadata: {name: new}, spec: "
                               "{nodeName: pi, containers: [{name: a, image: i, envFrom: "
                               "[{secretRef: {name: late}}, {secretRef: {name: files}}]}]}}",
                               NULL),
                     201);
    world_settle(world);
    assert_true(may(world, &new));
    assert_int_equal(do_delete(world, &kind_pod, "default", "web", 0, NULL), 200);
    world_settle(world);
    assert_true(may(world, &own)); /* the other pod needs it still */
    assert_false(may(world, &volume));
    assert_int_equal(do_delete(world, &kind_pod, "default", "new", 0, NULL), 200);
    world_settle(world);
    assert_false(may(world, &own));
    assert_false(may(world, &new));
    world_free(world);
}

/* A node's name without the group is no node, nor the group without the name. */
static void test_node__who_is_one(void **state)
{
    (void)state;
    static const char *const people[] = {"system:authenticated", NULL};
    static const struct {
        struct api_user user;
        const char *node;
    } cases[] = {
        {{"system:node:pi", groups}, "pi"},
        {{"system:node:pi", people}, NULL},
        {{"pi", groups}, NULL},
        {{"system:node:", groups}, NULL},
        {{"system:node:pi", NULL}, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *node = access_node(&cases[i].user);
        assert_true(str_eq(node, cases[i].node));
    }
}

#define NODE "{apiVersion: v1, kind: Node, metadata: {name: pi"
#define MIRROR                                                                                     \
    "{apiVersion: v1, kind: Pod, metadata: {name: m, annotations: {kubernetes.io/config.mirror: "  \
    "x}"

static void test_node__what_it_may_write(void **state)
{
    (void)state;
    static const struct {
        const struct schema_kind *kind;
        const char *name, *stored, *object;
        const char *refusal; /* a part of it; NULL: none */
    } cases[] = {
        {&kind_node, "pi", NULL, NODE "}}", NULL},
        {&kind_node, "other", NULL, NODE "}}", "not allowed to modify node \"other\""},
        {&kind_node, "pi", NULL, NODE ", labels: {kubernetes.io/hostname: pi, own/x: y}}}", NULL},
        {&kind_node, "pi", NULL, NODE ", labels: {node-restriction.kubernetes.io/x: y}}}",
         "not allowed to set the following labels"},
        {&kind_node, "pi", NULL, NODE ", labels: {node-role.kubernetes.io/control-plane: ''}}}",
         "not allowed to set the following labels"},
        {&kind_node, "pi", NODE "}}", NODE ", labels: {node.kubernetes.io/x: y}}}", NULL},
        {&kind_node, "pi", NODE "}}", NODE ", labels: {own.example/x: y}}}", NULL},
        {&kind_node, "pi", NODE ", labels: {x.k8s.io/a: b}}}", NODE "}}",
         "not allowed to modify labels: x.k8s.io/a"},
        {&kind_node, "pi", NODE "}}", NODE "}, spec: {taints: [{key: a, effect: NoSchedule}]}}",
         "not allowed to modify taints"},
        {&kind_node, "pi", NULL, NODE "}, spec: {taints: [{key: a, effect: NoSchedule}]}}", NULL},
        /* CVE-2025-5187 */
        {&kind_node, "pi", NODE "}}",
         NODE ", ownerReferences: [{apiVersion: v1, kind: Node, name: gone, uid: u}]}}",
         "not allowed to modify ownerReferences"},
        {&kind_pod, "m", NULL, MIRROR "}, spec: {nodeName: pi}}", NULL},
        {&kind_pod, "m", NULL, MIRROR "}, spec: {nodeName: other}}", "spec.nodeName set to itself"},
        {&kind_pod, "m", NULL, "{metadata: {name: m}, spec: {nodeName: pi}}",
         "can only create mirror pods"},
        {&kind_pod, "m", NULL, MIRROR "}, spec: {nodeName: pi, serviceAccountName: boss}}",
         "can not create pods that reference serviceaccounts"},
        {&kind_pod, "m", NULL,
         MIRROR "}, spec: {nodeName: pi, volumes: [{name: v, secret: {secretName: s}}]}}",
         "can not create pods that reference secrets"},
        /* CVE-2025-4563 */
        {&kind_pod, "m", NULL, MIRROR "}, spec: {nodeName: pi, resourceClaims: [{name: gpu}]}}",
         "can not create pods that reference resourceclaims"},
        {&kind_pod, "m", NULL,
         MIRROR ", ownerReferences: [{apiVersion: v1, kind: Pod, name: x}]}, spec: {nodeName: pi}}",
         "owner reference set to itself"},
        {&kind_lease, "pi", NULL, "{metadata: {name: pi}}", NULL},
        {&kind_lease, "other", NULL, "{metadata: {name: other}}", "same name as the requesting"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct api_ref ref = {cases[i].kind, "", cases[i].name};
        cleanup(value_free) struct value *stored =
            cases[i].stored ? document(cases[i].stored) : NULL;
        cleanup(value_free) struct value *object = document(cases[i].object);
        cleanup(value_free) struct value *refusal = node_limits_refusal("pi", &ref, stored, object);
        const char *message = refusal ? value_get_str(refusal, "message") : NULL;
        if (!message != !cases[i].refusal || (message && !strstr(message, cases[i].refusal)))
            fail_msg("case %zu: %s", i, message ? message : "allowed");
    }
}

/* By the API's door, however it is written. */
static void test_node__writes(void **state)
{
    (void)state;
    struct world *world = setup_world();
    assert_int_equal(do_create(world, &kind_node, "",
                               "{apiVersion: v1, kind: Node, metadata: {name: pi}}", NULL),
                     201);
    assert_int_equal(do_apply_as(world, &pi, &kind_node, "",
                                 "{apiVersion: v1, kind: Node, metadata: {name: pi, labels: "
                                 "{own/x: y}}}"),
                     200);
    assert_int_equal(do_apply_as(world, &pi, &kind_node, "",
                                 "{apiVersion: v1, kind: Node, metadata: {name: pi, labels: "
                                 "{node-restriction.kubernetes.io/x: y}}}"),
                     403);
    assert_int_equal(do_apply_as(world, &pi, &kind_node, "",
                                 "{apiVersion: v1, kind: Node, metadata: {name: other}}"),
                     403);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_node__what_its_pods_need),
        cmocka_unit_test(test_node__follows_its_pods),
        cmocka_unit_test(test_node__who_is_one),
        cmocka_unit_test(test_node__what_it_may_write),
        cmocka_unit_test(test_node__writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
