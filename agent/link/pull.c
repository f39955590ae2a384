/* "pull": images wanted on the node ahead of the pods; "pulls": how it goes with them. Both are
 * answered at once. */

#include "agent/image/prepulls.h"
#include "agent/link/methods.h"
#include "agent/link/told.h"
#include "common/data/json.h"

#include <errno.h>

static int tell(struct stream *stream, const struct value *images, struct err *err)
{
    cleanup(value_free) struct value *answer = NULL;
    int rc = prepulls_tell(stream_node(stream)->prepulls, images, &answer, err);
    if (rc < 0)
        return rc;
    struct told *told = told_new(stream);
    (void)json_write(answer, &told->text);
    told_send(stream);
    return 0;
}

static int pulls_begin(struct stream *stream, const struct value *args, struct err *err)
{
    if (!stream_node(stream)->prepulls)
        return err_set(err, -EOPNOTSUPP, "this node pulls for its pods alone");
    return tell(stream, value_get(args, "images"), err);
}

static int pull_begin(struct stream *stream, const struct value *args, struct err *err)
{
    const struct value *images = value_get(args, "images");
    struct prepulls *prepulls = stream_node(stream)->prepulls;
    int rc = prepulls ? prepulls_order(prepulls, images, err) : 0;
    return rc < 0 ? rc : pulls_begin(stream, args, err);
}

/* One that was refused has nothing to say. */
static void pull_ready(struct stream *stream)
{
    if (stream_state(stream))
        told_send(stream);
}

static void pull_close(struct stream *stream)
{
    if (stream_state(stream))
        told_close(stream);
}

const struct stream_method method_pull = {
    .name = "pull", .open = pull_begin, .ready = pull_ready, .close = pull_close};
const struct stream_method method_pulls = {
    .name = "pulls", .open = pulls_begin, .ready = pull_ready, .close = pull_close};
