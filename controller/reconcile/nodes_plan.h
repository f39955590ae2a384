#pragma once
/* When a node counts as gone, and as back. Pure.
 *
 * Beats decide. Three missed ones make a node Unknown (NotReady). The broker's word that a
 * connection broke only shortens the wait to one beat. Time in which this controller could not have
 * heard anything (its own loop stood still, its own connection was down) does not count. */

#include <stdbool.h>
#include <stdint.h>

struct nodes_rules {
    int64_t interval_ns; /* between two beats */
    int missed;          /* so many missing: gone */
};

/* All times are boot time. */
struct nodes_lease {
    int64_t last_ns;    /* the latest beat; before the first: when waiting began */
    int64_t suspect_ns; /* the connection was said to be lost then; 0: it was not */
    bool beaten;        /* a beat came in this life of the controller */
};

/* The condition Ready as the Node object has it. */
enum nodes_ready { NODES_NONE, NODES_TRUE, NODES_FALSE, NODES_UNKNOWN };

enum nodes_action {
    NODES_KEEP,
    NODES_MARK_READY,
    NODES_MARK_LOST,  /* no beats: Unknown */
    NODES_MARK_NEVER, /* there never was one: Unknown */
};

/* The node counts as gone from then on. */
int64_t nodes_plan_deadline(const struct nodes_lease *lease, const struct nodes_rules *rules);
/* A condition that is False was set by the node's own report, and only that takes it back. */
enum nodes_action nodes_plan(const struct nodes_lease *lease, const struct nodes_rules *rules,
                             enum nodes_ready ready, int64_t now);
/* How much of the time since the last tick does not count: all that is beyond its period, if that
 * is more than half a beat. */
int64_t nodes_plan_gap(const struct nodes_rules *rules, int64_t period_ns, int64_t last_tick,
                       int64_t now);
/* That much time before now did not count. */
void nodes_plan_shift(struct nodes_lease *lease, int64_t gap_ns, int64_t now);
