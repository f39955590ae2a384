#include "controller/link/sheets.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "../reconcile/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODE "pi.01234567"

struct fixture {
    struct world world;
    struct key *sealing;
    struct sheets *sheets;
    int written, code;
};

static void on_written(void *ctx, int code)
{
    struct fixture *f = ctx;
    f->written++;
    f->code = code;
}

static void make_sheets(struct fixture *f)
{
    const struct sheets_world world = {f->world.api, f->world.store, NODE, f->sealing};
    f->sheets = sheets_new(&world, on_written, f);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    world_init(&f->world);
    world_node(&f->world, "pi", "4");
    assert_int_equal(key_generate(&f->sealing, NULL), 0);
    make_sheets(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sheets_free(f->sheets);
    world_done(&f->world);
    key_free(f->sealing);
    free(f);
    return 0;
}

static const struct sheet *find(const struct fixture *f, const char *wanted)
{
    struct sheets_cursor cursor = {0};
    const struct sheet *sheet;
    const char *path;
    while (sheets_next(f->sheets, &cursor, &path, &sheet))
        if (str_eq(path, wanted))
            return sheet;
    return NULL;
}

static const char *payload_of(const struct fixture *f, const char *path)
{
    const struct sheet *sheet = find(f, path);
    return sheet ? sheet->payload : NULL;
}

static void reader(struct fixture *f, const char *name, const char *kind, const char *field,
                   const char *source)
{
    autofree char *json =
        xasprintf("{'apiVersion':'v1','kind':'Pod','metadata':{'name':'%s','namespace':'default'},"
                  "'spec':{'nodeName':'pi','containers':[{'name':'c','image':'i'}],"
                  "'volumes':[{'name':'v','%s':{'%s':'%s'}}]}}",
                  name, kind, field, source);
    world_create(&f->world, json, 201);
    sheets_pod(f->sheets, "default", name, false);
}

static void source(struct fixture *f, const char *kind, const char *name)
{
    autofree char *json =
        xasprintf("{'apiVersion':'v1','kind':'%s','metadata':{'name':'%s','namespace':'default'},"
                  "'data':{'k':'dmFsdWU='}}",
                  kind, name);
    world_create(&f->world, json, 201);
}

/* Only what changed is rendered. */
static void test_sheets__pods(void **state)
{
    struct fixture *f = *state;
    world_pod(&f->world, "a", "100m", "pi");
    world_pod(&f->world, "b", "100m", "pi");
    sheets_pod(f->sheets, "default", "a", false);
    sheets_pod(f->sheets, "default", "b", false);
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_int_equal(sheets_count(f->sheets), 2);
    const char *a = payload_of(f, "Pod/default/a"), *b = payload_of(f, "Pod/default/b");
    assert_non_null(strstr(a, "name: a"));
    sheets_pod(f->sheets, "default", "b", false);
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_ptr_equal(payload_of(f, "Pod/default/a"), a);
    assert_ptr_not_equal(payload_of(f, "Pod/default/b"), b);
    sheets_pod(f->sheets, "default", "a", true);
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_int_equal(sheets_count(f->sheets), 1);
    assert_null(find(f, "Pod/default/a"));
}

/* Where a pod's RuntimeClass leads is told by the gateway alone. */
static void test_sheets__runtime_handler(void **state)
{
    struct fixture *f = *state;
    world_create(&f->world,
                 "{'apiVersion':'node.k8s.io/v1','kind':'RuntimeClass','metadata':{'name':'vm'},"
                 "'handler':'kata'}",
                 201);
    for (int known = 0; known < 2; known++) {
        autofree char *json = xasprintf(
            "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'p%d','namespace':'default',"
            "'annotations':{'limpet.io/runtime-handler':'limpet'}},"
            "'spec':{'nodeName':'pi','runtimeClassName':'%s',"
            "'containers':[{'name':'c','image':'i'}]}}",
            known, known ? "vm" : "gone");
        autofree char *name = xasprintf("p%d", known);
        autofree char *path = xasprintf("Pod/default/%s", name);
        world_create(&f->world, json, 201);
        sheets_pod(f->sheets, "default", name, false);
        assert_int_equal(sheets_refresh(f->sheets), 0);
        const char *text = payload_of(f, path);
        assert_null(strstr(text, "runtime-handler: limpet"));
        assert_int_equal(strstr(text, "limpet.io/runtime-handler: kata") != NULL, known);
    }
}

/* A class that goes, or comes again and leads elsewhere, is told of anew to those who name it. */
static void test_sheets__runtime_class_changes(void **state)
{
    struct fixture *f = *state;
    static const char *const handlers[] = {"kata", NULL, "limpet"};
    static const char pod[] = "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'%s','namespace':"
                              "'default'},'spec':{'nodeName':'pi',%s"
                              "'containers':[{'name':'c','image':'i'}]}}";
    assert_false(sheets_class(f->sheets, "vm"));
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
        autofree char *class = xasprintf("{'apiVersion':'node.k8s.io/v1','kind':'RuntimeClass',"
                                         "'metadata':{'name':'vm'},'handler':'%s'}",
                                         handlers[i] ? handlers[i] : "");
        if (handlers[i])
            world_create(&f->world, class, 201);
        else
            world_delete(&f->world, "RuntimeClass", "", "vm");
        if (i == 0) {
            autofree char *named = xasprintf(pod, "named", "'runtimeClassName':'vm',");
            autofree char *other = xasprintf(pod, "other", "");
            world_create(&f->world, named, 201);
            world_create(&f->world, other, 201);
            sheets_pod(f->sheets, "default", "named", false);
            sheets_pod(f->sheets, "default", "other", false);
            assert_int_equal(sheets_refresh(f->sheets), 0);
        }
        const char *other = payload_of(f, "Pod/default/other");
        assert_true(sheets_class(f->sheets, "vm"));
        assert_false(sheets_class(f->sheets, "v"));
        assert_int_equal(sheets_refresh(f->sheets), 0);
        autofree char *line =
            xasprintf("limpet.io/runtime-handler: %s", handlers[i] ? handlers[i] : "");
        assert_int_equal(strstr(payload_of(f, "Pod/default/named"), line) != NULL,
                         handlers[i] != NULL);
        assert_ptr_equal(payload_of(f, "Pod/default/other"), other);
    }
}

/* A node must not be told to run what it only shows. */
static void test_sheets__mirrors(void **state)
{
    struct fixture *f = *state;
    world_create(&f->world,
                 "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'m','namespace':'default',"
                 "'annotations':{'kubernetes.io/config.mirror':'x'}},"
                 "'spec':{'nodeName':'pi','containers':[{'name':'c','image':'i'}],"
                 "'volumes':[{'name':'v','configMap':{'name':'c'}}]}}",
                 201);
    sheets_pod(f->sheets, "default", "m", false);
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_null(payload_of(f, "Pod/default/m"));
    assert_int_equal(sheets_count(f->sheets), 0);
}

/* A source counts while a pod reads it, from when it is there. */
static void test_sheets__sources(void **state)
{
    struct fixture *f = *state;
    assert_false(sheets_source(f->sheets, "ConfigMap/default/late"));
    reader(f, "a", "configMap", "name", "late");
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_null(find(f, "ConfigMap/default/late"));
    source(f, "ConfigMap", "late");
    assert_true(sheets_source(f->sheets, "ConfigMap/default/late"));
    assert_int_equal(sheets_refresh(f->sheets), 0);
    const char *late = payload_of(f, "ConfigMap/default/late");
    assert_non_null(late);
    reader(f, "b", "configMap", "name", "late");
    sheets_pod(f->sheets, "default", "a", true);
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_ptr_equal(payload_of(f, "ConfigMap/default/late"), late);
    sheets_pod(f->sheets, "default", "b", true);
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_int_equal(sheets_count(f->sheets), 0);
    assert_false(sheets_source(f->sheets, "ConfigMap/default/late"));
}

static void claim(struct fixture *f, const char *name, const char *volume)
{
    autofree char *json =
        xasprintf("{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'%s',"
                  "'namespace':'default'},'spec':{'accessModes':['ReadWriteOnce'],'volumeName':'%s'"
                  ",'resources':{'requests':{'storage':'1'}}}}",
                  name, volume);
    world_create(&f->world, json, 201);
}

static void volume(struct fixture *f, const char *name)
{
    autofree char *json =
        xasprintf("{'apiVersion':'v1','kind':'PersistentVolume','metadata':{'name':'%s',"
                  "'finalizers':['x.io/f']},'spec':{'accessModes':['ReadWriteOnce'],'capacity':{"
                  "'storage':'1'},'hostPath':{'path':'/a'}}}",
                  name);
    world_create(&f->world, json, 201);
}

/* With a pod go its claims, and with these their volumes: no others. */
static void test_sheets__claims(void **state)
{
    struct fixture *f = *state;
    volume(f, "v");
    volume(f, "other");
    claim(f, "c", "v");
    claim(f, "d", "other");
    reader(f, "a", "persistentVolumeClaim", "claimName", "c");
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_non_null(strstr(payload_of(f, "PersistentVolumeClaim/default/c"), "volumeName: v"));
    assert_non_null(strstr(payload_of(f, "PersistentVolume/_/v"), "x.io/f"));
    assert_int_equal(sheets_count(f->sheets), 3);
    assert_true(sheets_source(f->sheets, "PersistentVolume/_/v"));
    assert_false(sheets_source(f->sheets, "PersistentVolume/_/other"));
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_int_equal(sheets_count(f->sheets), 3);
    sheets_pod(f->sheets, "default", "a", true);
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_int_equal(sheets_count(f->sheets), 0);
}

/* What only its labels tell, the gateway tells the node; and nobody else does. */
static void test_sheets__volumes_of_another_node(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *key, *value;
        bool within; /* reach of a node with the label zone: a */
    } cases[] = {{"zone", "a", true}, {"zone", "b", false}, {"disk", "a", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *name = xasprintf("v%zu", i);
        autofree char *json =
            xasprintf("{'apiVersion':'v1','kind':'PersistentVolume','metadata':{'name':'%s',"
                      "'annotations':{'limpet.io/not-of-this-node':'no'}},"
                      "'spec':{'accessModes':['ReadWriteOnce'],'capacity':{'storage':'1'},"
                      "'local':{'path':'/a'},'nodeAffinity':{'required':{'nodeSelectorTerms':["
                      "{'matchExpressions':[{'key':'%s','operator':'In','values':['%s']}]}]}}}}",
                      name, cases[i].key, cases[i].value);
        world_create(&f->world, json, 201);
        claim(f, name, name);
        reader(f, name, "persistentVolumeClaim", "claimName", name);
    }
    for (int labelled = 0; labelled < 2; labelled++) {
        assert_int_equal(sheets_refresh(f->sheets), 0);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            autofree char *path = xasprintf("PersistentVolume/_/v%zu", i);
            const char *text = payload_of(f, path);
            assert_non_null(text);
            assert_null(strstr(text, "not-of-this-node: \"no\""));
            assert_int_equal(strstr(text, "limpet.io/not-of-this-node: \"true\"") == NULL,
                             labelled && cases[i].within);
        }
        world_delete(&f->world, "Node", "", "pi");
        world_create(&f->world,
                     "{'apiVersion':'v1','kind':'Node','metadata':{'name':'pi',"
                     "'labels':{'zone':'a'}}}",
                     201);
        assert_true(sheets_labels(f->sheets));
    }
}

/* A claim that comes after its pod, and one that finds its volume later. */
static void test_sheets__claims_come_later(void **state)
{
    struct fixture *f = *state;
    reader(f, "a", "persistentVolumeClaim", "claimName", "c");
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_int_equal(sheets_count(f->sheets), 1);
    claim(f, "c", "v");
    assert_true(sheets_source(f->sheets, "PersistentVolumeClaim/default/c"));
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_int_equal(sheets_count(f->sheets), 2);
    volume(f, "v");
    assert_true(sheets_source(f->sheets, "PersistentVolume/_/v"));
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_int_equal(sheets_count(f->sheets), 3);
}

/* A volume that is to be removed stays in the set until that is over. */
static void test_sheets__removed_volumes(void **state)
{
    struct fixture *f = *state;
    volume(f, "v");
    sheets_keep(f->sheets, "PersistentVolume/_/v", true);
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_non_null(find(f, "PersistentVolume/_/v"));
    claim(f, "c", "v");
    reader(f, "a", "persistentVolumeClaim", "claimName", "c");
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_int_equal(sheets_count(f->sheets), 3);
    sheets_pod(f->sheets, "default", "a", true);
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_int_equal(sheets_count(f->sheets), 1);
    sheets_keep(f->sheets, "PersistentVolume/_/v", false);
    sheets_keep(f->sheets, "PersistentVolume/_/never", false);
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_int_equal(sheets_count(f->sheets), 0);
}

static bool is_stored(struct fixture *f, const char *path)
{
    autofree char *key = xasprintf(SHEETS_SEALED NODE "/%s", path);
    struct store_item item;
    return store_get(f->world.store, key, &item) == 0;
}

/* Sealed once: the same bytes again after a restart; and gone when nobody reads it. */
static void test_sheets__secrets(void **state)
{
    struct fixture *f = *state;
    source(f, "Secret", "s");
    reader(f, "a", "secret", "secretName", "s");
    assert_int_equal(sheets_refresh(f->sheets), 1);
    assert_true(sheets_are_writing(f->sheets));
    assert_null(find(f, "Secret/default/s"));
    world_turn(&f->world);
    assert_int_equal(f->written, 1);
    assert_int_equal(f->code, 0);
    assert_int_equal(sheets_refresh(f->sheets), 0);
    autofree char *sealed = xstrdup(payload_of(f, "Secret/default/s"));
    assert_null(strstr(sealed, "dmFsdWU"));
    assert_true(is_stored(f, "Secret/default/s"));
    sheets_free(f->sheets);
    make_sheets(f);
    sheets_pod(f->sheets, "default", "a", false);
    assert_int_equal(sheets_refresh(f->sheets), 0);
    assert_string_equal(payload_of(f, "Secret/default/s"), sealed);
    sheets_drop_unused(f->sheets);
    assert_false(sheets_are_writing(f->sheets));
    sheets_pod(f->sheets, "default", "a", true);
    assert_int_equal(sheets_refresh(f->sheets), 0);
    sheets_drop_unused(f->sheets);
    assert_true(sheets_are_writing(f->sheets));
    world_turn(&f->world);
    assert_int_equal(f->written, 2);
    assert_false(is_stored(f, "Secret/default/s"));
}

/* Freed while a write is under way: nothing is called any more, and nothing leaks. */
static void test_sheets__freed(void **state)
{
    struct fixture *f = *state;
    source(f, "Secret", "s");
    reader(f, "a", "secret", "secretName", "s");
    assert_int_equal(sheets_refresh(f->sheets), 1);
    sheets_free(f->sheets);
    f->sheets = NULL;
    world_turn(&f->world);
    assert_int_equal(f->written, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sheets__pods, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sheets__runtime_handler, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sheets__runtime_class_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sheets__mirrors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sheets__sources, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sheets__claims, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sheets__volumes_of_another_node, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sheets__claims_come_later, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sheets__removed_volumes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sheets__secrets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sheets__freed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
