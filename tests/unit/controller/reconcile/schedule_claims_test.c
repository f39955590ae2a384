#include "controller/reconcile/claims.h"
#include "controller/reconcile/schedule.h"

#include "world.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct stage {
    struct world world;
    struct schedule *schedule;
    struct claims *claims; /* NULL: nobody binds */
};

static void schedule(struct stage *stage)
{
    struct world *world = &stage->world;
    assert_int_equal(
        schedule_new(world->loop, world->api, NULL, NULL, &stage->schedule, &world->err), 0);
    world_turn(world);
}

static void bind(struct stage *stage)
{
    struct world *world = &stage->world;
    assert_int_equal(claims_new(world->loop, world->api, NULL, &stage->claims, &world->err), 0);
    world_turn(world);
}

static int setup(void **state)
{
    struct stage *stage = xcalloc(1, sizeof(*stage));
    world_init(&stage->world);
    schedule(stage);
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    schedule_free(stage->schedule);
    claims_free(stage->claims);
    world_done(&stage->world);
    free(stage);
    return 0;
}

static void node(struct stage *stage, const char *name, const char *cpu)
{
    autofree char *json =
        xasprintf("{'apiVersion':'v1','kind':'Node','metadata':{'name':'%s','labels':{"
                  "'kubernetes.io/hostname':'%s'}}}",
                  name, name);
    autofree char *status =
        xasprintf("{'allocatable':{'cpu':'%s','memory':'1Gi','pods':'10'},'conditions':[{'type':"
                  "'Ready','status':'True','reason':'R','message':'m'}]}",
                  cpu);
    world_create(&stage->world, json, 201);
    world_status(&stage->world, "Node", "", name, status);
}

static void class(struct stage *stage, const char *name, const char *more)
{
    autofree char *json = xasprintf("{'apiVersion':'storage.k8s.io/v1','kind':'StorageClass',"
                                    "'metadata':{'name':'%s'}%s}",
                                    name, more);
    world_create(&stage->world, json, 201);
}
#define LATER ",'volumeBindingMode':'WaitForFirstConsumer'"
#define LOCAL ",'provisioner':'limpet.io/local'" LATER
#define BY_HAND ",'provisioner':'kubernetes.io/no-provisioner'" LATER

static void claim(struct stage *stage, const char *name, const char *class_name, const char *mode)
{
    autofree char *json =
        xasprintf("{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'%s',"
                  "'namespace':'default'},'spec':{'accessModes':['%s'],'storageClassName':'%s',"
                  "'resources':{'requests':{'storage':'1Gi'}}}}",
                  name, mode, class_name);
    world_create(&stage->world, json, 201);
    world_turn(&stage->world);
}

static void volume(struct stage *stage, const char *name, const char *class_name, const char *on)
{
    autofree char *json = xasprintf(
        "{'apiVersion':'v1','kind':'PersistentVolume','metadata':{'name':'%s'},'spec':{"
        "'accessModes':['ReadWriteOnce'],'capacity':{'storage':'1Gi'},"
        "'storageClassName':'%s','local':{'path':'/data'},'nodeAffinity':{'required':{"
        "'nodeSelectorTerms':[{'matchExpressions':[{'key':'kubernetes.io/hostname','operator':"
        "'In','values':['%s']}]}]}}}}",
        name, class_name, on);
    world_create(&stage->world, json, 201);
    world_turn(&stage->world);
}

/* Of up to two claims; the second "": only one. */
static void pod(struct stage *stage, const char *name, const char *a, const char *b)
{
    autofree char *second =
        *b ? xasprintf(",{'name':'b','persistentVolumeClaim':{'claimName':'%s'}}", b) : xstrdup("");
    autofree char *json = xasprintf(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'%s','namespace':'default'},'spec':{"
        "'containers':[{'name':'c','image':'i','resources':{'requests':{'cpu':'1'}}}],'volumes':["
        "{'name':'a','persistentVolumeClaim':{'claimName':'%s'}}%s]}}",
        name, a, second);
    world_create(&stage->world, json, 201);
    world_pass(&stage->world, NS_PER_S);
}

static void waits(struct stage *stage, const char *name, const char *why)
{
    autofree char *all = xasprintf("False Unschedulable %s", why);
    world_pass(&stage->world, NS_PER_S);
    assert_string_equal(world_node_of(&stage->world, name), "");
    assert_string_equal(world_condition(&stage->world, "Pod", "default", name, "PodScheduled"),
                        all);
}

static void runs_on(struct stage *stage, const char *name, const char *where)
{
    world_pass(&stage->world, NS_PER_S);
    assert_string_equal(world_node_of(&stage->world, name), where);
}

static void test_schedule_claims__why_it_waits(void **state)
{
    struct stage *stage = *state;
    node(stage, "n", "8");
    pod(stage, "p", "c", "");
    waits(stage, "p", "0/1 nodes are available: persistentvolumeclaim \"c\" not found.");
    claim(stage, "c", "", "ReadWriteOnce");
    waits(stage, "p", "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.");
    bind(stage);
    volume(stage, "v", "", "elsewhere");
    waits(stage, "p", "0/1 nodes are available: 1 node(s) had volume node affinity conflict.");
    node(stage, "elsewhere", "8");
    runs_on(stage, "p", "elsewhere");
    world_delete(&stage->world, "Pod", "default", "p");
    world_delete(&stage->world, "PersistentVolume", "", "v");
    pod(stage, "q", "c", "");
    waits(stage, "q",
          "0/2 nodes are available: persistentvolumeclaim \"c\" bound to non-existent "
          "persistentvolume \"v\".");
}

/* The node is chosen, the volume made there, and only then is the pod the node's. */
static void test_schedule_claims__made_where_the_pod_goes(void **state)
{
    struct stage *stage = *state;
    node(stage, "a", "1");
    node(stage, "b", "8");
    class(stage, "local", LOCAL);
    claim(stage, "c", "local", "ReadWriteOnce");
    claim(stage, "d", "local", "ReadWriteOnce");
    pod(stage, "p", "c", "d");
    runs_on(stage, "p", "");
    cleanup(value_free) struct value *chosen =
        world_get(&stage->world, "PersistentVolumeClaim", "default", "d");
    assert_string_equal(object_annotation(chosen, "volume.kubernetes.io/selected-node"), "b");
    bind(stage);
    runs_on(stage, "p", "b");
    assert_int_equal(world_count(&stage->world, "PersistentVolume"), 2);
    /* Its data is there, so the next pod goes there, or waits. */
    world_delete(&stage->world, "Pod", "default", "p");
    pod(stage, "q", "c", "");
    runs_on(stage, "q", "b");
    world_status(&stage->world, "Node", "", "b", "{'allocatable':{'cpu':'1'}}");
    pod(stage, "r", "c", "");
    waits(stage, "r",
          "0/2 nodes are available: 1 node(s) had volume node affinity conflict, 1 node(s) were "
          "not ready.");
}

/* While its volumes are made a pod keeps its room. */
static void test_schedule_claims__room_is_kept(void **state)
{
    struct stage *stage = *state;
    node(stage, "a", "1");
    class(stage, "local", LOCAL);
    claim(stage, "c", "local", "ReadWriteOnce");
    pod(stage, "p", "c", "");
    world_pod(&stage->world, "other", "1", "");
    waits(stage, "other", "0/1 nodes are available: 1 Insufficient cpu.");
    bind(stage);
    runs_on(stage, "p", "a");
    runs_on(stage, "other", "");
}

/* Another scheduler goes on where the first one chose. */
static void test_schedule_claims__goes_on(void **state)
{
    struct stage *stage = *state;
    node(stage, "a", "1");
    class(stage, "local", LOCAL);
    claim(stage, "c", "local", "ReadWriteOnce");
    pod(stage, "p", "c", "");
    node(stage, "b", "8");
    schedule_free(stage->schedule);
    schedule(stage);
    bind(stage);
    runs_on(stage, "p", "a");
    /* The node that was chosen may be gone: then it is another. */
    claim(stage, "d", "local", "ReadWriteOnce");
    claims_free(stage->claims);
    stage->claims = NULL;
    pod(stage, "q", "d", "");
    world_delete(&stage->world, "Node", "", "b");
    node(stage, "z", "8");
    bind(stage);
    runs_on(stage, "q", "z");
}

static void test_schedule_claims__volumes_made_by_hand(void **state)
{
    struct stage *stage = *state;
    node(stage, "a", "8");
    node(stage, "b", "8");
    class(stage, "hand", BY_HAND);
    bind(stage);
    claim(stage, "c", "hand", "ReadWriteOnce");
    claim(stage, "d", "hand", "ReadWriteOnce");
    pod(stage, "p", "c", "d");
    waits(stage, "p",
          "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.");
    volume(stage, "a1", "hand", "a");
    volume(stage, "b1", "hand", "b");
    waits(stage, "p",
          "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.");
    volume(stage, "b2", "hand", "b");
    runs_on(stage, "p", "b");
}

static void test_schedule_claims__topologies(void **state)
{
    struct stage *stage = *state;
    node(stage, "a", "8");
    node(stage, "b", "8");
    class(stage, "local",
          LOCAL ",'allowedTopologies':[{'matchLabelExpressions':[{'key':'kubernetes.io/hostname',"
                "'values':['b']}]}]");
    bind(stage);
    claim(stage, "c", "local", "ReadWriteOnce");
    pod(stage, "p", "c", "");
    runs_on(stage, "p", "b");
}

static void test_schedule_claims__for_one_pod_alone(void **state)
{
    struct stage *stage = *state;
    node(stage, "a", "8");
    class(stage, "local", LOCAL);
    bind(stage);
    claim(stage, "c", "local", "ReadWriteOncePod");
    pod(stage, "p", "c", "");
    runs_on(stage, "p", "a");
    pod(stage, "q", "c", "");
    waits(stage, "q",
          "0/1 nodes are available: 1 node has pod using PersistentVolumeClaim with the same name "
          "and ReadWriteOncePod access mode.");
    world_delete(&stage->world, "Pod", "default", "p");
    runs_on(stage, "q", "a");
}

static void test_schedule_claims__ephemeral(void **state)
{
    struct stage *stage = *state;
    node(stage, "a", "8");
    class(stage, "local", LOCAL);
    claim(stage, "p-v", "local", "ReadWriteOnce");
    world_create(&stage->world,
                 "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'p','namespace':'default'},"
                 "'spec':{'containers':[{'name':'c','image':'i'}],'volumes':[{'name':'v',"
                 "'ephemeral':{'volumeClaimTemplate':{'spec':{'accessModes':['ReadWriteOnce'],"
                 "'resources':{'requests':{'storage':'1'}}}}}}]}}",
                 201);
    waits(stage, "p",
          "0/1 nodes are available: PVC default/p-v was not created for pod default/p (pod is not "
          "owner).");
    world_delete(&stage->world, "PersistentVolumeClaim", "default", "p-v");
    waits(stage, "p",
          "0/1 nodes are available: waiting for ephemeral volume controller to create the "
          "persistentvolumeclaim \"p-v\".");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_schedule_claims__why_it_waits),
        TEST(test_schedule_claims__made_where_the_pod_goes),
        TEST(test_schedule_claims__room_is_kept),
        TEST(test_schedule_claims__goes_on),
        TEST(test_schedule_claims__volumes_made_by_hand),
        TEST(test_schedule_claims__topologies),
        TEST(test_schedule_claims__for_one_pod_alone),
        TEST(test_schedule_claims__ephemeral),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
