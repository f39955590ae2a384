#include "controller/reconcile/ephemeral.h"

#include "world.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/reconcile/ephemeral_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define POD()                                                                                      \
    "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'p','namespace':'default'},'spec':{"       \
    "'containers':[{'name':'c','image':'i'}],'volumes':[{'name':'v','ephemeral':{"                 \
    "'volumeClaimTemplate':{'metadata':{'labels':{'a':'b'}},'spec':{'accessModes':["               \
    "'ReadWriteOnce'],'resources':{'requests':{'storage':'1Gi'}}}}}}]}}"

static void test_ephemeral__claims_of_pods(void **state)
{
    struct world world;
    struct ephemeral *ephemeral;
    (void)state;
    world_init(&world);
    assert_int_equal(ephemeral_new(world.loop, world.api, NULL, &ephemeral, &world.err), 0);
    world_create(&world, POD(), 201);
    world_turn(&world);
    cleanup(value_free) struct value *pod = world_get(&world, "Pod", "default", "p");
    cleanup(value_free) struct value *claim =
        world_get(&world, "PersistentVolumeClaim", "default", "p-v");
    assert_non_null(claim);
    assert_string_equal(object_label(claim, "a"), "b");
    assert_true(ephemeral_owns(claim, object_uid(pod)));
    assert_false(ephemeral_owns(claim, "other"));
    assert_string_equal(
        value_str(value_path(claim, "spec", "resources", "requests", "storage", NULL)), "1Gi");
    /* As long as the pod is there, so is its claim. */
    world_delete(&world, "PersistentVolumeClaim", "default", "p-v");
    world_turn(&world);
    assert_int_equal(world_count(&world, "PersistentVolumeClaim"), 1);
    world_status(&world, "Pod", "default", "p", "{'phase':'Succeeded'}");
    world_delete(&world, "PersistentVolumeClaim", "default", "p-v");
    world_turn(&world);
    assert_int_equal(world_count(&world, "PersistentVolumeClaim"), 0);
    ephemeral_free(ephemeral);
    world_done(&world);
}

/* A claim of that name that is somebody else's is let alone. */
static void test_ephemeral__not_another_s(void **state)
{
    struct world world;
    struct ephemeral *ephemeral;
    (void)state;
    world_init(&world);
    world_create(&world,
                 "{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'p-v',"
                 "'namespace':'default'},'spec':{'accessModes':['ReadWriteMany'],'resources':{"
                 "'requests':{'storage':'1'}}}}",
                 201);
    world_create(&world, POD(), 201);
    assert_int_equal(ephemeral_new(world.loop, world.api, NULL, &ephemeral, &world.err), 0);
    world_turn(&world);
    cleanup(value_free) struct value *claim =
        world_get(&world, "PersistentVolumeClaim", "default", "p-v");
    assert_false(value_get(value_get(claim, "metadata"), "ownerReferences"));
    ephemeral_free(ephemeral);
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ephemeral__claims_of_pods),
        cmocka_unit_test(test_ephemeral__not_another_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
