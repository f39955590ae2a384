#pragma once
/* The running agent: every part made and wired, in one place. */

#include "agent/limpetd/config.h"
#include "common/loop/loop.h"

struct node;

/* config_file: where config was read from; NULL: the default. Makes everything and starts it.
 * Errors are those of a wrong installation: whatever may pass by itself (no network, no gateway, a
 * broken desired state) is logged and the node runs on. */
nodiscard int node_new(struct loop *loop, const struct config *config, const char *config_file,
                       struct node **ret, struct err *err);
/* Before the loop ends: takes leave of the gateway, done is called when that is through (a second
 * at most, maybe at once). */
void node_stop(struct node *node, void (*done)(void *ctx), void *ctx);
/* The node's pods go on running. */
void node_free(struct node *node);
/* Reads the static manifests again. */
void node_reload(struct node *node);
