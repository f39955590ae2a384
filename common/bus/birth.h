#pragma once
/* A node's birth and will (`up/online`, retained): JSON. The birth says which boot this is and what
 * the node is; the will says only that this boot's connection broke. A hint: beats decide. Pure. */

#include "common/base/buf.h"
#include "common/bus/topic.h"
#include "common/data/value.h"

#define BIRTH_VERSION 1
#define BIRTH_MAX (64 * 1024)
#define BIRTH_VOLUMES_MAX 64 /* told at once */
#define BIRTH_CIDR_MAX 63

struct birth {
    char node[TOPIC_NODE_MAX + 1];
    char boot[65];  /* boot id of the kernel, [A-Za-z0-9-] */
    char nonce[33]; /* of this connection: two at once are a cloned card */
    bool online;
    int beat_s;           /* the interval of its beats */
    struct value *status; /* birth: the Node's status (addresses, capacity, allocatable, nodeInfo,
                             daemon endpoints left out); owned; NULL in a will */
    struct value
        *labels; /* birth: kubernetes.io/hostname, kubernetes.io/arch, kubernetes.io/os; owned */
    char pod_cidr[BIRTH_CIDR_MAX + 1]; /* birth: what its pods get addresses of; "": not told */
    /* Names of PersistentVolumes that the node was to remove (local_volume.h) and of which nothing
     * is there any more; as long as its desired state lists them. Owned; NULL: none. */
    struct value *volumes_gone;
};
void birth_done(struct birth *birth);
CLEANUP_DEFINE_VALUE(struct birth, birth_done);
int birth_write(const struct birth *birth, struct buf *ret);
/* -EBADMSG, -ENOTSUP (version). node must be the topic's. A pod_cidr that is none is as not told.
 */
nodiscard int birth_read(const void *payload, size_t len, const char *node, struct birth *ret,
                         struct err *err);
