/* "usage": what node and pods use of CPU and memory just now. Nothing of it is sent unasked. */

#include "agent/link/methods.h"
#include "agent/pod/usage.h"
#include "common/base/mem.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdlib.h>

struct told {
    struct buf text; /* of the answer; empty until it is worked out */
    size_t sent;
};

static void send_rest(struct stream *stream)
{
    struct told *told = stream_state(stream);
    if (told->text.len == 0)
        return;
    while (told->sent < told->text.len) {
        size_t left = told->text.len - told->sent, room = stream_room(stream);
        size_t sent = stream_send(stream, RPC_STDOUT, (const char *)told->text.data + told->sent,
                                  left < room ? left : room);
        if (sent == 0)
            return; /* ready() brings us back */
        told->sent += sent;
    }
    stream_end(stream, 0, 0, "");
}

static void answered(void *ctx, const struct value *answer)
{
    struct told *told = stream_state(ctx);
    if (!answer) {
        stream_end(ctx, 503, 0, "the node's agent ends");
        return;
    }
    (void)json_write(answer, &told->text);
    send_rest(ctx);
}

static int usage_begin(struct stream *stream, const struct value *args, struct err *err)
{
    struct usage *usage = stream_node(stream)->usage;
    (void)args;
    if (!usage)
        return err_set(err, -EOPNOTSUPP, "this node does not count what is used");
    struct told *told = xcalloc(1, sizeof(*told));
    buf_init(&told->text, 0);
    stream_set_state(stream, told);
    if (usage_ask(usage, answered, stream) < 0)
        return err_set(err, -EBUSY, "too many ask what this node uses");
    return 0;
}

static void usage_close(struct stream *stream)
{
    struct told *told = stream_state(stream);
    usage_forget(stream_node(stream)->usage, stream);
    buf_done(&told->text);
    free(told);
}

const struct stream_method method_usage = {
    .name = "usage", .open = usage_begin, .ready = send_rest, .close = usage_close};
