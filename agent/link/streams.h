#pragma once
/* The node's end of the controller's requests (common/bus/rpc.h): opens streams, sends under
 * credit, ends them. */

#include "agent/pod/agent.h"
#include "common/bus/bus.h"
#include "common/bus/envelope.h"

struct streams;

struct streams_spec {
    struct loop *loop;
    struct bus *bus;
    struct agent *agent;
    const char *node;
    const struct envelope_link *link; /* of this boot; borrowed for the call */
    const char
        *seq_file; /* on tmpfs: the counters survive a restart of the agent within the boot */
    struct disk *disk;
    void (*resync)(void *ctx); /* the gateway asks to be told everything again */
    void *ctx;
};
nodiscard int streams_new(const struct streams_spec *spec, struct streams **ret, struct err *err);
void streams_free(struct streams *streams);
/* A message on down/rpc/<id>. What is forged, replayed or malformed is dropped and logged. */
void streams_message(struct streams *streams, const char *id, const void *payload, size_t len);
/* The connection broke: every stream ends (its reader sees an error). */
void streams_reset(struct streams *streams);
/* The bus takes messages again (an acknowledgement came). */
void streams_resume(struct streams *streams);
/* A pod's containers ended: streams that follow its logs end after what is there. */
void streams_pod_gone(struct streams *streams, const char *ns, const char *name);
