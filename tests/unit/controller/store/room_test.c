/* What the store takes on the disk: bounded by what it holds, not by how long it lives. */

#include "bench.h"

#include "tests/lib/await.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define MIB (1024 * 1024)

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    bench_init(bench);
    bench_open(bench);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    bench_done(*state);
    free(*state);
    return 0;
}

static int64_t size_of(const struct bench *bench, const char *suffix)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof(path), "%s%s", bench->path, suffix);
    return stat(path, &st) < 0 ? 0 : st.st_size;
}

/* Writes (len 0: deletes) objects first..first + count, and waits for the last. */
static void write_many(struct bench *bench, int first, int count, size_t len)
{
    static const char zeros[64 * 1024];
    struct result result = {1};
    char key[64];
    for (int i = first; i < first + count; i++) {
        store_done_fn *done = i == first + count - 1 ? bench_done_fn : NULL;
        snprintf(key, sizeof(key), "/pods/default/p%d", i);
        if (len)
            store_put(bench->store, STORE_DURABLE, key, zeros, len, STORE_ANY, done, &result);
        else
            store_delete(bench->store, key, STORE_ANY, done, &result);
    }
    bench_wait(bench, &result.open);
    assert_int_equal(result.code, 0);
}

/* A month in which 100 pods tell 20,000 times how they are. */
static void test_room__updates_do_not_add_up(void **state)
{
    struct bench *bench = *state;
    write_many(bench, 0, 100, 3000);
    bench_close(bench);
    int64_t before = size_of(bench, "");
    bench_open(bench);
    for (int i = 0; i < 200; i++)
        write_many(bench, 0, 100, 2500 + (size_t)(i * 37 % 1000));
    bench_close(bench);
    assert_int_equal(size_of(bench, "-wal"), 0);
    assert_in_range(size_of(bench, ""), before / 2, 2 * before);
    bench_open(bench);
}

/* What was deleted gives its room back, while the store is open and without being asked. */
static void test_room__deleted_gives_back(void **state)
{
    struct bench *bench = *state;
    for (int i = 0; i < 24; i++)
        write_many(bench, i * 100, 100, 6000);
    write_many(bench, 3000, 100, 1000);
    bench_close(bench);
    assert_true(size_of(bench, "") > 14 * MIB);
    bench_open(bench);
    for (int i = 0; i < 24; i++)
        write_many(bench, i * 100, 100, 0);
    AWAIT(size_of(bench, "") < 3 * MIB, await_turn(bench->loop));
    assert_int_equal(store_count(bench->store, ""), 100);
    bench_close(bench);
    bench_open(bench);
    assert_int_equal(store_count(bench->store, ""), 100);
}

/* After a burst the log gets short again. */
static void test_room__the_log_is_short(void **state)
{
    struct bench *bench = *state;
    for (int i = 0; i < 10; i++)
        write_many(bench, i * 100, 100, 32 * 1024);
    int64_t burst = size_of(bench, "-wal");
    assert_in_range(burst, 16 * MIB, 44 * MIB);
    /* Everything was copied into the database: the next write begins the log anew. */
    AWAIT(size_of(bench, "") > 31 * MIB, await_turn(bench->loop));
    AWAIT(size_of(bench, "-wal") <= 5 * MIB, write_many(bench, 0, 1, 1000));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_room__updates_do_not_add_up),
        TEST(test_room__deleted_gives_back),
        TEST(test_room__the_log_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
