/* "usage": what node and pods use of CPU and memory just now. Nothing of it is sent unasked. */

#include "agent/link/methods.h"
#include "agent/link/told.h"
#include "agent/pod/usage.h"
#include "common/data/json.h"

#include <errno.h>

static void answered(void *ctx, const struct value *answer)
{
    struct told *told = stream_state(ctx);
    if (!answer) {
        stream_end(ctx, 503, 0, "the node's agent ends");
        return;
    }
    (void)json_write(answer, &told->text);
    told_send(ctx);
}

static int usage_begin(struct stream *stream, const struct value *args, struct err *err)
{
    struct usage *usage = stream_node(stream)->usage;
    (void)args;
    if (!usage)
        return err_set(err, -EOPNOTSUPP, "this node does not count what is used");
    (void)told_new(stream);
    if (usage_ask(usage, answered, stream) < 0)
        return err_set(err, -EBUSY, "too many ask what this node uses");
    return 0;
}

static void usage_close(struct stream *stream)
{
    usage_forget(stream_node(stream)->usage, stream);
    told_close(stream);
}

const struct stream_method method_usage = {
    .name = "usage", .open = usage_begin, .ready = told_send, .close = usage_close};
