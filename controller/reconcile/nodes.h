#pragma once
/* The lives of nodes: beats in, the condition Ready of Node objects out. Only changes are written;
 * beats stay in memory. Nothing is evicted. */

#include "common/loop/loop.h"
#include "controller/reconcile/recorder.h"
#include "controller/api/api.h"

#define NODES_INTERVAL_NS (10 * NS_PER_S)
#define NODES_MISSED 3

struct nodes;

struct nodes_spec {
    struct loop *loop;
    struct api *api;
    struct recorder *recorder; /* borrowed; NULL: no events */
    int64_t interval_ns;       /* between beats; 0: NODES_INTERVAL_NS */
    int missed;                /* 0: NODES_MISSED */
};
/* Every node gets a whole lease from now. */
nodiscard int nodes_new(const struct nodes_spec *spec, struct nodes **ret, struct err *err);
/* In the same turn of the loop as api_stop, before it. NULL is fine. */
void nodes_free(struct nodes *nodes);

/* What a beat, or a birth on the bus, says. Its sender is known to be the node `name` (the Node
 * object's name); the object may appear later. One with a sequence that is not above the last of
 * its boot is a late double and counts for nothing. A retained message is no beat: it says nothing
 * about now. */
struct nodes_beat {
    const char *boot_id;
    uint64_t sequence;
    int64_t generation; /* applied by the node */
};
void nodes_beat(struct nodes *nodes, const char *name, const struct nodes_beat *beat);
/* The broker published the node's will. Of another boot than the last beat's: ignored. */
void nodes_offline(struct nodes *nodes, const char *name, const char *boot_id);
/* Whether this controller can hear beats at all: while it cannot (its connection to the broker is
 * down), no time passes for the nodes. True at first. */
void nodes_hearing(struct nodes *nodes, bool hearing);

struct nodes_seen {
    int64_t age_ns; /* since the latest beat */
    int64_t generation;
    uint64_t sequence;
    const char *boot_id; /* borrowed until the next call */
};
/* -ENOENT: no beat in this life of the controller. */
nodiscard int nodes_last(const struct nodes *nodes, const char *name, struct nodes_seen *ret);

/* How many Node objects there are whose Ready is "True", and all others. */
void nodes_count(const struct nodes *nodes, size_t *ret_ready, size_t *ret_others);
