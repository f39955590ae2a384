/* What is durable at one moment, taken along while writes go on, and a new database made of it. */

#include "controller/store/fill.h"

#include "bench.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 2500 /* more than two transactions */

static void key_name(char ret[32], int i)
{
    snprintf(ret, 32, "/pods/default/p%04d", i);
}

static void write_all(struct bench *bench, const char *value)
{
    struct result result = {1};
    char key[32];
    for (int i = 0; i < COUNT; i++) {
        key_name(key, i);
        store_put(bench->store, STORE_DURABLE, key, value, strlen(value), STORE_ANY,
                  i == COUNT - 1 ? bench_done_fn : NULL, &result);
    }
    bench_wait(bench, &result.open);
    assert_int_equal(result.code, 0);
}

static void test_fill__what_was_at_one_moment(void **state)
{
    (void)state;
    struct bench from, to;
    struct err err = {0};
    bench_init(&from);
    bench_init(&to);
    bench_open(&from);
    write_all(&from, "old");
    bench_write(&from, STORE_VOLATILE, "/events/default/e", "x", STORE_NONE);
    bench_write(&from, STORE_DURABLE, "/nodes//n", "", STORE_NONE);
    int64_t revision = store_revision(from.store);
    struct store_snapshot *snapshot = store_snapshot_new(from.store);
    write_all(&from, "new"); /* it is not disturbed by what comes later */
    bench_write(&from, STORE_DURABLE, "/nodes//n", NULL, STORE_ANY);
    bench_write(&from, STORE_DURABLE, "/nodes//later", "x", STORE_ANY);
    assert_int_equal(store_snapshot_revision(snapshot), revision);
    assert_int_equal(store_snapshot_count(snapshot), COUNT + 1);

    struct store_fill *fill = NULL;
    assert_int_equal(store_fill_new(to.path, &fill, &err), 0);
    for (size_t i = 0; i < store_snapshot_count(snapshot); i++) {
        const struct store_item item = store_snapshot_at(snapshot, i);
        assert_int_equal(store_fill_put(fill, &item, &err), 0);
    }
    assert_int_equal(store_fill_end(fill, revision + 1000000000, &err), 0);
    store_fill_free(fill);
    assert_int_equal(store_fill_new(to.path, &fill, &err), -EEXIST);

    bench_open(&to);
    assert_true(store_revision(to.store) > revision + 1000000000);
    assert_int_equal(store_count(to.store, ""), COUNT + 1);
    for (size_t i = 0; i < store_snapshot_count(snapshot); i++) {
        const struct store_item item = store_snapshot_at(snapshot, i);
        struct store_item got;
        assert_int_equal(store_get(to.store, item.key, &got), 0);
        assert_int_equal(got.len, item.len);
        assert_memory_equal(got.value, item.value, item.len);
        assert_int_equal(got.create_revision, item.create_revision);
        assert_int_equal(got.mod_revision, item.mod_revision);
        assert_true(item.mod_revision <= revision);
    }
    store_snapshot_free(snapshot);
    /* It is a store like any other. */
    assert_int_equal(bench_write(&to, STORE_DURABLE, "/nodes//n", NULL, STORE_ANY).code, 0);
    write_all(&to, "newer");
    bench_close(&to);
    bench_open(&to);
    assert_int_equal(store_count(to.store, ""), COUNT);
    bench_done(&to);
    bench_done(&from);
}

static void test_fill__refuses_what_is_too_long(void **state)
{
    (void)state;
    struct bench bench;
    struct err err = {0};
    struct store_fill *fill = NULL;
    char key[STORE_MAX_KEY + 2];
    bench_init(&bench);
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    assert_int_equal(store_fill_new(bench.path, &fill, &err), 0);
    assert_int_equal(
        store_fill_put(fill, &(struct store_item){.key = key, .value = "x", .len = 1}, &err),
        -EMSGSIZE);
    assert_int_equal(
        store_fill_put(fill, &(struct store_item){.key = "", .value = "x", .len = 1}, &err),
        -EMSGSIZE);
    store_fill_free(fill);
    bench_done(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fill__what_was_at_one_moment),
        cmocka_unit_test(test_fill__refuses_what_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
