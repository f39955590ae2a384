#pragma once
/* The gateway's side of the bus: a session a node, the messages of nodes and people given to whom
 * they are for. Controllers and servers see nodes only through here. */

#include "common/bus/bus.h"
#include "controller/broker/broker.h"
#include "controller/link/calls.h"
#include "controller/link/epoch.h"
#include "controller/reconcile/nodes.h"
#include "controller/reconcile/recorder.h"
#include "controller/api/api.h"
#include "controller/trust/trust.h"

struct authn;
struct hub;
struct sa_tokens;

struct hub_spec {
    struct loop *loop;
    struct api *api;
    struct store *store;
    struct bus *bus;       /* borrowed; started and stopped by the hub */
    struct broker *broker; /* NULL: an external one */
    struct nodes *nodes;
    struct recorder *recorder;
    const struct trust *trust;
    struct rng *rng;
    struct authn *authn;      /* borrowed: as whom people are known */
    struct audit *audit;      /* borrowed; NULL: there is no trail */
    struct sa_tokens *tokens; /* borrowed: of pods' ServiceAccounts; NULL: nodes get none */
};
nodiscard int hub_new(const struct hub_spec *spec, struct hub **ret, struct err *err);
nodiscard int hub_start(struct hub *hub, struct err *err);
/* Takes leave of the broker; done is called when that is through, a second at most, maybe at once.
 */
void hub_stop(struct hub *hub, void (*done)(void *ctx), void *ctx);
/* In the same turn of the loop as api_stop, before it. */
void hub_free(struct hub *hub);

/* Since when nodes are told what they are told. */
const struct epoch *hub_epoch(const struct hub *hub);
/* After a restore: pods that nodes keep and the gateway does not know, as strays_list gives them.
 */
struct value *hub_kept(const struct hub *hub);
/* After a restore: what nodes kept, and the gateway still does not know, goes. Done when that is on
 * disk (0), or with what the store gave; never from inside the call. */
typedef void hub_settled_fn(void *ctx, int code);
void hub_settle(struct hub *hub, hub_settled_fn *done, void *ctx);

/* A stream from the node that a pod is bound to. args gets namespace, pod and uid; has it a uid
 * already, the pod must be that one. 404, 400, 429, 503 as HTTP codes, negative, with the reason.
 */
nodiscard int hub_call_pod(struct hub *hub, const char *ns, const char *pod, const char *method,
                           struct value *args, const struct call_handler *handler, void *ctx,
                           struct call **ret, struct err *err);
/* One from a node itself, by the name of its Node object; refuses as hub_call_pod does. args (NULL:
 * none) is completed. */
nodiscard int hub_call_node(struct hub *hub, const char *name, const char *method,
                            struct value *args, const struct call_handler *handler, void *ctx,
                            struct call **ret, struct err *err);
