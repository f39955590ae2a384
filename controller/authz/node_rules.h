#pragma once
/* What a node may ask of the API: its own object, and what the pods that are bound to it need
 * (https://kubernetes.io/docs/reference/access-authn-authz/node/). Pure. */

#include "controller/authz/node_graph.h"
#include "controller/authz/rbac_index.h"

/* The node that this user is ("system:node:pi-01" in the group system:nodes); NULL: none. Borrowed
 * from the user. */
const char *node_rules_name(const struct rbac_user *user);

struct node_ask {
    const char *node;
    struct rbac_ask what;
    const char *bound_to; /* of lists of pods: the node that spec.nodeName must be; NULL: any */
};
/* NULL: it may. Else why not, in Kubernetes' words ("" where there is nothing to say). The
 * caller's. */
char *node_rules_refusal(const struct node_graph *graph, const struct node_ask *ask);
