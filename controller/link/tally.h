#pragma once
/* What was heard of a node's pods in its present life: tells news from late doubles, and, by the
 * hash that beats carry, whether something was missed. Pure. */

#include "common/base/clock.h"
#include "common/bus/birth.h"
#include "common/bus/report.h"

#define TALLY_MAX 10000 /* pods of a node that are remembered */

struct tally;

struct tally *tally_new(void);
void tally_free(struct tally *tally);
/* A birth. Another boot, or another nonce (another life of its agent), begins anew: it will say
 * everything again. */
void tally_begin(struct tally *tally, const struct birth *birth);
/* Counts a report. False: it is of an earlier boot, not newer than what was heard, or of one pod
 * too many. */
bool tally_report(struct tally *tally, const struct report *report);
/* Whether a pod of that uid was reported in this life of the agent, and not as gone. */
bool tally_has(const struct tally *tally, const char *uid);

#define TALLY_SETTLE_NS (60 * NS_PER_S)

enum tally_verdict {
    TALLY_AGREES,  /* or reports may still be on their way */
    TALLY_SETTLED, /* it has agreed all through TALLY_SETTLE_NS: of what was not reported the node
                      has nothing. Said once of a life of its agent, which begins with no pods known
                    */
    TALLY_REREAD,  /* something was missed: what the broker keeps of the node is to be read again */
    TALLY_RESYNC,  /* that was not enough: the node is to say everything again */
};
/* A beat. While the hashes differ, REREAD and RESYNC take turns, ever more rarely. now: boot ns. */
enum tally_verdict tally_beat(struct tally *tally, const uint8_t hash[8], int64_t now);
