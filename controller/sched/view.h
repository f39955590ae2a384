#pragma once
/* What scheduling needs of a pod and of a node, read out of their documents once. Strings are
 * copies. */

#include "common/data/value.h"
#include "common/kinds/host_ports.h"
#include "controller/sched/amounts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sched_label {
    char *key, *value;
};
struct sched_labels { /* sorted by key */
    struct sched_label *items;
    size_t count;
};

/* effect "" in a toleration: every effect; key "" with exists: every taint. */
struct sched_taint {
    char *key, *value, *effect;
    bool exists; /* of a toleration: operator Exists */
};
struct sched_taints {
    struct sched_taint *items;
    size_t count;
};

struct sched_room {
    int64_t cpu_milli;
    int64_t memory; /* bytes */
    int64_t pods;
};

/* A claim of its namespace that one of its volumes is of. */
struct sched_claim {
    char *name;
    bool own; /* made for the pod */
};
struct sched_claims {
    struct sched_claim *items;
    size_t count;
};

struct sched_storage;

/* What it needs is counted by pod_needs_now. */
struct sched_pod {
    char *node_name; /* spec.nodeName; "" = none */
    struct sched_room request;
    struct sched_amounts asked;   /* of everything else */
    struct sched_labels selector; /* spec.nodeSelector */
    struct value *affinity;       /* required node affinity (affinity.h), a copy; NULL: none */
    struct sched_taints tolerations;
    int64_t priority;        /* spec.priority; 0 where there is none */
    struct host_ports ports; /* of its node */
    struct sched_claims claims;
    /* What these ask of a node: the caller's, while it picks one (storage.h). NULL: nothing. */
    const struct sched_storage *storage;
};

struct sched_node {
    char *name;
    bool ready; /* its condition Ready is True */
    bool unschedulable;
    struct sched_labels labels;
    struct sched_taints taints;
    struct sched_room allocatable; /* a resource that is not told has no room; pods: 110 */
    struct sched_amounts has;      /* of everything else */
    /* Kept by the caller: sched_node_add, sched_node_drop. */
    struct sched_room used;
    struct sched_amounts taken;
    struct host_ports ports;
};

/* Replace nothing: *ret is filled anew. Wrong shapes count as absent. */
void sched_pod_read(struct sched_pod *ret, const struct value *pod);
void sched_pod_done(struct sched_pod *pod);
/* Whether the two would fare alike. */
bool sched_pod_same(const struct sched_pod *a, const struct sched_pod *b);
/* Nothing is used. */
void sched_node_read(struct sched_node *ret, const struct value *node);
void sched_node_done(struct sched_node *node);
/* Whether a pod could fare differently on the two; what is used does not count. */
bool sched_node_same(const struct sched_node *a, const struct sched_node *b);
/* A pod takes room and ports, or leaves. */
void sched_node_add(struct sched_node *node, const struct sched_pod *pod);
void sched_node_drop(struct sched_node *node, const struct sched_pod *pod);
/* What pods take of a node stays with it when it is read anew. */
void sched_node_carry(struct sched_node *to, struct sched_node *from);

const char *sched_labels_get(const struct sched_labels *labels, const char *key); /* or NULL */
/* The first taint that keeps new pods out (NoSchedule, NoExecute) and is not tolerated; NULL if
 * none. */
const struct sched_taint *sched_untolerated(const struct sched_taints *taints,
                                            const struct sched_taints *tolerations);
