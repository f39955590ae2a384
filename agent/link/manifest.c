/* "manifest": a static pod of this node, for the gateway to show. */

#include "agent/link/methods.h"
#include "agent/link/told.h"

#include <errno.h>

static int manifest_begin(struct stream *stream, const struct value *args, struct err *err)
{
    struct told *told = told_new(stream);
    if (agent_static_pod(stream_node(stream)->agent, value_get_str(args, "uid"), &told->text) < 0)
        return err_set(err, -ENOENT, "static pod %s/%s is not on this node", stream_ns(stream),
                       stream_pod(stream));
    told_send(stream);
    return 0;
}

const struct stream_method method_manifest = {
    .name = "manifest", .open = manifest_begin, .ready = told_send, .close = told_close};
