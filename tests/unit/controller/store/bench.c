#include "bench.h"

#include "tests/lib/await.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void bench_init(struct bench *bench)
{
    *bench = (struct bench){0};
    const char *tmp = getenv("TMPDIR");
    snprintf(bench->dir, sizeof(bench->dir), "%s/store_test_XXXXXX",
             tmp && strlen(tmp) < 32 ? tmp : "/tmp");
    assert_non_null(mkdtemp(bench->dir));
    snprintf(bench->path, sizeof(bench->path), "%s/state.db", bench->dir);
}

void bench_open(struct bench *bench)
{
    struct err err = {0};
    assert_int_equal(loop_new(clock_system(), &bench->loop, &err), 0);
    if (store_open(bench->loop, bench->path, &bench->store, &err) < 0)
        fail_msg("%s", err.msg);
}

void bench_close(struct bench *bench)
{
    store_close(bench->store);
    loop_free(bench->loop);
    bench->store = NULL;
    bench->loop = NULL;
}

void bench_done(struct bench *bench)
{
    if (bench->loop)
        bench_close(bench);
    DIR *dir = opendir(bench->dir);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    assert_int_equal(rmdir(bench->dir), 0);
}

void bench_wait(struct bench *bench, const int *flag)
{
    AWAIT(!*flag, await_turn(bench->loop));
}

void bench_done_fn(void *ctx, int code, int64_t revision)
{
    struct result *result = ctx;
    assert_int_equal(result->open, 1);
    *result = (struct result){.code = code, .revision = revision};
}

struct result bench_write(struct bench *bench, enum store_class class, const char *key,
                          const char *value, int64_t expect)
{
    struct result result = {.open = 1, .code = 1};
    if (value)
        store_put(bench->store, class, key, value, strlen(value), expect, bench_done_fn, &result);
    else
        store_delete(bench->store, key, expect, bench_done_fn, &result);
    assert_int_equal(result.open, 1); /* never from inside the call */
    bench_wait(bench, &result.open);
    return result;
}
