#include "controller/link/intake.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "../reconcile/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODE "pi.01234567"

struct fixture {
    struct world world;
    struct intake *intake;
    int settled;
};

static void on_settled(void *ctx, const char *node, const char *uid)
{
    struct fixture *f = ctx;
    assert_string_equal(node, NODE);
    assert_non_null(uid);
    f->settled++;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    world_init(&f->world);
    world_node(&f->world, "pi", "4");
    world_node(&f->world, "other", "4");
    world_pod(&f->world, "web", "100m", "pi");
    world_pod(&f->world, "far", "100m", "other");
    f->intake = intake_new(f->world.api, on_settled, f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    intake_free(f->intake);
    world_done(&f->world);
    free(f);
    return 0;
}

static char *uid_of(struct fixture *f, const char *pod)
{
    cleanup(value_free) struct value *object = world_get(&f->world, "Pod", "default", pod);
    return xstrdup(object_uid(object));
}

static void report_as(struct fixture *f, const char *name, const char *pod, const char *uid,
                      const char *message, bool gone)
{
    struct report report = {.seq = 1, .gone = gone, .pod = value_new_map()};
    struct value *meta = value_make_map(report.pod, "metadata", NULL);
    value_set_str(meta, "name", pod);
    value_set_str(meta, "namespace", "default");
    value_set_str(meta, "uid", uid);
    struct value *status = value_make_map(report.pod, "status", NULL);
    value_set_str(status, "phase", "Running");
    value_set_str(status, "message", message);
    autofree char *node = xasprintf("%s.01234567", name);
    intake_report(f->intake, name, node, &report);
    report_done(&report);
}

static void report(struct fixture *f, const char *pod, const char *uid, const char *message,
                   bool gone)
{
    report_as(f, "pi", pod, uid, message, gone);
}

static void expect_message(struct fixture *f, const char *pod, const char *message)
{
    cleanup(value_free) struct value *object = world_get(&f->world, "Pod", "default", pod);
    const char *found = value_str(value_path(object, "status", "message", NULL));
    assert_true(str_eq(found, message));
}

static void test_intake__report(void **state)
{
    struct fixture *f = *state;
    autofree char *web = uid_of(f, "web"), *far = uid_of(f, "far");
    report(f, "web", web, "up", false);
    report(f, "far", far, "forged", false); /* bound to another node */
    report(f, "web", far, "forged", false); /* another pod's uid */
    report(f, "none", web, "forged", false);
    world_turn(&f->world);
    expect_message(f, "web", "up");
    expect_message(f, "far", NULL);
    assert_int_equal(f->settled, 0);
}

/* However much a node says at once: the newest counts, and what lies between is not written. */
static void test_intake__newest(void **state)
{
    struct fixture *f = *state;
    autofree char *web = uid_of(f, "web");
    int64_t before = api_revision(f->world.api);
    for (int i = 0; i < 1000; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        report(f, "web", web, text, false);
    }
    world_turn(&f->world);
    world_turn(&f->world);
    expect_message(f, "web", "999");
    assert_in_range(api_revision(f->world.api) - before, 1, 2);
}

/* A node that talks of a pod of another's does not stand in that one's way. */
static void test_intake__crowding(void **state)
{
    struct fixture *f = *state;
    autofree char *far = uid_of(f, "far");
    for (int i = 0; i < 3000; i++) {
        char uid[32];
        snprintf(uid, sizeof(uid), "uid-%d", i);
        report(f, "far", uid, "forged", false);
    }
    report_as(f, "other", "far", far, "mine", false);
    for (int i = 0; i < 20; i++)
        assert_int_equal(loop_step(f->world.loop, 0), 0);
    expect_message(f, "far", "mine");
}

static void test_intake__gone(void **state)
{
    struct fixture *f = *state;
    autofree char *web = uid_of(f, "web"), *far = uid_of(f, "far");
    report(f, "web", web, "", true); /* nobody deleted it: it stays, its node runs it again */
    world_turn(&f->world);
    assert_int_equal(f->settled, 0);
    expect_message(f, "web", NULL);
    report(f, "far", far, "", true); /* not its pod: the report has no use, the pod stays */
    report(f, "web", far, "", true);
    report(f, "none", far, "", true);
    world_turn(&f->world);
    assert_int_equal(f->settled, 3);
    cleanup(value_free) struct value *other = world_get(&f->world, "Pod", "default", "far");
    assert_non_null(other);
    world_delete(&f->world, "Pod", "default", "web");
    report(f, "web", web, "", true);
    world_turn(&f->world);
    assert_int_equal(f->settled, 4);
    assert_null(world_get(&f->world, "Pod", "default", "web"));
}

/* Of a mirror pod the node speaks by the uid of what it shows; when that is gone, so is it. */
static void test_intake__mirror(void **state)
{
    struct fixture *f = *state;
    static const char *const nodes[] = {"pi", "other"};
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        autofree char *json = xasprintf(
            "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'m-%s','namespace':'default',"
            "'annotations':{'kubernetes.io/config.mirror':'h','kubernetes.io/config.hash':'h'}},"
            "'spec':{'nodeName':'%s','containers':[{'name':'c','image':'i'}]}}",
            nodes[i], nodes[i]);
        world_create(&f->world, json, 201);
    }
    autofree char *uid = uid_of(f, "m-pi");
    report(f, "m-pi", "h", "up", false);
    report(f, "m-pi", uid, "forged", false);
    report(f, "m-other", "h", "forged", false);
    world_turn(&f->world);
    expect_message(f, "m-pi", "up");
    expect_message(f, "m-other", NULL);
    report(f, "m-pi", "another", "", true);
    report(f, "m-other", "h", "", true);
    world_turn(&f->world);
    assert_int_equal(f->settled, 2);
    assert_int_equal(world_count(&f->world, "Pod"), 4);
    report(f, "m-pi", "h", "", true);
    world_turn(&f->world);
    assert_int_equal(f->settled, 3);
    assert_null(world_get(&f->world, "Pod", "default", "m-pi"));
}

static void test_intake__birth(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++) {
        struct birth birth = {.online = true, .labels = value_new_map(), .status = value_new_map()};
        value_set_str(birth.labels, "kubernetes.io/arch", "arm64");
        value_set_str(birth.labels, "node-role.kubernetes.io/master", "");
        value_set_str(birth.labels, "kubernetes.io/hostname", i % 2 ? "pi" : "other");
        value_set_str(value_make_map(birth.status, "nodeInfo", NULL), "kernelVersion",
                      i == 4 ? "6.1" : "old");
        value_set(birth.status, "conditions", value_new_list());
        intake_birth(f->intake, "pi", NODE, &birth);
        birth_done(&birth);
    }
    world_turn(&f->world);
    world_turn(&f->world);
    cleanup(value_free) struct value *node = world_get(&f->world, "Node", "", "pi");
    const struct value *labels = value_path(node, "metadata", "labels", NULL);
    assert_string_equal(value_get_str(labels, "kubernetes.io/arch"), "arm64");
    assert_null(value_get_str(labels, "node-role.kubernetes.io/master"));
    /* Not another's, whose pods may be bound to it by that name. */
    const char *host = value_get_str(labels, "kubernetes.io/hostname");
    assert_true(!host || str_eq(host, "pi"));
    assert_string_equal(value_str(value_path(node, "status", "nodeInfo", "kernelVersion", NULL)),
                        "6.1");
    assert_string_equal(value_str(value_path(node, "status", "id", NULL)), NODE);
    assert_true(value_len(value_path(node, "status", "conditions", NULL)) > 0); /* the gateway's */
}

/* Once: what pods have addresses of by then is not for the node to change, nor for anybody. */
static void test_intake__pod_cidr(void **state)
{
    static const char *const told[] = {"", "10.88.7.0/24", "10.99.0.0/16"};
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        struct birth birth = {.online = true};
        strcpy(birth.pod_cidr, told[i]);
        intake_birth(f->intake, "pi", NODE, &birth);
        world_turn(&f->world);
        world_turn(&f->world);
        cleanup(value_free) struct value *node = world_get(&f->world, "Node", "", "pi");
        const struct value *spec = value_get(node, "spec");
        const char *want = i ? told[1] : NULL;
        assert_true(str_eq(value_get_str(spec, "podCIDR"), want) || !want);
        assert_int_equal(value_len(value_get(spec, "podCIDRs")), i ? 1 : 0);
        if (want)
            assert_string_equal(value_str(value_at(value_get(spec, "podCIDRs"), 0)), want);
    }
}

/* A local volume of the node that is on its way out. */
static void deleted_volume(struct fixture *f, const char *name, const char *node, bool bound)
{
    autofree char *json = xasprintf(
        "{'apiVersion':'v1','kind':'PersistentVolume','metadata':{'name':'%s','annotations':{"
        "'pv.kubernetes.io/provisioned-by':'limpet.io/local'},'finalizers':["
        "'limpet.io/local-volume'%s]},'spec':{'accessModes':['ReadWriteOnce'],'capacity':{"
        "'storage':'1'},'persistentVolumeReclaimPolicy':'Delete','local':{'path':'/x'},"
        "'nodeAffinity':{'required':{'nodeSelectorTerms':[{'matchExpressions':[{'key':"
        "'kubernetes.io/hostname','operator':'In','values':['%s']}]}]}}}}",
        name, bound ? ",'kubernetes.io/pv-protection'" : "", node);
    world_create(&f->world, json, 201);
    world_delete(&f->world, "PersistentVolume", "", name);
}

static bool is_there(struct fixture *f, const char *name)
{
    cleanup(value_free) struct value *object = world_get(&f->world, "PersistentVolume", "", name);
    return object != NULL;
}

/* What a node has removed ends, if it was to be removed, and lay there. */
static void test_intake__volumes_that_are_gone(void **state)
{
    static const char *const names[] = {"mine", "bound", "far", "none"};
    struct fixture *f = *state;
    struct birth birth = {.online = true, .volumes_gone = value_new_list()};
    deleted_volume(f, "mine", "pi", false);
    deleted_volume(f, "bound", "pi", true);
    deleted_volume(f, "far", "other", false);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        value_append(birth.volumes_gone, value_new_str(names[i]));
    value_append(birth.volumes_gone, value_new_int(3));
    intake_birth(f->intake, "pi", NODE, &birth);
    intake_birth(f->intake, "pi", NODE, &birth);
    world_turn(&f->world);
    assert_false(is_there(f, "mine"));
    assert_true(is_there(f, "bound"));
    assert_true(is_there(f, "far"));
    birth_done(&birth);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_intake__report),   TEST(test_intake__newest),
        TEST(test_intake__gone),     TEST(test_intake__crowding),
        TEST(test_intake__mirror),   TEST(test_intake__birth),
        TEST(test_intake__pod_cidr), TEST(test_intake__volumes_that_are_gone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
