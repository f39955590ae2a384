#pragma once
/* How tokens of pods (agent/pod/tokens.h) are asked for: question and answer of podtoken.h. */

#include "agent/link/questions.h"
#include "agent/pod/tokens.h"

struct key;
struct token_asks;

/* All borrowed; node: this node's id; sealing: its key pair. From now on tokens are asked for here.
 */
struct token_asks *token_asks_new(struct tokens *tokens, struct questions *questions,
                                  const char *node, const struct key *sealing);
void token_asks_free(struct token_asks *token_asks); /* nobody is asked any more; NULL is fine */
