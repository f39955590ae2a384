#pragma once
/* What the tests of the store share: a folder, a loop and a store in it. */

#include "common/loop/loop.h"
#include "controller/store/store.h"

struct bench {
    char dir[64];
    char path[96];
    struct loop *loop;
    struct store *store;
};

void bench_init(struct bench *bench); /* a new folder, nothing opened */
void bench_done(struct bench *bench); /* closes, removes the folder */
void bench_open(struct bench *bench); /* asserts success */
void bench_close(struct bench *bench);
/* Runs the loop until *flag counts down to 0 or 10 s are over (fails then). */
void bench_wait(struct bench *bench, const int *flag);

/* The result of one write. */
struct result {
    int open; /* 1 until it is reported */
    int code;
    int64_t revision;
};
void bench_done_fn(void *ctx, int code, int64_t revision);
/* Write and wait; value NULL deletes. */
struct result bench_write(struct bench *bench, enum store_class class, const char *key,
                          const char *value, int64_t expect);
