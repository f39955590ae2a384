#pragma once
/* What of cpu and memory a pod that runs and its containers are to have from now on: the message,
 * and in which order their control groups are told. Pure. */

#include "agent/keeper/report.h"

struct sizing_container {
    const char *name;
    struct keeper_size size;
    int oom_score_adj; /* of its next attempts */
    /* Its program is told of a change only by starting anew. */
    bool renew_cpu, renew_memory;
};
struct sizing {
    struct keeper_size pod;
    size_t count;
    struct sizing_container containers[LAUNCH_MAX_CONTAINERS];
};

nodiscard int sizing_encode(const struct sizing *sizing, struct buf *ret);
/* Names point into the bytes. -EINVAL. */
nodiscard int sizing_decode(const void *bytes, size_t len, struct sizing *ret);

bool keeper_size_equal(const struct keeper_size *a, const struct keeper_size *b);
/* As the plan has it, of a container and of the whole pod. */
struct keeper_size sizing_of(const struct launch_container *container);
struct keeper_size sizing_of_pod(const struct launch_plan *plan);
/* Of the one group that a pod of one container has: the less of both. */
struct keeper_size sizing_of_both(const struct launch_plan *plan);

#define SIZING_POD SIZE_MAX

struct sizing_view {
    const struct launch_plan *plan;     /* what is wanted */
    const struct keeper_report *report; /* what holds */
    bool one_group;                     /* the pod's is its only container's, too */
    const bool *waits; /* by container: it keeps what it has until it starts anew */
    /* Bytes that could not be given back at once, of the pod and by container; -1: not known. */
    int64_t pod_bytes;
    const int64_t *bytes;
};

struct sizing_write {
    size_t group; /* a container's number, or SIZING_POD */
    struct keeper_size size;
};

/* The next single write; false: there is none for now. A group is never larger than the one around
 * it, so the pod's grows first and shrinks last; and nobody is killed for a limit below what they
 * use: then that one is left, and `problem` (text of `size` bytes, "" if there is none) says so. */
bool sizing_next(const struct sizing_view *view, struct sizing_write *ret, char *problem,
                 size_t size);
