#pragma once
/* The topics of the bus (DESIGN.md section 3): one table, built and parsed by the same rows. What
 * comes from outside is checked piece by piece: no topic that parses holds '#', '+', NUL, an empty
 * level or a name that could be mistaken for something else. Pure. */

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define TOPIC_ROOT "limpet/v1/"
#define TOPIC_MAX 1023 /* bytes of a topic */
#define TOPIC_NODE_NAME_MAX 55
#define TOPIC_NODE_MAX 64 /* "<name>.<8 hex>": fits a certificate's common name */
#define TOPIC_USER_MAX 64
#define TOPIC_KIND_MAX 63
#define TOPIC_NS_MAX 63
#define TOPIC_NAME_MAX 253
#define TOPIC_DIGEST_LEN 64
#define TOPIC_ID_MAX 64
#define TOPIC_PATH_MAX (TOPIC_KIND_MAX + 1 + TOPIC_NS_MAX + 1 + TOPIC_NAME_MAX)
#define TOPIC_CLUSTER                                                                              \
    "_" /* stands for the namespace of what has none; never a namespace's name                     \
         */

enum topic_type {
    TOPIC_DESIRED,        /* limpet/v1/nodes/<node>/down/desired */
    TOPIC_MANIFEST,       /* limpet/v1/nodes/<node>/down/<kind>/<ns>/<name>/<digest> */
    TOPIC_DELTA,          /* limpet/v1/nodes/<node>/down/delta */
    TOPIC_LEASE,          /* limpet/v1/nodes/<node>/down/lease */
    TOPIC_TIME,           /* limpet/v1/nodes/<node>/down/time */
    TOPIC_RPC_DOWN,       /* limpet/v1/nodes/<node>/down/rpc/<id> */
    TOPIC_ONLINE,         /* limpet/v1/nodes/<node>/up/online */
    TOPIC_BEAT,           /* limpet/v1/nodes/<node>/up/beat */
    TOPIC_STATUS,         /* limpet/v1/nodes/<node>/up/status/<pod uid> */
    TOPIC_EVENTS,         /* limpet/v1/nodes/<node>/up/events */
    TOPIC_RPC_UP,         /* limpet/v1/nodes/<node>/up/rpc/<id> */
    TOPIC_ENROLL_REQUEST, /* limpet/v1/enroll/<token id>/request */
    TOPIC_ENROLL_REPLY,   /* limpet/v1/enroll/<token id>/reply */
    TOPIC_RENEW_REQUEST,  /* limpet/v1/renew/<node>/request */
    TOPIC_RENEW_REPLY,    /* limpet/v1/renew/<node>/reply */
    TOPIC_APPLY,          /* limpet/v1/users/<user>/apply */
    TOPIC_DELETE,         /* limpet/v1/users/<user>/delete */
    TOPIC_REPLY,          /* limpet/v1/users/<user>/reply */
    TOPIC_STATE,          /* limpet/v1/state/<kind>/<ns>/<name> */
    TOPIC_TYPE_COUNT,
};

/* Where a message goes or came from; only the fields of its type are used, the others are "". */
struct topic {
    enum topic_type type;
    char node[TOPIC_NODE_MAX + 1];
    char user[TOPIC_USER_MAX + 1];
    char kind[TOPIC_KIND_MAX + 1];
    char ns[TOPIC_NS_MAX + 1]; /* "_": cluster scope */
    char name[TOPIC_NAME_MAX + 1];
    char digest[TOPIC_DIGEST_LEN + 1]; /* lower-case hex */
    char id[TOPIC_ID_MAX + 1];         /* rpc id, pod uid or token id */
};

/* Writes the topic of `topic` into ret (terminated). -EINVAL if a field of its type is not well
 * formed. */
nodiscard int topic_build(const struct topic *topic, char ret[TOPIC_MAX + 1], struct err *err);
/* -EINVAL for whatever is not exactly one of the above. `text` need not be trusted. */
nodiscard int topic_parse(const char *text, struct topic *ret, struct err *err);
/* The PSK listeners of the broker put what their clients say and ask for below these mount points:
 * there a node publishes to "<token id>/request" and subscribes to "<token id>/reply" (topic +
 * strlen(mount)). */
#define TOPIC_ENROLL_MOUNT TOPIC_ROOT "enroll/"
#define TOPIC_RENEW_MOUNT TOPIC_ROOT "renew/"
/* As topic_parse for a message received there: brokers differ in whether they take the mount point
 * off again (mosquitto 2.0.11 does not). */
nodiscard int topic_parse_mounted(const char *mount, const char *text, struct topic *ret,
                                  struct err *err);
/* As topic_build, each empty or NULL field of the type as '+', for subscriptions: with `topic` all
 * zero but its type, "limpet/v1/nodes/+/up/beat". */
nodiscard int topic_filter(const struct topic *topic, char ret[TOPIC_MAX + 1], struct err *err);
/* The two filters of one node: everything told to it, everything it says. node "+" is allowed. */
nodiscard int topic_filter_down(const char *node, char ret[TOPIC_MAX + 1], struct err *err);
nodiscard int topic_filter_up(const char *node, char ret[TOPIC_MAX + 1], struct err *err);
/* The node below whose "nodes/<node>/" a topic lies, whatever stands behind; false if below none.
 */
bool topic_tree_node(const char *text, char ret[TOPIC_NODE_MAX + 1]);
/* MQTT 5 section 4.7: does the topic match the filter ('+', '#', '$' rules)? */
bool topic_matches(const char *filter, const char *topic);

/* "<name>.<8 lower-case hex digits>", name as Kubernetes' node names (RFC 1123 subdomain), <= 55
 * bytes. */
bool topic_node_valid(const char *node);
bool topic_node_name_valid(const char *name);
/* The id of a node from its name and its identity key's id (64 hex digits; the first 8 are taken).
 */
nodiscard int topic_node_id(const char *name, const char *key_id, char ret[TOPIC_NODE_MAX + 1],
                            struct err *err);
/* The name in a valid id: everything before the last dot. */
void topic_node_name(const char *node, char ret[TOPIC_NODE_NAME_MAX + 1]);
/* 1-64 of [A-Za-z0-9._@:-] beginning with a letter or digit, and not of a node id's form: the
 * broker's ACL substitutes the certificate's common name, so no user may ever be called as a node
 * could be. */
bool topic_user_valid(const char *user);
/* 1-32 of [a-z0-9]. */
bool topic_token_valid(const char *token_id);
/* 1-64 of [A-Za-z0-9_-] */
bool topic_id_valid(const char *id);

/* A manifest's path, the key of an index entry: "<kind>/<ns>/<name>", ns "_" for cluster scope. */
bool topic_path_valid(const char *path);
/* ns NULL or "" gives "_". -EINVAL. */
nodiscard int topic_path(const char *kind, const char *ns, const char *name,
                         char ret[TOPIC_PATH_MAX + 1], struct err *err);
/* The topic of the manifest `path` with this digest. -EINVAL. */
nodiscard int topic_of_manifest(const char *node, const char *path, const char *digest,
                                char ret[TOPIC_MAX + 1], struct err *err);
