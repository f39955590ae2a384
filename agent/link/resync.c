/* "resync": the gateway asks to be told everything again. */

#include "agent/link/methods.h"

static int resync_begin(struct stream *stream, const struct value *args, struct err *err)
{
    const struct stream_node *node = stream_node(stream);
    (void)args;
    (void)err;
    node->resync(node->ctx);
    stream_end(stream, 0, 0, "");
    return 0;
}

const struct stream_method method_resync = {.name = "resync", .open = resync_begin};
