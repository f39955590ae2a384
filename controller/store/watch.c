#include "controller/store/watch.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <stdlib.h>
#include <string.h>

/* What all watches that catch up are told in one turn of the loop, together. */
#define TURN_MAX 256
#define TURN_NS (2 * NS_PER_MS)

struct watch_event {
    struct item *item, *previous;
};

void watchers_init(struct watchers *set, struct loop *loop)
{
    *set = (struct watchers){.loop = loop};
    list_init(&set->list);
    list_init(&set->behind);
}

static void destroy(struct store_watch *watch)
{
    for (; watch->count; watch->count--, watch->head++) {
        item_unref(watch->queue[watch->head].item);
        item_unref(watch->queue[watch->head].previous);
    }
    list_remove(&watch->behind);
    list_remove(&watch->link);
    free(watch->queue);
    free(watch->prefix);
    free(watch);
}

void watchers_done(struct watchers *set)
{
    struct list *it, *tmp;
    list_each(it, tmp, &set->list) destroy(container_of(it, struct store_watch, link));
    loop_defer_free(steal(set->defer));
}

static void leave(struct watchers *set)
{
    struct list *it, *tmp;
    if (--set->depth)
        return;
    list_each(it, tmp, &set->list)
    {
        struct store_watch *watch = container_of(it, struct store_watch, link);
        if (watch->dead)
            destroy(watch);
    }
}

static void tell(struct store_watch *watch, struct item *item, struct item *previous)
{
    struct store_item now = item_view(item), before;
    struct store_event event = {
        .type = item->tombstone ? STORE_DELETE : STORE_PUT,
        .item = &now,
    };
    if (previous) {
        before = item_view(previous);
        event.previous = &before;
    }
    watch->fn(watch->ctx, &event);
}

/* The next event of one watch; it is live with its last. */
static void step(struct store_watch *watch)
{
    struct watchers *set = watch->set;
    struct watch_event event = {0};
    list_remove(&watch->behind);
    if (watch->count) {
        event = watch->queue[watch->head++];
        watch->count--;
    }
    if (watch->count) {
        list_append(&set->behind, &watch->behind);
    } else {
        free(steal(watch->queue));
        watch->head = watch->cap = 0;
    }
    if (!event.item)
        return;
    tell(watch, event.item, event.previous);
    item_unref(event.item);
    item_unref(event.previous);
}

/* Who began together goes on in step: they are told of the same object one after the other, which
 * is then decoded once. */
static void catch_up(void *ctx)
{
    struct watchers *set = ctx;
    int64_t end = loop_now(set->loop) + TURN_NS;
    set->defer = NULL;
    set->depth++;
    for (int i = 0; i < TURN_MAX && !list_empty(&set->behind); i++) {
        step(container_of(set->behind.next, struct store_watch, behind));
        if (loop_now(set->loop) >= end && !WEAKENED(WATCH_TURN))
            break;
    }
    leave(set);
    if (!list_empty(&set->behind) && !set->defer)
        set->defer = loop_defer(set->loop, catch_up, set);
}

struct store_watch *watchers_add(struct watchers *set, const char *prefix, int64_t last,
                                 store_watch_fn *fn, void *ctx)
{
    struct store_watch *watch = xcalloc(1, sizeof(*watch));
    watch->set = set;
    watch->prefix = xstrdup(prefix);
    watch->prefix_len = strlen(prefix);
    watch->last = last;
    watch->fn = fn;
    watch->ctx = ctx;
    list_append(&set->list, &watch->link);
    list_append(&set->behind, &watch->behind);
    if (!set->defer)
        set->defer = loop_defer(set->loop, catch_up, set);
    return watch;
}

static bool is_behind(const struct store_watch *watch)
{
    return watch->behind.next;
}

static bool concerns(const struct store_watch *watch, const struct item *item)
{
    return strncmp(item_key(item), watch->prefix, watch->prefix_len) == 0;
}

void watch_queue(struct store_watch *watch, struct item *item, struct item *previous)
{
    if (!concerns(watch, item))
        return;
    if (watch->head + watch->count == watch->cap) {
        watch->cap = watch->cap ? watch->cap * 2 : 16;
        watch->queue = xreallocarray(watch->queue, watch->cap, sizeof(*watch->queue));
    }
    watch->queue[watch->head + watch->count] =
        (struct watch_event){.item = item_ref(item), .previous = item_ref(previous)};
    watch->count++;
}

void watchers_emit(struct watchers *set, struct item *item, struct item *previous)
{
    struct list *it, *tmp;
    set->depth++;
    list_each(it, tmp, &set->list)
    {
        struct store_watch *watch = container_of(it, struct store_watch, link);
        if (watch->dead || watch->last >= item->mod_revision || !concerns(watch, item))
            continue;
        watch->last = item->mod_revision;
        if (is_behind(watch))
            watch_queue(watch, item, previous);
        else
            tell(watch, item, previous);
    }
    leave(set);
}

bool store_watch_is_live(const struct store_watch *watch)
{
    return !is_behind(watch);
}

void store_watch_free(struct store_watch *watch)
{
    if (!watch || watch->dead)
        return;
    if (!watch->set->depth) {
        destroy(watch);
        return;
    }
    watch->dead = true;
    list_remove(&watch->behind);
}
