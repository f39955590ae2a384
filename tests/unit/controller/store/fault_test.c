/* The disk is full, fails, or loses its power at every single write. */

#include "acks.h"
#include "vfs_fault.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CUTS 150 /* writes and syncs, each cut once */

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    vfs_fault_register();
    vfs_fault_set(VFS_PASS, 0, 0);
    bench_init(bench);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    vfs_fault_set(VFS_PASS, 0, 0);
    bench_done(*state);
    free(*state);
    return 0;
}

/* A child whose power goes at the n-th write. Returns false if it ended before. */
static bool cut_at(struct bench *bench, struct acks *acks, long n)
{
    int fds[2], status;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        vfs_fault_set(VFS_CUT, n, (unsigned)n);
        acks_child(bench->path, fds[1], (unsigned)n, 60, acks);
    }
    close(fds[1]);
    acks_read(acks, fds[0]);
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) != 77 && WEXITSTATUS(status) != 0)
        fail_msg("cut %ld: the child ended with %d", n, WEXITSTATUS(status));
    bench_open(bench);
    acks_check(acks, bench);
    bench_close(bench);
    return WEXITSTATUS(status) == 77;
}

static void test_fault__power_cut_at_every_write(void **state)
{
    struct bench *bench = *state;
    struct acks acks = {0};
    int cuts = 0;
    for (long n = 1; n <= CUTS; n++)
        cuts += cut_at(bench, &acks, n);
    print_message("%d cuts, %ld writes were acknowledged\n", cuts, acks.count);
    assert_true(cuts > 30 && acks.count > 500);
}

static void write_some(struct bench *bench, struct result *results, int count)
{
    char key[32];
    for (int i = 0; i < count; i++) {
        results[i] = (struct result){.open = 1};
        snprintf(key, sizeof(key), "/p/%d", i);
        store_put(bench->store, i % 4 == 3 ? STORE_VOLATILE : STORE_DURABLE, key, "new", 3,
                  STORE_ANY, bench_done_fn, &results[i]);
    }
    for (int i = 0; i < count; i++)
        bench_wait(bench, &results[i].open);
}

/* A full disk refuses writes, with everything that was built on them, changes nothing, and is
 * forgotten when there is room again. */
static void test_fault__disk_full(void **state)
{
    struct bench *bench = *state;
    struct result results[20];
    bench_open(bench);
    struct result a = bench_write(bench, STORE_DURABLE, "/p/0", "old", STORE_ANY);
    vfs_fault_set(VFS_FULL, 1, 0);
    write_some(bench, results, 20);
    for (int i = 0; i < 20; i++)
        assert_int_equal(results[i].code, -ENOSPC);
    struct store_item item;
    assert_int_equal(store_get(bench->store, "/p/0", &item), 0);
    assert_memory_equal(item.value, "old", 3);
    assert_int_equal(store_count(bench->store, ""), 1);
    assert_int_equal(store_revision(bench->store), a.revision);
    /* Writes that need no disk go on. */
    assert_int_equal(bench_write(bench, STORE_VOLATILE, "/v", "x", STORE_NONE).code, 0);

    vfs_fault_set(VFS_PASS, 0, 0);
    assert_int_equal(bench_write(bench, STORE_DURABLE, "/p/0", "new", a.revision).code, 0);
    write_some(bench, results, 20);
    for (int i = 0; i < 20; i++)
        assert_int_equal(results[i].code, 0);
    bench_close(bench);
    bench_open(bench);
    assert_int_equal(store_count(bench->store, "/p/"), 15);
}

/* After a sync that failed nothing is known: no later write may be acknowledged, although it would
 * succeed. Reading goes on. */
static void test_fault__failed_sync_fences(void **state)
{
    struct bench *bench = *state;
    struct result results[20];
    bench_open(bench);
    bench_write(bench, STORE_DURABLE, "/p/0", "old", STORE_ANY);
    vfs_fault_set(VFS_EIO, 1, 0);
    write_some(bench, results, 20);
    for (int i = 0; i < 20; i++)
        assert_int_equal(results[i].code, -EIO);
    assert_int_equal(bench_write(bench, STORE_DURABLE, "/p/1", "x", STORE_ANY).code, -EIO);
    assert_int_equal(bench_write(bench, STORE_VOLATILE, "/v", "x", STORE_ANY).code, -EIO);
    assert_int_equal(store_count(bench->store, ""), 1);
    bench_close(bench);
    bench_open(bench);
    assert_int_equal(bench_write(bench, STORE_DURABLE, "/p/1", "x", STORE_ANY).code, 0);
}

/* What a lease no longer holds is deleted behind a write that fails, and so fails too: that is
 * tried again, and does not turn in circles. */
static void test_fault__leases_try_again(void **state)
{
    struct bench *bench = *state;
    bench_open(bench);
    int lease = store_grant(bench->store, &(struct store_lease){.max_items = 1});
    store_put_leased(bench->store, lease, "/e/a", "x", 1, STORE_ANY, NULL, NULL);
    bench_write(bench, STORE_VOLATILE, "/v", "x", STORE_ANY);
    vfs_fault_set(VFS_FULL, 1, 0);
    struct result result = {1};
    store_put_leased(bench->store, lease, "/e/b", "x", 1, STORE_ANY, NULL, NULL);
    store_put(bench->store, STORE_DURABLE, "/p", "x", 1, STORE_ANY, bench_done_fn, &result);
    bench_wait(bench, &result.open);
    assert_int_equal(result.code, -ENOSPC);
    assert_int_equal(store_count(bench->store, "/e/"), 2);
    vfs_fault_set(VFS_PASS, 0, 0);
    int64_t until = loop_now(bench->loop) + 10 * NS_PER_S;
    while (store_count(bench->store, "/e/") > 1 && loop_now(bench->loop) < until)
        assert_int_equal(loop_step(bench->loop, NS_PER_S / 10), 0);
    assert_int_equal(store_count(bench->store, "/e/"), 1);
    /* A store that takes no write any more is quiet about it. */
    vfs_fault_set(VFS_EIO, 1, 0);
    result.open = 1;
    store_put_leased(bench->store, lease, "/e/c", "x", 1, STORE_ANY, NULL, NULL);
    store_put(bench->store, STORE_DURABLE, "/p", "x", 1, STORE_ANY, bench_done_fn, &result);
    bench_wait(bench, &result.open);
    assert_int_equal(result.code, -EIO);
    assert_int_equal(loop_step(bench->loop, 0), 0);
    assert_true(loop_next(bench->loop) > loop_now(bench->loop));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_fault__power_cut_at_every_write),
        TEST(test_fault__disk_full),
        TEST(test_fault__failed_sync_fences),
        TEST(test_fault__leases_try_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
