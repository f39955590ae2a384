#include "agent/cache/early.h"

#include "common/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_early__kept_until_taken(void **state)
{
    (void)state;
    struct early *early = early_new();
    size_t len = 0;
    early_put(early, "d1", "one", 3);
    early_put(early, "d2", "", 0);
    assert_memory_equal(early_get(early, "d1", &len), "one", 3);
    assert_int_equal(len, 3);
    assert_non_null(early_get(early, "d2", &len));
    assert_int_equal(len, 0);
    early_put(early, "d1", "again", 5);
    assert_non_null(early_get(early, "d1", &len));
    assert_int_equal(len, 5);
    early_del(early, "d1");
    early_del(early, "d1");
    assert_null(early_get(early, "d1", &len));
    early_free(early);
    early_free(NULL);
}

static void test_early__oldest_out_first_by_count(void **state)
{
    (void)state;
    struct early *early = early_new();
    size_t len;
    char digest[16];
    for (int i = 0; i < EARLY_MAX_COUNT + 5; i++) {
        snprintf(digest, sizeof(digest), "d%d", i);
        early_put(early, digest, "x", 1);
    }
    assert_null(early_get(early, "d4", &len));
    assert_non_null(early_get(early, "d5", &len));
    snprintf(digest, sizeof(digest), "d%d", EARLY_MAX_COUNT + 4);
    assert_non_null(early_get(early, digest, &len));
    early_free(early);
}

static void test_early__bounded_by_bytes(void **state)
{
    (void)state;
    struct early *early = early_new();
    size_t len;
    size_t big = EARLY_MAX_BYTES / 3;
    char *bytes = xcalloc(1, EARLY_MAX_BYTES + 1);
    early_put(early, "a", bytes, big);
    early_put(early, "b", bytes, big);
    early_put(early, "c", bytes, big);
    early_put(early, "d", bytes, big); /* makes room */
    assert_null(early_get(early, "a", &len));
    assert_non_null(early_get(early, "b", &len));
    early_put(early, "huge", bytes, EARLY_MAX_BYTES + 1); /* not kept, drops nothing */
    assert_null(early_get(early, "huge", &len));
    assert_non_null(early_get(early, "d", &len));
    early_put(early, "all", bytes, EARLY_MAX_BYTES);
    assert_null(early_get(early, "d", &len));
    assert_non_null(early_get(early, "all", &len));
    free(bytes);
    early_free(early);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_early__kept_until_taken),
        cmocka_unit_test(test_early__oldest_out_first_by_count),
        cmocka_unit_test(test_early__bounded_by_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
