#pragma once
/* Live streams of pods (controller/server/pod_session.h), answered by their nodes: exec, attach and
 * port-forward as calls over the bus. Holds no bytes itself: what the node may send is what the
 * client took, and what the client may send is what the node takes. */

#include "controller/link/hub.h"
#include "controller/server/hooks.h"

struct podsessions;

struct podsessions *podsessions_new(struct hub *hub);
/* Those that are open end with an error: their clients hear of it. Before hub_free. */
void podsessions_free(struct podsessions *sessions);
/* As server_hooks.pod_dial; -ENOENT: the pod is another one by now. */
nodiscard int podsessions_dial(struct podsessions *sessions, const struct pod_dial *dial,
                               const struct pod_session_handler *handler, void *handler_ctx,
                               struct pod_session **ret, struct err *err);
