#pragma once
/* What a pod's claims ask of the node it goes to. Filled by who can look them up. Pure. */

#include "controller/sched/volume_index.h"

/* A claim that gets its volume once the node is chosen. */
struct sched_want {
    char *claim; /* its name */
    struct claim_view view;
    bool made;                /* a volume is made for it there */
    struct value *topologies; /* the class' allowedTopologies: where it can be; NULL: anywhere */
};
/* Zeroed: nothing. */
struct sched_storage {
    struct value **affinities; /* required NodeSelectors of the volumes that it has */
    size_t affinity_count;
    struct sched_want *wants;
    size_t want_count;
    struct volume_index *index; /* borrowed */
    char *node;                 /* where a volume is being made already; NULL: nowhere */
    bool sole;                  /* one of its claims is for one pod alone, and another has it */
};
void sched_storage_done(struct sched_storage *storage);
CLEANUP_DEFINE_VALUE(struct sched_storage, sched_storage_done);
/* Both take what they are given. */
void sched_storage_add_affinity(struct sched_storage *storage, struct value *selector);
void sched_storage_add_want(struct sched_storage *storage, const struct sched_want *want);

/* Whether the node reaches the volumes that are bound. */
bool sched_storage_reaches(const struct sched_storage *storage, const struct sched_node *node);
/* Whether there is, or can be made, a volume for each claim that wants one, all different. */
bool sched_storage_finds(const struct sched_storage *storage, const struct sched_node *node);
