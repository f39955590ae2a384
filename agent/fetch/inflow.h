#pragma once
/* How much of a download may be on its way at once. A sender fills whatever queue stands before the
 * narrowest line, and what else comes down that line (the desired state of this node) waits behind
 * it. So the receiver asks for no more than the line carries in one round trip and a moment: a
 * standing queue of that moment, whatever the sender does (the idea of RFC 6817 and RFC 9840).
 * Pure.
 */

#include <stdint.h>

#define INFLOW_RATES 8

struct inflow {
    int64_t base_ns;             /* a round trip without a queue, the smallest seen */
    int64_t from_ns, from_bytes; /* where the present measurement began; from_ns 0: nowhere */
    int64_t rates[INFLOW_RATES]; /* bytes a second, of the last measurements */
    unsigned next;
};

struct inflow_sample { /* of one connection */
    int64_t now_ns;    /* any clock that only goes on */
    int64_t bytes;     /* received since it was made */
    int64_t rtt_ns;    /* the smallest round trip that it has seen; 0: none yet */
    int segment;       /* bytes of the largest packet's content */
};

/* Forgets all: another connection. */
void inflow_init(struct inflow *inflow);
/* How many bytes the other side may send unacknowledged from now on; 0: as before. To be asked
 * often: it decides when there is enough to judge by. */
int inflow_limit(struct inflow *inflow, const struct inflow_sample *sample);
