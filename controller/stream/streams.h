#pragma once
/* The live streams that clients have open: exec, attach and port-forward, as WebSocket or SPDY, in
 * front of sessions with pods. */

#include "controller/server/hooks.h"
#include "common/loop/loop.h"

#define STREAMS_MAX 1000         /* on a gateway; one more is answered 429 */
#define STREAMS_MAX_PER_USER 250 /* likewise */

struct streams;
/* hooks are borrowed; pod_dial of them is what reaches pods. */
struct streams *streams_new(struct loop *loop, const struct server_hooks *hooks);
/* Ends all of them at once. Before server_free. */
void streams_free(struct streams *streams);

/* server_hooks.stream. */
void streams_serve(void *streams, struct http_request *request, const struct stream_ask *ask);
/* That user may not any more: ends what is open in that name. Returns how many there were. */
size_t streams_revoke(struct streams *streams, const char *user);
size_t streams_count(const struct streams *streams);
