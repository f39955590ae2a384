#pragma once
/* What makes the messages of rpc.h those of this node's gateway and of this boot: their envelopes,
 * with counters that survive a restart of the agent. */

#include "common/bus/envelope.h"
#include "common/fs/disk.h"

struct rpcline;

/* counters: a file on tmpfs. The link is borrowed for the call. */
nodiscard int rpcline_new(const struct envelope_link *link, struct disk *disk, const char *counters,
                          struct rpcline **ret, struct err *err);
void rpcline_free(struct rpcline *line);
/* The payload of a message up. */
nodiscard int rpcline_write(struct rpcline *line, const struct envelope_msg *msg, struct buf *ret,
                            struct err *err);
/* As envelope_read; -ESTALE: answer with a hint. */
nodiscard int rpcline_read(struct rpcline *line, const char *channel, const void *payload,
                           size_t len, struct envelope_got *ret, struct err *err);
/* What was read must not be obeyed twice, not even by an agent that is killed now. */
void rpcline_keep(struct rpcline *line);
nodiscard int rpcline_hint(struct rpcline *line, int64_t time_ns, struct buf *ret, struct err *err);
