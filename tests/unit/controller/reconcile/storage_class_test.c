#include "controller/reconcile/storage_class.h"

#include "world.h"

#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define IS_DEFAULT "storageclass.kubernetes.io/is-default-class"

static void start(struct world *world)
{
    storage_class_create(world->api);
    world_turn(world);
}

static void test_storage_class__is_the_default_one(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    start(&world);
    cleanup(value_free) struct value *class = world_get(&world, "StorageClass", "", "local");
    assert_string_equal(object_annotation(class, IS_DEFAULT), "true");
    assert_string_equal(value_get_str(class, "provisioner"), "limpet.io/local");
    assert_string_equal(value_get_str(class, "reclaimPolicy"), "Delete");
    assert_string_equal(value_get_str(class, "volumeBindingMode"), "WaitForFirstConsumer");
    world_done(&world);
}

/* Made once: who deletes it is not overruled by the next start. */
static void test_storage_class__is_made_once(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    start(&world);
    world_delete(&world, "StorageClass", "", "local");
    start(&world);
    assert_null(world_get(&world, "StorageClass", "", "local"));
    world_done(&world);
}

/* A gateway of before, with a default class of its people's. */
static void test_storage_class__leaves_another_default(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_create(
        &world,
        "{'apiVersion':'storage.k8s.io/v1','kind':'StorageClass','metadata':{'name':'ours',"
        "'annotations':{'" IS_DEFAULT "':'true'}},'provisioner':'a/b'}",
        201);
    start(&world);
    cleanup(value_free) struct value *class = world_get(&world, "StorageClass", "", "local");
    assert_non_null(class);
    assert_null(object_annotation(class, IS_DEFAULT));
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_storage_class__is_the_default_one),
        cmocka_unit_test(test_storage_class__is_made_once),
        cmocka_unit_test(test_storage_class__leaves_another_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
