#include "controller/reconcile/garbage.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct api_user admin = {.name = "system:limpet:test"};

struct fixture {
    struct world world;
    struct recorder *recorder;
    struct garbage *garbage;
};

static void begin_only(struct fixture *f)
{
    struct err err = {0};
    f->recorder = recorder_new(f->world.api, &f->world.clock);
    assert_int_equal(garbage_new(f->world.loop, f->world.api, f->recorder, &f->garbage, &err), 0);
}

static void begin(struct fixture *f)
{
    begin_only(f);
    world_turn(&f->world);
}

static void end(struct fixture *f)
{
    garbage_free(steal(f->garbage));
    recorder_free(steal(f->recorder));
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    world_init(&f->world);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    end(f);
    world_done(&f->world);
    free(f);
    return 0;
}

/* Names of the owners, "!" before one that the object blocks; "" = none. */
static char *refs_of(struct fixture *f, const char *owners)
{
    struct buf text = {0};
    autofree char *copy = xstrdup(owners);
    char *rest = copy;
    buf_addstr(&text, "[");
    for (char *name; (name = strsep(&rest, " "));) {
        if (!*name)
            continue;
        bool blocks = *name == '!';
        struct value *owner = world_get(&f->world, "ConfigMap", "default", name + blocks);
        assert_non_null(owner);
        buf_addf(&text,
                 "%s{'apiVersion':'v1','kind':'ConfigMap','name':'%s','uid':'%s',"
                 "'blockOwnerDeletion':%s}",
                 text.len > 1 ? "," : "", name + blocks, object_uid(owner),
                 blocks ? "true" : "false");
        value_free(owner);
    }
    buf_addstr(&text, "]");
    return buf_steal(&text, NULL);
}

static void make(struct fixture *f, const char *name, const char *owners)
{
    autofree char *refs = refs_of(f, owners);
    autofree char *json =
        xasprintf("{'apiVersion':'v1','kind':'ConfigMap','metadata':{'namespace':'default',"
                  "'name':'%s','ownerReferences':%s}}",
                  name, refs);
    world_create(&f->world, json, 201);
}

static void ignore(void *ctx, const struct api_answer *answer)
{
    *(int *)ctx = answer->code;
}

static void drop(struct fixture *f, const char *name, const char *propagation)
{
    int code = 0;
    const struct api_ref ref = {&kind_config_map, "default", name};
    const struct api_delete_options options = {.grace_s = -1, .propagation = propagation};
    api_delete(f->world.api, &admin, &ref, &options, 0, ignore, &code);
    for (int i = 0; i < 10000 && !code; i++)
        assert_int_equal(loop_step(f->world.loop, NS_PER_MS), 0);
    assert_int_equal(code, 200);
    world_turn(&f->world);
}

struct edit { /* begins with the code of its answer */
    int code;
    const struct value *owners;
};

static int set_owners(void *ctx, struct value *object)
{
    struct value *meta = value_make_map(object, "metadata", NULL);
    value_set(meta, "ownerReferences", value_copy(((struct edit *)ctx)->owners));
    return 0;
}

/* The names that are left, in order; static. */
static const char *left(struct fixture *f)
{
    static char text[256];
    const struct api_ref ref = {&kind_config_map, "default", ""};
    cleanup(value_free) struct value *list = NULL;
    assert_int_equal(api_list(f->world.api, &admin, &ref, NULL, &list), 0);
    *text = '\0';
    const struct value *items = value_get(list, "items");
    for (size_t i = 0; i < value_len(items); i++) {
        size_t len = strlen(text);
        bool owned =
            value_len(value_path(value_at(items, i), "metadata", "ownerReferences", NULL)) > 0;
        snprintf(text + len, sizeof(text) - len, "%s%s%s", len ? " " : "",
                 object_name(value_at(items, i)), owned ? "*" : "");
    }
    return text;
}

/* A family: grand <- father <- child (blocking all the way), friend is owned by father and by
 * other. */
static void family(struct fixture *f)
{
    make(f, "grand", "");
    make(f, "other", "");
    make(f, "father", "!grand");
    make(f, "child", "!father");
    make(f, "friend", "father other");
}

static void test_garbage__background(void **state)
{
    struct fixture *f = *state;
    begin(f);
    family(f);
    assert_string_equal(left(f), "child* father* friend* grand other");
    drop(f, "grand", "Background");
    world_pass(&f->world, NS_PER_S);
    assert_string_equal(left(f), "friend* other");
    drop(f, "other", NULL);
    world_pass(&f->world, NS_PER_S);
    assert_string_equal(left(f), "");
    assert_int_equal(garbage_count(f->garbage), 0);
}

static int let_go_of_finalizer(void *ctx, struct value *object)
{
    (void)ctx;
    value_del(value_get(object, "metadata"), "finalizers");
    return 0;
}

/* The owner is the last to go, and waits for whoever blocks it. */
static void test_garbage__foreground(void **state)
{
    struct fixture *f = *state;
    int code = 0;
    begin(f);
    family(f);
    autofree char *refs = refs_of(f, "!father");
    autofree char *json =
        xasprintf("{'apiVersion':'v1','kind':'ConfigMap','metadata':{'namespace':'default',"
                  "'name':'slow','finalizers':['limpet.io/x'],'ownerReferences':%s}}",
                  refs);
    world_create(&f->world, json, 201);
    drop(f, "grand", "Foreground");
    world_pass(&f->world, NS_PER_S);
    assert_string_equal(left(f), "father* friend* grand other slow*");
    const struct api_ref slow = {&kind_config_map, "default", "slow"};
    api_patch_with(f->world.api, &admin, &slow, 0, let_go_of_finalizer, ignore, &code);
    world_pass(&f->world, NS_PER_S);
    assert_int_equal(code, 200);
    assert_string_equal(left(f), "friend* other");
}

static void test_garbage__orphan(void **state)
{
    struct fixture *f = *state;
    begin(f);
    family(f);
    drop(f, "father", "Orphan");
    world_pass(&f->world, NS_PER_S);
    assert_string_equal(left(f), "child friend* grand other");
    drop(f, "grand", "Background");
    drop(f, "other", "Orphan");
    world_pass(&f->world, NS_PER_S);
    assert_string_equal(left(f), "child friend");
}

/* Two that own each other, and one that owns itself. */
static void test_garbage__cycles(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int foreground = 0; foreground < 2; foreground++) {
        make(f, "a", "");
        make(f, "b", "!a");
        const struct api_ref a = {&kind_config_map, "default", "a"};
        cleanup(value_free) struct value *b = world_get(&f->world, "ConfigMap", "default", "b");
        cleanup(value_free) struct value *list = value_new_list();
        struct value *ref = value_new_map();
        value_set_str(ref, "apiVersion", "v1");
        value_set_str(ref, "kind", "ConfigMap");
        value_set_str(ref, "name", "b");
        value_set_str(ref, "uid", object_uid(b));
        value_set_bool(ref, "blockOwnerDeletion", true);
        value_append(list, ref);
        struct edit edit = {0, list};
        api_patch_with(f->world.api, &admin, &a, 0, set_owners, ignore, &edit);
        world_turn(&f->world);
        assert_int_equal(edit.code, 200);
        assert_string_equal(left(f), "a* b*");
        drop(f, "a", foreground ? "Foreground" : "Background");
        world_pass(&f->world, NS_PER_S);
        assert_string_equal(left(f), "");
    }
}

/* Another object of the same name is not the owner. What names a kind that nobody knows stays. */
static void test_garbage__owners_are_uids(void **state)
{
    struct fixture *f = *state;
    begin(f);
    make(f, "owner", "");
    make(f, "mine", "owner");
    world_create(&f->world,
                 "{'apiVersion':'v1','kind':'ConfigMap','metadata':{'namespace':'default',"
                 "'name':'wrong','ownerReferences':[{'apiVersion':'v1','kind':'ConfigMap',"
                 "'name':'owner','uid':'00000000-0000-4000-8000-000000000000'}]}}",
                 201);
    world_create(&f->world,
                 "{'apiVersion':'v1','kind':'ConfigMap','metadata':{'namespace':'default',"
                 "'name':'unknown','ownerReferences':[{'apiVersion':'x.io/v1','kind':'Thing',"
                 "'name':'owner','uid':'00000000-0000-4000-8000-000000000000'}]}}",
                 201);
    world_pass(&f->world, NS_PER_S);
    assert_string_equal(left(f), "mine* owner unknown*");
}

/* The owner is in another namespace: that does not count, and the object's events say why it went.
 */
static void test_garbage__other_namespace(void **state)
{
    struct fixture *f = *state;
    begin(f);
    world_create(&f->world,
                 "{'apiVersion':'v1','kind':'ConfigMap','metadata':{'namespace':'kube-system',"
                 "'name':'owner'}}",
                 201);
    cleanup(value_free) struct value *owner =
        world_get(&f->world, "ConfigMap", "kube-system", "owner");
    autofree char *json =
        xasprintf("{'apiVersion':'v1','kind':'ConfigMap','metadata':{'namespace':'default',"
                  "'name':'far','ownerReferences':[{'apiVersion':'v1','kind':'ConfigMap',"
                  "'name':'owner','uid':'%s'}]}}",
                  object_uid(owner));
    world_create(&f->world, json, 201);
    world_pass(&f->world, NS_PER_S);
    assert_string_equal(left(f), "");
    autofree char *events = world_events(&f->world, "ConfigMap", "far");
    assert_non_null(strstr(events, "Warning OwnerRefInvalidNamespace ownerRef [v1/ConfigMap, "));
    assert_non_null(strstr(events, "does not exist in namespace \"default\""));
}

/* The gateway starts anew on what is on its disk. */
static void restart(struct fixture *f, const char *path)
{
    struct world *world = &f->world;
    struct err err = {0};
    end(f);
    api_stop(world->api);
    store_close(world->store);
    api_free(world->api);
    assert_int_equal(store_open(world->loop, path, &world->store, &err), 0);
    const struct api_spec spec = {world->loop, world->store, &world->clock, &world->rng.rng};
    assert_int_equal(api_new(&spec, &world->api, &err), 0);
}

static void await(struct fixture *f, const char *wanted)
{
    for (int i = 0; i < 10000 && !str_eq(left(f), wanted); i++)
        assert_int_equal(loop_step(f->world.loop, NS_PER_MS), 0);
    assert_string_equal(left(f), wanted);
}

/* What was under way when the gateway stopped goes on, wherever that was, and what it could not see
 * is found. */
static void test_garbage__restart(void **state)
{
    static const char *const policies[] = {"Background", "Foreground", "Orphan"};
    static const char *const wanted[] = {"friend* other", "friend* other",
                                         "child* father friend* other"};
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        char dir[] = "/tmp/limpet-garbage-XXXXXX";
        struct err err = {0};
        assert_non_null(mkdtemp(dir));
        autofree char *path = xasprintf("%s/store.db", dir);
        print_message("%s\n", policies[i]);
        restart(f, path);
        family(f);
        drop(f, "grand", policies[i]); /* nobody collects */
        for (int turns = 0; turns < 12; turns++) {
            restart(f, path);
            begin_only(f);
            for (int j = 0; j < turns; j++)
                assert_int_equal(loop_step(f->world.loop, 0), 0);
        }
        restart(f, path);
        begin(f);
        await(f, wanted[i]);
        restart(f, NULL);
        assert_int_equal(disk_posix()->remove_tree(disk_posix(), dir, &err), 0);
    }
}

/* ---- random families ---- */

#define MEMBERS 14

static const char *member(uint64_t i)
{
    static char names[4][16];
    static size_t next;
    char *name = names[next++ % 4];
    snprintf(name, sizeof(names[0]), "m%02d", (int)i);
    return name;
}

/* A reference to one that is there; NULL if it is not. */
static struct value *ref_to(struct fixture *f, const char *name, bool blocks)
{
    struct value *owner = world_get(&f->world, "ConfigMap", "default", name);
    struct value *ref = owner ? value_new_map() : NULL;
    if (ref) {
        value_set_str(ref, "apiVersion", "v1");
        value_set_str(ref, "kind", "ConfigMap");
        value_set_str(ref, "name", name);
        value_set_str(ref, "uid", object_uid(owner));
        value_set_bool(ref, "blockOwnerDeletion", blocks);
    }
    value_free(owner);
    return ref;
}

static struct value *some_owners(struct fixture *f, struct rng *rng)
{
    struct value *list = value_new_list();
    bool taken[MEMBERS] = {0};
    for (uint64_t left = rng_below(rng, 3); left > 0; left--) {
        uint64_t i = rng_below(rng, MEMBERS);
        struct value *ref = taken[i] ? NULL : ref_to(f, member(i), rng_below(rng, 2));
        taken[i] = true;
        if (ref)
            value_append(list, ref);
    }
    return list;
}

static void do_something(struct fixture *f, struct rng *rng, struct edit *edit)
{
    static const char *const policies[] = {"Background", "Foreground", "Orphan"};
    const struct api_ref ref = {&kind_config_map, "default", member(rng_below(rng, MEMBERS))};
    const struct api_delete_options options = {.grace_s = -1,
                                               .propagation = policies[rng_below(rng, 3)]};
    cleanup(value_free) struct value *owners = some_owners(f, rng);
    cleanup(value_free) struct value *object = value_new_map();
    edit->owners = owners;
    edit->code = 0;
    switch (rng_below(rng, 4)) {
    case 0:
        api_delete(f->world.api, &admin, &ref, &options, 0, ignore, edit);
        break;
    case 1: /* cycles come of this */
        api_patch_with(f->world.api, &admin, &ref, 0, set_owners, ignore, edit);
        break;
    default:
        value_set(value_make_map(object, "metadata", NULL), "ownerReferences", value_copy(owners));
        api_create(f->world.api, &admin, &ref, object, 0, ignore, edit);
    }
    for (int i = 0; i < 10000 && !edit->code; i++)
        assert_int_equal(loop_step(f->world.loop, NS_PER_MS), 0);
}

/* How many are still to be collected: nobody who is there waits, and nobody has lost all owners. */
static size_t unfinished(struct fixture *f)
{
    const struct api_ref ref = {&kind_config_map, "default", ""};
    cleanup(value_free) struct value *list = NULL;
    size_t count = 0;
    assert_int_equal(api_list(f->world.api, &admin, &ref, NULL, &list), 0);
    const struct value *items = value_get(list, "items");
    for (size_t i = 0; i < value_len(items); i++) {
        const struct value *meta = value_get(value_at(items, i), "metadata");
        const struct value *refs = value_get(meta, "ownerReferences");
        bool owned = value_len(refs) == 0;
        for (size_t j = 0; j < value_len(refs); j++) {
            struct value *owner = world_get(&f->world, "ConfigMap", "default",
                                            value_get_str(value_at(refs, j), "name"));
            owned |= str_eq(object_uid(owner), value_get_str(value_at(refs, j), "uid"));
            value_free(owner);
        }
        count += !owned || value_get(meta, "deletionTimestamp");
    }
    return count;
}

/* Whatever families there are, with cycles, and whenever the gateway starts anew: everything comes
 * to an end, and who is nobody's and was not deleted stays. */
static void test_garbage__random(void **state)
{
    struct fixture *f = *state;
    char dir[] = "/tmp/limpet-garbage-XXXXXX";
    struct err err = {0};
    assert_non_null(mkdtemp(dir));
    for (uint64_t seed = 9; seed <= 13; seed++) {
        struct rng_seeded rng;
        struct edit edit = {0};
        autofree char *path = xasprintf("%s/%d.db", dir, (int)seed);
        print_message("seed %d\n", (int)seed);
        rng_seeded_init(&rng, seed);
        restart(f, path);
        begin_only(f);
        make(f, "stays", "");
        for (int step = 0; step < 60; step++) {
            do_something(f, &rng.rng, &edit);
            if (rng_below(&rng.rng, 25) == 0) {
                restart(f, path);
                begin_only(f);
            }
        }
        for (int i = 0; i < 5000 && unfinished(f) > 0; i++)
            assert_int_equal(loop_step(f->world.loop, NS_PER_MS), 0);
        print_message("left: %s\n", left(f));
        assert_int_equal(unfinished(f), 0);
        struct value *stays = world_get(&f->world, "ConfigMap", "default", "stays");
        assert_non_null(stays);
        value_free(stays);
        restart(f, NULL);
    }
    assert_int_equal(disk_posix()->remove_tree(disk_posix(), dir, &err), 0);
}

/* Many at once: the loop is never held for long, and all of them go. */
static void test_garbage__many(void **state)
{
    struct fixture *f = *state;
    begin(f);
    make(f, "owner", "");
    for (int i = 0; i < 500; i++) {
        char name[16];
        snprintf(name, sizeof(name), "c%d", i);
        make(f, name, "!owner");
    }
    drop(f, "owner", "Foreground");
    world_pass(&f->world, NS_PER_S);
    assert_string_equal(left(f), "");
    assert_int_equal(garbage_count(f->garbage), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_garbage__##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(background),      T(foreground), T(orphan), T(cycles), T(owners_are_uids),
        T(other_namespace), T(restart),    T(random), T(many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
