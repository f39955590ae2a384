#pragma once
/* Resources by name: what a pod asks for besides cpu and memory (ephemeral-storage, huge pages,
 * extended resources), what a node has of them, what its pods take. */

#include "common/data/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct amounts;
struct map;

struct sched_amounts {
    struct map *of; /* name -> amount; NULL: none */
};

/* Each fills *ret anew, for sched_amounts_done. What is nothing, or less, or not an amount is
 * absent.
 *
 * Of what a pod needs (pod_needs). */
void sched_amounts_read_pod(struct sched_amounts *ret, const struct amounts *needs);
/* Of status.allocatable of a node. */
void sched_amounts_read_node(struct sched_amounts *ret, const struct value *allocatable);
void sched_amounts_done(struct sched_amounts *amounts);
bool sched_amounts_same(const struct sched_amounts *a, const struct sched_amounts *b);

/* A pod takes what it asks for, or gives it back. */
void sched_amounts_add(struct sched_amounts *used, const struct sched_amounts *asked);
void sched_amounts_drop(struct sched_amounts *used, const struct sched_amounts *asked);
/* The next resource that is asked for and of which less is free, from *cursor (first 0) on; NULL
 * after the last. */
const char *sched_amounts_short(const struct sched_amounts *asked, const struct sched_amounts *used,
                                const struct sched_amounts *all, size_t *cursor);
/* The next resource that is used and of which nothing is free, likewise. */
const char *sched_amounts_full(const struct sched_amounts *used, const struct sched_amounts *all,
                               size_t *cursor);
