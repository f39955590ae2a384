#include "common/base/map.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_map__put_get_del(void **state)
{
    (void)state;
    struct map *map = map_new();
    int one = 1, two = 2;
    assert_null(map_get(map, "a"));
    assert_null(map_del(map, "a"));
    assert_null(map_put(map, "a", &one));
    assert_ptr_equal(map_put(map, "a", &two), &one);
    assert_int_equal(map_len(map), 1);
    assert_null(map_put(map, "", &one)); /* an empty key is a key */
    assert_ptr_equal(map_get(map, "a"), &two);
    assert_ptr_equal(map_get(map, ""), &one);
    assert_ptr_equal(map_del(map, "a"), &two);
    assert_null(map_get(map, "a"));
    assert_int_equal(map_len(map), 1);
    map_free(map, NULL);
    map_free(NULL, NULL);
}

static void test_map__order_of_insertion(void **state)
{
    (void)state;
    struct map *map = map_new();
    static int value;
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        map_put(map, key, &value);
    }
    map_put(map, "7", &value); /* replaced: keeps its place */
    for (int i = 0; i < 100; i += 2) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        map_del(map, key);
    }
    map_put(map, "0", &value); /* put anew: goes to the end */
    for (int round = 0; round < 2; round++) {
        const char *key;
        size_t cursor = 0;
        for (int want = 1; want < 100; want += 2) {
            assert_true(map_next(map, &cursor, &key, NULL));
            assert_int_equal(atoi(key), want);
        }
        assert_true(map_next(map, &cursor, &key, NULL));
        assert_string_equal(key, "0");
        assert_false(map_next(map, &cursor, &key, NULL));
        for (int i = 0; i < 300; i++) { /* rebuilds */
            char other[16];
            snprintf(other, sizeof(other), "x%d", i);
            map_put(map, other, &value);
            map_del(map, other);
        }
    }
    map_free(map, NULL);
}

static void test_map__deleting_the_current_one(void **state)
{
    (void)state;
    struct map *map = map_new();
    for (int i = 0; i < 50; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        map_put(map, key, xstrdup(key));
    }
    const char *key;
    void *value;
    int seen = 0;
    for (size_t i = 0; map_next(map, &i, &key, &value); seen++)
        if (seen % 3)
            free(map_del(map, key));
    assert_int_equal(seen, 50);
    assert_int_equal(map_len(map), 17);
    map_free(map, free);
}

/* Against an array, over thousands of random steps. */
static void test_map__agrees_with_a_model(void **state)
{
    (void)state;
    enum { KEYS = 300 };
    static int values[KEYS];
    bool there[KEYS] = {false};
    size_t count = 0;
    struct rng_seeded rng;
    rng_seeded_init(&rng, 3);
    struct map *map = map_new();
    for (int step = 0; step < 20000; step++) {
        size_t k = (size_t)rng_below(&rng.rng, KEYS);
        char key[64];
        snprintf(key, sizeof(key), "%.*s%zu", (int)(k % 20), "a-longer-key-than-eight", k);
        void *want = there[k] ? &values[k] : NULL;
        assert_ptr_equal(map_get(map, key), want);
        if (rng_below(&rng.rng, 2)) {
            assert_ptr_equal(map_put(map, key, &values[k]), want);
            count += !there[k];
            there[k] = true;
        } else {
            assert_ptr_equal(map_del(map, key), want);
            count -= there[k];
            there[k] = false;
        }
        assert_int_equal(map_len(map), count);
    }
    map_free(map, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map__put_get_del),
        cmocka_unit_test(test_map__order_of_insertion),
        cmocka_unit_test(test_map__deleting_the_current_one),
        cmocka_unit_test(test_map__agrees_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
