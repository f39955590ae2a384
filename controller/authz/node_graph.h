#pragma once
/* What the pods of each node refer to: what a node may be given of secrets, configuration, volumes
 * and identities. Pure. */

#include "common/data/value.h"

#include <stdbool.h>

/* Calls fn for everything a pod refers to in its namespace: resource ("secrets", "configmaps",
 * "persistentvolumeclaims", "serviceaccounts") and name, maybe several times. */
typedef void node_graph_ref_fn(void *ctx, const char *resource, const char *name);
void node_graph_refs(const struct value *pod, node_graph_ref_fn *fn, void *ctx);

struct node_graph;
struct node_graph *node_graph_new(void);
void node_graph_free(struct node_graph *graph);

/* As they are stored, in whatever shape; object NULL: it is gone. */
void node_graph_put_pod(struct node_graph *graph, const char *ns, const char *name,
                        const struct value *pod);
void node_graph_put_claim(struct node_graph *graph, const char *ns, const char *name,
                          const struct value *claim);

/* Whether a pod that is bound to the node refers to that object, or ("pods") is it. Of
 * "persistentvolumes" (ns ""): whether it is the volume of a claim that one does. */
bool node_graph_has(const struct node_graph *graph, const char *node, const char *resource,
                    const char *ns, const char *name);
