#pragma once
/* Log and why of pods, and what nodes pull ahead of them, answered by their nodes: joins the API
 * server's sink with a call over the bus. Credit flows back as the client takes the bytes, so a
 * slow reader slows its own stream and nothing else. */

#include "controller/link/hub.h"
#include "controller/server/hooks.h"

struct podstreams;

struct podstreams *podstreams_new(struct hub *hub);
/* In the turn of the loop in which the server is freed, before hub_free: what is open ends with the
 * server. */
void podstreams_free(struct podstreams *podstreams);
/* server_hooks.pod_stream, with the podstreams as its ctx. */
void podstreams_open(void *ctx, const struct pod_query *query, struct pod_sink *sink);
/* server_hooks.node_pull, likewise. */
void podstreams_pull(void *ctx, const struct node_pull *pull, struct pod_sink *sink);
/* server_hooks.pod_dial, with the podstreams as its ctx (podsessions.h). */
nodiscard int podstreams_dial(void *ctx, const struct pod_dial *dial,
                              const struct pod_session_handler *handler, void *handler_ctx,
                              struct pod_session **ret, struct err *err);
