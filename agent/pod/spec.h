#pragma once
/* The agent's projection of a Pod: what it decides by, beside the document itself. */

#include "common/data/value.h"

#include <stdbool.h>
#include <stdint.h>

#define POD_UID_LEN 36
#define POD_HASH_LEN 64

#define POD_PAUSED "limpet.io/paused"

struct pod_spec {
    struct value *object;  /* the whole Pod, checked and defaulted; owned */
    const char *ns, *name; /* borrowed from object */
    char uid[POD_UID_LEN + 1];
    char hash[POD_HASH_LEN + 1]; /* of what the launch plan is compiled from */
    bool is_static;
    bool paused;     /* its annotation POD_PAUSED is "true" */
    bool deleting;   /* metadata.deletionTimestamp is set */
    int64_t grace_s; /* how long its containers get to stop */
    bool host_network;
    bool user_namespace; /* hostUsers: false */
    uint32_t deadline_s; /* its activeDeadlineSeconds; 0: none */
};

/* Takes object (a Pod that passed schema_check and schema_default). A static pod gets the suffix
 * "-<node_name>" to its name and a uid from its content. -EINVAL (no usable uid: the object is
 * freed). */
nodiscard int pod_spec_new(struct value *object, const char *static_node_name,
                           struct pod_spec **ret, struct err *err);
void pod_spec_free(struct pod_spec *spec);

/* Whether this is the uid that a static pod of that content gets: told of a pod whose manifest
 * cannot be read any more, whatever its name looks like. hash as in struct pod_spec. */
bool pod_uid_is_static(const char *uid, const char *ns, const char *name, const char *hash);

/* spec.containers; never NULL for a checked pod. */
const struct value *pod_spec_containers(const struct pod_spec *spec);

/* The user that all its containers and init containers run as by their manifest; -1: there is no
 * one such user. */
int64_t pod_spec_user(const struct pod_spec *spec);

CLEANUP_DEFINE(struct pod_spec, pod_spec_free);
