#pragma once
/* What one node is told: gathers the manifests of its pods and what they read, signs the index over
 * them, and publishes manifests, then index, then the clearing of old ones. The last index is kept
 * in the store, so that a restarted gateway says the same bytes. */

#include "common/bus/index.h"
#include "controller/link/epoch.h"
#include "controller/link/outqueue.h"
#include "controller/api/api.h"

/* Keys in the store: "<SESSION_INDEXES><node>" is the node's last index as it was signed. */
#define SESSION_INDEXES "limpet.io/indexes//"

struct session;

struct session_world {
    struct loop *loop;
    struct api *api;
    struct store *store;
    struct outqueue *queue;
    const struct key *signer;  /* desired-state key */
    const struct epoch *epoch; /* looked at for each index; NULL: the first */
};

/* name: the Node object; node: its id; sealing: the node's public sealing key (taken). Silent until
 * session_begin. */
struct session *session_new(const struct session_world *world, const char *name, const char *node,
                            struct key *sealing);
void session_free(struct session *session);
/* Every pod of the node was told by session_pod: what is missing now is gone. Before, a node would
 * be told to end what was not read yet. */
void session_begin(struct session *session);

const char *session_node(const struct session *session);
const char *session_name(const struct session *session);
const struct key *session_sealing(const struct session *session);

/* A pod of this node changed or went (keyed by "namespace/name"). */
void session_pod(struct session *session, const char *ns, const char *name, bool gone);
/* A ConfigMap, Secret, claim or volume (ns NULL) changed; nothing happens unless a pod of the node
 * reads it. */
void session_source(struct session *session, const char *kind, const char *ns, const char *name);
/* A RuntimeClass came or went. */
void session_class(struct session *session, const char *name);
/* The labels of its Node changed. */
void session_labels(struct session *session);
/* The node is to remove what it holds of the volume, or (false) is not any more. */
void session_volume(struct session *session, const char *name, bool removed);
/* The broker retains this manifest for the node: cleared if the last index does not list it (a
 * gateway was killed, or the broker, before it was cleared). */
void session_retained(struct session *session, const struct topic *topic);
/* The broker may have lost everything, or the epoch is another: says it all again. */
void session_republish(struct session *session);
uint64_t session_generation(const struct session *session);
