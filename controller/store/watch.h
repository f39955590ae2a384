#pragma once
/* Who watches what, and what each watch has still to be told before it is live. Delivery is the
 * loop's. */

#include "controller/store/item.h"

#include "common/base/list.h"

struct watch_event;

struct store_watch {
    struct list link;
    struct watchers *set;
    char *prefix;
    size_t prefix_len;
    int64_t last; /* the latest revision that was delivered or queued */
    store_watch_fn *fn;
    void *ctx;
    struct watch_event *queue; /* until it has caught up */
    size_t head, count, cap;
    struct list behind; /* of set->behind, while it catches up */
    bool dead;
};

struct watchers {
    struct loop *loop;
    struct list list;         /* of struct store_watch */
    struct list behind;       /* of struct store_watch: those that catch up, next first */
    struct loop_defer *defer; /* while there are any */
    int depth;                /* callbacks under way: the dead wait */
};

void watchers_init(struct watchers *set, struct loop *loop);
void watchers_done(struct watchers *set); /* frees every watch */
/* last: nothing of this revision or before is told by watchers_emit. Begins on the loop's next
 * turn, with what watch_queue is given until then. */
struct store_watch *watchers_add(struct watchers *set, const char *prefix, int64_t last,
                                 store_watch_fn *fn, void *ctx);
/* Takes references of its own. */
void watch_queue(struct store_watch *watch, struct item *item, struct item *previous);
/* A change has happened: told to everyone whom it concerns. */
void watchers_emit(struct watchers *set, struct item *item, struct item *previous);
