#pragma once
/* Which tokens a node may have: of the pods that are bound to it, as these pods' projected volumes
 * name them. The one rule for those that ask the API and those that ask over the bus. */

#include "controller/auth/sa_tokens.h"

/* NULL, or the Status (403) of why the node, a Node object's name, gets no such token. */
struct value *node_tokens_refusal(struct api *api, const char *node,
                                  const struct sa_request *request);
