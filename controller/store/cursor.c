#include "controller/store/cursor.h"

#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct store_cursor {
    struct list link;
    struct cursors *set;
    char *prefix, *after; /* after NULL: from the first */
    struct item *last;    /* where it stands; NULL: at the beginning */
    struct tree old;      /* of what is ahead: versions of then that have been replaced since */
    size_t bytes;         /* of those */
    int64_t revision;
    bool lost;
};

void cursors_init(struct cursors *set, const struct tree *tree)
{
    *set = (struct cursors){.tree = tree};
    list_init(&set->list);
}

/* What is before this, or is this, has been read; NULL: nothing. */
static const char *place(const struct store_cursor *cursor)
{
    return cursor->last ? item_key(cursor->last) : cursor->after;
}

static void forget(struct store_cursor *cursor)
{
    tree_done(&cursor->old);
    cursor->set->bytes -= cursor->bytes;
    cursor->bytes = 0;
}

static void lose_one(struct cursors *set)
{
    struct store_cursor *most = NULL;
    struct list *it, *tmp;
    list_each(it, tmp, &set->list)
    {
        struct store_cursor *cursor = container_of(it, struct store_cursor, link);
        if (!most || cursor->bytes > most->bytes)
            most = cursor;
    }
    forget(most);
    most->lost = true;
}

static void see(struct store_cursor *cursor, const struct item *item, struct item *previous)
{
    const char *key = item_key(item), *at = place(cursor);
    /* Younger ones were not there then. */
    if (!previous || previous->mod_revision > cursor->revision || cursor->lost ||
        strncmp(key, cursor->prefix, strlen(cursor->prefix)) != 0 || (at && strcmp(key, at) <= 0) ||
        WEAKENED(CURSOR_KEEP))
        return;
    item_unref(tree_put(&cursor->old, item_ref(previous)));
    cursor->bytes += item_bytes(previous);
    cursor->set->bytes += item_bytes(previous);
    if (cursor->set->bytes > CURSORS_MAX_BYTES && !WEAKENED(CURSOR_BOUND))
        lose_one(cursor->set);
}

void cursors_see(struct cursors *set, const struct item *item, struct item *previous)
{
    struct list *it, *tmp;
    list_each(it, tmp, &set->list) see(container_of(it, struct store_cursor, link), item, previous);
}

static void see_event(void *ctx, const struct history_event *event)
{
    see(ctx, event->item, event->previous);
}

struct store_cursor *cursor_new(struct cursors *set, const struct history *history,
                                const char *prefix, const char *start_after, int64_t revision)
{
    struct store_cursor *cursor = xcalloc(1, sizeof(*cursor));
    bool after = start_after && strcmp(start_after, prefix) >= 0;
    cursor->set = set;
    cursor->prefix = xstrdup(prefix);
    cursor->after = after ? xstrdup(start_after) : NULL;
    cursor->revision = revision;
    tree_init(&cursor->old);
    list_append(&set->list, &cursor->link);
    history_each(history, prefix, revision, see_event, cursor);
    return cursor;
}

void store_cursor_free(struct store_cursor *cursor)
{
    if (!cursor)
        return;
    list_remove(&cursor->link);
    forget(cursor);
    item_unref(cursor->last);
    free(cursor->prefix);
    free(cursor->after);
    free(cursor);
}

/* The first item of a tree that is ahead and was there then; NULL: none. */
static struct item *ahead(const struct store_cursor *cursor, const struct tree *tree)
{
    const char *at = place(cursor);
    struct tree_pos pos = tree_seek(tree, at ? at : cursor->prefix, at != NULL);
    struct item *item;
    while ((item = tree_next(tree, &pos)) && item->mod_revision > cursor->revision)
        if (strncmp(item_key(item), cursor->prefix, strlen(cursor->prefix)) != 0)
            return NULL;
    bool in = item && strncmp(item_key(item), cursor->prefix, strlen(cursor->prefix)) == 0;
    return in ? item : NULL;
}

int store_cursor_next(struct store_cursor *cursor, struct store_item *ret)
{
    if (cursor->lost)
        return -ESTALE;
    struct item *next = ahead(cursor, cursor->set->tree), *old = ahead(cursor, &cursor->old);
    /* Never of one key: what has not changed since is not among the old ones. */
    bool is_old = old && (!next || strcmp(item_key(old), item_key(next)) < 0);
    if (is_old)
        next = old;
    if (!next)
        return -ENOENT;
    item_unref(cursor->last);
    cursor->last = item_ref(next);
    if (is_old) {
        cursor->bytes -= item_bytes(old);
        cursor->set->bytes -= item_bytes(old);
        item_unref(tree_del(&cursor->old, item_key(old)));
    }
    *ret = item_view(cursor->last);
    return 0;
}
