#pragma once
/* What a new gateway begins with: the namespaces that Kubernetes has, and the user admin. */

#include "controller/api/api.h"

struct bootstrap;

/* code 0, or the negative of an HTTP code with the first reason. Called once, from the loop. */
typedef void bootstrap_done_fn(void *ctx, int code, const char *message);

/* Creates default, kube-system, kube-public and kube-node-lease and the User admin where they
 * are missing. done may be
 * NULL. */
struct bootstrap *bootstrap_new(struct api *api, bootstrap_done_fn *done, void *ctx);
/* After done was called, or in the same turn of the loop as api_stop. NULL is fine. */
void bootstrap_free(struct bootstrap *bootstrap);
