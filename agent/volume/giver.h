#pragma once
/* Gives large volumes to their pods (gift.h) in processes of their own, a folder each, so that
 * nothing else waits for the walk. They end with who began them. The folder itself comes last, and
 * says that all is done: whoever ends before, a process, the agent, the node, has done nothing that
 * counts, and the next one begins anew. */

#include "agent/volume/gift.h"
#include "common/loop/loop.h"

#include <stdbool.h>

struct giver;

/* gift_give, of which left is counted down for those that wait; called in the process. */
typedef int giver_give_fn(const struct gift *gift, size_t *left, struct err *err);
/* One has ended, well or not: whoever waits may ask again. */
typedef void giver_done_fn(void *ctx);

struct giver *giver_new(struct loop *loop, giver_give_fn *give, giver_done_fn *done, void *ctx);
void giver_free(struct giver *giver); /* ends those that run */
struct giver_pod {
    const char *uid, *ns;
};
/* Begins with what is not given yet. -EINPROGRESS: the folder is being given, to this pod or to
 * another, or GIVER_MAX others are, or GIVER_OF_NS of the pod's namespace, so that those of one
 * keep not all others waiting, or one of it, and the last place is for a namespace that has none:
 * ask again when done() was called. The message says once a minute how far it is.
 * Another negative errno: what came of it since this pod waits for it, once; the next call begins
 * anew; never -EAGAIN. Never 0: ask giver_has_given, then the folder. err is not NULL. */
#define GIVER_MAX 4
#define GIVER_OF_NS 2
nodiscard int giver_give(struct giver *giver, const struct giver_pod *pod, const struct gift *gift,
                         struct err *err);
/* It was given to this pod, which waited for it, to the end. That counts whatever the folder says:
 * there are file systems that keep no owners or labels, and pods that take it from each other. */
bool giver_has_given(const struct giver *giver, const char *uid, const struct gift *gift);
/* The pod waits no more: it has its volumes, or will have none. What runs goes on. giver may be
 * NULL. */
void giver_forget(struct giver *giver, const char *uid);
