#pragma once
/* A child process that writes to a store and tells, before each write and after its
 * acknowledgement, through a pipe; and what must hold of the store after the child met its end. */

#include "bench.h"

#include <sys/types.h>

#define ACKS_KEYS 40

/* What is known of one key. Every write of a key carries a number of its own. */
struct acks_key {
    int64_t asked;    /* the last number handed over */
    int64_t acked;    /* the last number acknowledged; the value must be that one or a later one */
    int64_t revision; /* of it */
    bool acked_delete;
};

struct acks {
    struct acks_key keys[ACKS_KEYS];
    int64_t revision; /* the highest acknowledged, volatile writes too */
    long count;
};

/* Writes to the store at path until it is ended or `limit` writes were acknowledged (then exits
 * with 0). Never returns. */
void acks_child(const char *path, int fd, unsigned seed, long limit, struct acks *acks);
/* Reads the child's pipe until `count` more writes were acknowledged. */
void acks_await(struct acks *acks, int fd, long count);
/* Reads it to its end. */
void acks_read(struct acks *acks, int fd);
/* Fails unless the open store holds everything acknowledged and nothing that was never asked for;
 * takes what it holds as the new state. */
void acks_check(struct acks *acks, struct bench *bench);
