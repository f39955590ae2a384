#pragma once
/* The log subresource of pods, answered by their nodes: joins the API server's sink with a call
 * over the bus. Credit flows back as the client takes the bytes, so a slow reader slows its own
 * stream and nothing else. */

#include "controller/link/hub.h"
#include "controller/server/hooks.h"

struct podlogs;

struct podlogs *podlogs_new(struct hub *hub);
/* In the turn of the loop in which the server is freed, before hub_free: what is open ends with the
 * server. */
void podlogs_free(struct podlogs *podlogs);
/* server_hooks.logs, with the podlogs as its ctx. */
void podlogs_open(void *ctx, const struct logs_query *query, struct logs_sink *sink);
