/* "why": what keeps a pod from running. */

#include "agent/link/methods.h"

#include <errno.h>

static int why_begin(struct stream *stream, const struct value *args, struct err *err)
{
    (void)args;
    cleanup(buf_done) struct buf text;
    buf_init(&text, RPC_MAX_CHUNK);
    if (agent_why(stream_node(stream)->agent, stream_ns(stream), stream_pod(stream), &text) < 0)
        return err_set(err, -ENOENT, "pod %s/%s is not on this node", stream_ns(stream),
                       stream_pod(stream));
    if (stream_send(stream, RPC_STDOUT, buf_str(&text), text.len) < text.len)
        return err_set(err, -EBUSY, "the node's connection is busy, try again");
    stream_end(stream, 0, 0, "");
    return 0;
}

const struct stream_method method_why = {.name = "why", .open = why_begin};
