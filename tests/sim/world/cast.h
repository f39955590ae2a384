#pragma once
/* Who takes part: the gateway's keys and the identities of nodes, made once a process (keys are
 * slow, and what they are does not matter). */

#include "agent/link/identity.h"
#include "controller/trust/trust.h"

#define CAST_NODES 3

struct cast {
    struct trust *trust;
    struct identity *nodes[CAST_NODES]; /* enrolled: "node-<i>.<hash>" */
    struct key *stranger;               /* whom nobody trusts */
};
struct cast *cast_new(void);
void cast_free(struct cast *cast);

/* cmocka's set-up and tear-down of a group: *state is the struct cast. */
int cast_setup(void **state);
int cast_teardown(void **state);
