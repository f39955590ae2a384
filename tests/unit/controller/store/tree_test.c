#include "controller/store/sum.h"
#include "controller/store/tree.h"

#include "common/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEYS 3000

static void make_key(char ret[32], uint64_t i)
{
    snprintf(ret, 32, "/pods/ns%llu/p-%04llu", (unsigned long long)(i % 7), (unsigned long long)i);
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void check_against(const struct tree *tree, const bool *present, char (*sorted)[32],
                          size_t count)
{
    struct tree_pos pos = tree_seek(tree, "", false);
    for (size_t i = 0; i < count; i++) {
        const struct item *item = tree_next(tree, &pos);
        assert_non_null(item);
        assert_string_equal(item_key(item), sorted[i]);
    }
    assert_null(tree_next(tree, &pos));
    for (uint64_t i = 0; i < KEYS; i++) {
        char key[32];
        make_key(key, i);
        assert_int_equal(tree_get(tree, key) != NULL, present[i]);
    }
}

/* Random puts and deletes against an array of what is there. */
static void test_tree__model(void **state)
{
    (void)state;
    struct rng_seeded rng;
    struct tree tree;
    bool *present = calloc(KEYS, sizeof(bool));
    char(*sorted)[32] = malloc(sizeof(*sorted) * KEYS);
    rng_seeded_init(&rng, 7);
    tree_init(&tree);
    size_t count = 0;
    for (int round = 0; round < 40000; round++) {
        uint64_t i = rng_below(&rng.rng, KEYS);
        /* Grows, then shrinks. */
        bool put = rng_below(&rng.rng, 10) < (round < 20000 ? 8 : 2);
        char key[32];
        make_key(key, i);
        struct item *old = put ? tree_put(&tree, item_new(key, "x", 1)) : tree_del(&tree, key);
        assert_int_equal(old != NULL, present[i]);
        if (old)
            assert_string_equal(item_key(old), key);
        item_unref(old);
        count = count + (put && !present[i]) - (!put && present[i]);
        present[i] = put;
        assert_int_equal(tree.count, count);
        if (round % 4000 != 3999)
            continue;
        size_t n = 0;
        for (uint64_t k = 0; k < KEYS; k++) {
            if (present[k])
                make_key(sorted[n++], k);
        }
        qsort(sorted, n, sizeof(*sorted), compare);
        check_against(&tree, present, sorted, n);
    }
    tree_done(&tree);
    free(sorted);
    free(present);
}

static void test_tree__seek_and_count(void **state)
{
    (void)state;
    static const char *const keys[] = {"/nodes//a",       "/nodes//b",           "/pods/default/a",
                                       "/pods/default/b", "/pods/kube-system/a", "apps/x//a"};
    struct tree tree;
    tree_init(&tree);
    assert_int_equal(tree_count(&tree, ""), 0);
    assert_null(tree_get(&tree, "x"));
    for (size_t i = 6; i-- > 0;)
        assert_null(tree_put(&tree, item_new(keys[i], "", 0)));
    static const struct {
        const char *prefix;
        size_t count;
    } counts[] = {{"", 6},     {"/nodes/", 2}, {"/pods/", 3}, {"/pods/default/", 2},
                  {"/zzz", 0}, {"b", 0}};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        assert_int_equal(tree_count(&tree, counts[i].prefix), counts[i].count);
    static const struct {
        const char *key;
        bool after;
        const char *found;
    } seeks[] = {{"/nodes//a", false, "/nodes//a"},
                 {"/nodes//a", true, "/nodes//b"},
                 {"/nodes//aa", false, "/nodes//b"},
                 {"apps/x//a", true, NULL}};
    for (size_t i = 0; i < sizeof(seeks) / sizeof(seeks[0]); i++) {
        struct tree_pos pos = tree_seek(&tree, seeks[i].key, seeks[i].after);
        const struct item *item = tree_next(&tree, &pos);
        assert_int_equal(item != NULL, seeks[i].found != NULL);
        if (item)
            assert_string_equal(item_key(item), seeks[i].found);
    }
    tree_done(&tree);
}

/* Keys in ascending order fill leaves to the brim. */
static void test_tree__ascending_is_compact(void **state)
{
    (void)state;
    struct tree tree;
    tree_init(&tree);
    for (int i = 0; i < 12800; i++) {
        char key[32];
        snprintf(key, sizeof(key), "/pods/default/%06d", i);
        tree_put(&tree, item_new(key, "", 0));
    }
    assert_int_equal(tree.leaf_count, 100);
    assert_int_equal(tree_count(&tree, "/pods/default/0001"), 100);
    tree_done(&tree);
}

static void test_sum__check_value(void **state)
{
    (void)state;
    /* The published check value of CRC-64/XZ. */
    assert_true(sum_add(0, "123456789", 9) == UINT64_C(0x995dc9bbdf1939fa));
    assert_true(sum_add(sum_add(0, "1234", 4), "56789", 5) == UINT64_C(0x995dc9bbdf1939fa));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree__model),
        cmocka_unit_test(test_tree__seek_and_count),
        cmocka_unit_test(test_tree__ascending_is_compact),
        cmocka_unit_test(test_sum__check_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
