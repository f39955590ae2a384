#pragma once
/* The node's end of the controller's requests (common/bus/rpc.h): opens streams by a table of
 * methods, carries what they send and get under credit and in turns, ends them. */

#include "agent/link/stream.h"
#include "common/bus/bus.h"
#include "common/bus/envelope.h"

struct streams;

struct streams_spec {
    struct stream_node node;
    struct bus *bus;
    const char *node_id;
    const struct envelope_link *link; /* of this boot; borrowed for the call */
    const char
        *seq_file; /* on tmpfs: the counters survive a restart of the agent within the boot */
    struct disk *disk;
    /* A message that is of no stream and opens none. */
    void (*other)(void *ctx, const char *id, const struct envelope_got *got);
    void *ctx;
};
nodiscard int streams_new(const struct streams_spec *spec, struct streams **ret, struct err *err);
void streams_free(struct streams *streams);
/* A message on down/rpc/<id>. What is forged, replayed or malformed is dropped and logged. */
void streams_message(struct streams *streams, const char *id, const void *payload, size_t len);
/* A message of the node's own, on up/rpc/<id>; -ENOBUFS: the bus takes no more just now. */
nodiscard int streams_say(struct streams *streams, const char *id, const struct value *body);
/* The connection broke: every stream ends (its reader sees an error). */
void streams_reset(struct streams *streams);
/* Something that we published was acknowledged (of a stream or not): the bus takes more. */
void streams_acked(struct streams *streams, uint32_t id);
/* A pod's containers ended: streams that follow its logs end after what is there. */
void streams_pod_gone(struct streams *streams, const char *ns, const char *name);
