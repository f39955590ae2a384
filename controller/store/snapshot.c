#include "controller/store/snapshot.h"

#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A key that has changed since, and what was there then; NULL: nothing. */
struct old {
    const char *key;
    const struct item *item;
};

struct olds {
    const char *prefix, *start_after; /* start_after NULL: from the first */
    struct old *list;
    size_t count, cap;
};

static void gather(void *ctx, const struct history_event *event)
{
    struct olds *olds = ctx;
    const char *key = item_key(event->item);
    if (strncmp(key, olds->prefix, strlen(olds->prefix)) != 0 ||
        (olds->start_after && strcmp(key, olds->start_after) <= 0))
        return;
    if (olds->count == olds->cap) {
        olds->cap = olds->cap ? olds->cap * 2 : 64;
        olds->list = xreallocarray(olds->list, olds->cap, sizeof(*olds->list));
    }
    olds->list[olds->count++] = (struct old){key, event->previous};
}

/* By key; of one key the older version first, as they have come. */
static int by_key(const void *a, const void *b)
{
    const struct old *x = a, *y = b;
    int cmp = strcmp(x->key, y->key);
    int64_t rx = x->item ? x->item->mod_revision : 0, ry = y->item ? y->item->mod_revision : 0;
    return cmp ? cmp : (rx > ry) - (rx < ry);
}

/* Only what was there then stays, once. What came into being since has no version of then: its
 * first change has no previous one, and a key that was there then has one older than all others. */
static void reduce(struct olds *olds, int64_t revision)
{
    size_t kept = 0;
    if (olds->count > 1)
        qsort(olds->list, olds->count, sizeof(*olds->list), by_key);
    for (size_t i = 0; i < olds->count; i++) {
        const struct old *old = &olds->list[i];
        bool then = old->item && old->item->mod_revision <= revision;
        if (kept && strcmp(olds->list[kept - 1].key, old->key) == 0) {
            if (then)
                olds->list[kept - 1].item = old->item;
            continue;
        }
        olds->list[kept++] = (struct old){old->key, then ? old->item : NULL};
    }
    olds->count = kept;
}

static int show(const struct item *item, store_list_fn *fn, void *ctx)
{
    if (!item)
        return 0;
    struct store_item view = item_view(item);
    return fn(ctx, &view);
}

static int merge(const struct tree *tree, const struct olds *olds, store_list_fn *fn, void *ctx)
{
    const char *prefix = olds->prefix, *after = olds->start_after;
    size_t len = strlen(prefix), at = 0;
    struct tree_pos pos = tree_seek(tree, after ? after : prefix, after != NULL);
    int r = 0;
    for (const struct item *item; r == 0 && (item = tree_next(tree, &pos));) {
        const char *key = item_key(item);
        if (strncmp(key, prefix, len) != 0)
            break;
        int cmp = -1;
        while (r == 0 && at < olds->count && (cmp = strcmp(olds->list[at].key, key)) <= 0) {
            r = show(olds->list[at++].item, fn, ctx);
            if (cmp == 0)
                break;
        }
        if (r == 0 && !(at > 0 && strcmp(olds->list[at - 1].key, key) == 0))
            r = show(item, fn, ctx);
    }
    while (r == 0 && at < olds->count)
        r = show(olds->list[at++].item, fn, ctx);
    return r;
}

int snapshot_each(const struct tree *tree, const struct history *history, const char *prefix,
                  const char *start_after, int64_t revision, store_list_fn *fn, void *ctx)
{
    bool after = start_after && strcmp(start_after, prefix) >= 0;
    struct olds olds = {.prefix = prefix, .start_after = after ? start_after : NULL};
    if (revision < history_compacted(history, prefix) && !WEAKENED(SNAPSHOT_STALE))
        return -ESTALE;
    history_each(history, prefix, revision, gather, &olds);
    reduce(&olds, revision);
    int r = merge(tree, &olds, fn, ctx);
    free(olds.list);
    return r;
}
