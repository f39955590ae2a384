#include "controller/reconcile/owners.h"

#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OBJECTS 24
#define REFS 3

/* What there is, kept in the simplest way. */
struct truth {
    bool there, foreground;
    size_t refs;
    int owner[REFS];
    bool blocks[REFS];
};

static struct value *object_of(const struct truth *truth, int i)
{
    char text[32];
    struct value *object = value_new_map();
    struct value *meta = value_set(object, "metadata", value_new_map());
    snprintf(text, sizeof(text), "o%d", i);
    value_set_str(meta, "name", text);
    value_set_str(meta, "namespace", "default");
    value_set_str(meta, "uid", text);
    if (truth->refs)
        value_set(meta, "ownerReferences", value_new_list());
    for (size_t j = 0; j < truth->refs; j++) {
        struct value *ref = value_new_map();
        snprintf(text, sizeof(text), "o%d", truth->owner[j]);
        value_set_str(ref, "uid", text);
        if (truth->blocks[j])
            value_set_bool(ref, "blockOwnerDeletion", true);
        value_append(value_get(meta, "ownerReferences"), ref);
    }
    if (truth->foreground) {
        value_set_str(meta, "deletionTimestamp", "2026-01-01T00:00:00Z");
        value_append(value_set(meta, "finalizers", value_new_list()),
                     value_new_str("foregroundDeletion"));
    }
    return object;
}

static void draw(struct rng *rng, struct truth *truth)
{
    *truth = (struct truth){.there = true, .foreground = rng_below(rng, 4) == 0};
    truth->refs = rng_below(rng, REFS + 1);
    for (size_t i = 0; i < truth->refs; i++) {
        truth->owner[i] = (int)rng_below(rng, OBJECTS);
        truth->blocks[i] = rng_below(rng, 2);
    }
}

static void compare(const struct owners *owners, const struct truth *all)
{
    size_t entries = 0;
    for (int i = 0; i < OBJECTS; i++) {
        char uid[16];
        uint32_t dependents = 0, blocking = 0;
        for (int j = 0; j < OBJECTS; j++)
            for (size_t k = 0; all[j].there && k < all[j].refs; k++)
                if (all[j].owner[k] == i) {
                    dependents++;
                    blocking += all[j].blocks[k];
                }
        snprintf(uid, sizeof(uid), "o%d", i);
        const struct owned *entry = owners_find(owners, uid);
        bool interest = all[i].there && (all[i].refs || all[i].foreground);
        assert_int_equal(entry != NULL, interest || dependents > 0);
        if (!entry)
            continue;
        entries++;
        assert_int_equal(entry->kind != NULL, interest);
        assert_int_equal(entry->dep_count, dependents);
        assert_int_equal(entry->blocking, blocking);
        assert_int_equal(entry->hold,
                         all[i].there && all[i].foreground ? OWNED_FOREGROUND : OWNED_FREE);
        for (uint32_t j = 0; j < entry->dep_count; j++) {
            const struct owned_dep *dep = &entry->deps[j];
            assert_ptr_equal(dep->object->refs[dep->ref].owner, entry);
            assert_int_equal(dep->object->refs[dep->ref].slot, j);
        }
    }
    assert_int_equal(owners_count(owners), entries);
}

/* Objects come, change and go; some own themselves, or each other, or one twice. */
static void test_owners__random(void **state)
{
    struct rng_seeded rng;
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct truth all[OBJECTS] = {0};
        struct owners *owners = owners_new();
        rng_seeded_init(&rng, seed);
        for (int step = 0; step < 400; step++) {
            int i = (int)rng_below(&rng.rng, OBJECTS);
            struct truth next = {0};
            if (rng_below(&rng.rng, 3) > 0)
                draw(&rng.rng, &next);
            struct owned *entry = NULL;
            cleanup(value_free) struct value *object = object_of(&next, i);
            if (next.there) {
                (void)owners_see(owners, &kind_config_map, object, &entry);
                assert_int_equal(entry != NULL, next.refs || next.foreground);
                assert_false(owners_see(owners, &kind_config_map, object, &entry));
            } else if ((entry = owners_find(owners, object_uid(object)))) {
                owners_drop(owners, entry);
            }
            all[i] = next;
            compare(owners, all);
        }
        owners_free(owners);
    }
}

static void put(struct owners *owners, int i, bool foreground, int owner, bool blocking)
{
    struct owned *entry;
    const struct truth truth = {true, foreground, owner >= 0, {owner >= 0 ? owner : 0}, {blocking}};
    cleanup(value_free) struct value *object = object_of(&truth, i);
    (void)owners_see(owners, &kind_config_map, object, &entry);
}

/* A chain is none, however long; a ring is one if all in it wait and block. */
static void test_owners__cycles(void **state)
{
    static const struct {
        bool ring, waiting, blocking, cycle;
    } cases[] = {
        {false, true, true, false},
        {true, true, true, true},
        {true, false, true, false},
        {true, true, false, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct owners *owners = owners_new();
        for (int j = 0; j < OBJECTS; j++) {
            bool last = j == OBJECTS / 2;
            int owner = j ? j - 1 : cases[i].ring ? OBJECTS - 1 : -1;
            put(owners, j, !last || cases[i].waiting, owner, !last || cases[i].blocking);
        }
        assert_int_equal(owners_cycle(owners, owners_find(owners, "o3")), cases[i].cycle);
        owners_free(owners);
    }
    struct owners *owners = owners_new();
    put(owners, 0, true, 0, true);
    assert_true(owners_cycle(owners, owners_find(owners, "o0")));
    owners_free(owners);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owners__random),
        cmocka_unit_test(test_owners__cycles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
