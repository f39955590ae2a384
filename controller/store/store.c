#include "controller/store/store.h"

#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/weaken.h"
#include "common/fs/disk.h"
#include "controller/store/cursor.h"
#include "controller/store/history.h"
#include "controller/store/leases.h"
#include "controller/store/pending.h"
#include "controller/store/sqlite.h"
#include "controller/store/tree.h"
#include "controller/store/watch.h"
#include "controller/store/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Revisions are reserved on disk in blocks of this; a crash skips the rest of one. */
#define RESERVE_BLOCK INT64_C(1000000)
#define HISTORY_EVENTS 10000
#define HISTORY_BYTES ((size_t)16 * 1024 * 1024)

/* A write that was handed over. All of them, those that fail their precondition and volatile ones
 * too, stand in one queue and are reported in its order: revisions become visible in their order.
 */
struct op {
    struct writer_op write; /* lent to the writer, if durable */
    struct list link;       /* of store->queue; in no list once dead */
    struct item *item; /* the new version or a tombstone; NULL: a failed precondition, or reserve */
    int code;
    bool ready;   /* code is final */
    bool writing; /* the writer has it, or will */
    bool dead;    /* was reported as failed already; freed when the writer gives it back */
    store_done_fn *done;
    void *ctx;
};

struct store {
    struct loop *loop;
    struct sqlite *db; /* NULL: in memory only */
    struct writer *writer;
    struct loop_io *io;
    struct loop_defer *defer;

    struct tree tree;
    struct history history;
    struct pending pending;
    struct watchers watchers;
    struct cursors cursors;
    struct leases leases;

    struct list queue;              /* of struct op */
    struct writer_op *first, *last; /* for the writer, at the end of this turn of the loop */
    size_t queued_bytes;
    size_t bytes; /* of the items in the tree */
    uint32_t epoch;
    bool fenced;

    int64_t revision;       /* latest visible */
    int64_t assigned;       /* latest given to a write */
    int64_t reserved;       /* asked for on disk */
    int64_t reserved_known; /* on disk */
    int64_t last_row;
};

static struct op *op_of(struct writer_op *write)
{
    return container_of(write, struct op, write);
}

static void op_free(struct op *op)
{
    item_unref(op->item);
    free(op);
}

/* Reporting */

static void apply(struct store *store, struct item *item)
{
    struct item *previous = item->tombstone ? tree_del(&store->tree, item_key(item))
                                            : tree_put(&store->tree, item_ref(item));
    store->revision = item->mod_revision;
    store->bytes += item->tombstone ? 0 : item_bytes(item);
    store->bytes -= previous ? item_bytes(previous) : 0;
    leases_change(&store->leases, item, previous);
    history_push(&store->history, item, previous);
    cursors_see(&store->cursors, item, previous);
    watchers_emit(&store->watchers, item, previous);
    item_unref(previous);
}

static void report(struct op *op, int code)
{
    if (op->done)
        op->done(op->ctx, code, code == 0 ? op->item->mod_revision : 0);
}

static void finish(struct store *store, struct op *op)
{
    list_remove(&op->link);
    if (op->item) {
        pending_drop(&store->pending, item_key(op->item));
        store->queued_bytes -= item_bytes(op->item);
        apply(store, op->item);
    } else if (op->code == 0) {
        store->reserved_known = op->write.number;
    }
    report(op, op->code);
    op_free(op);
    leases_settle(&store->leases);
}

/* A transaction failed: so does everything behind it, which may rest on it; the index is the truth.
 */
static void fail_all(struct store *store, int code)
{
    struct list failed, *it, *tmp;
    list_init(&failed);
    list_each(it, tmp, &store->queue)
    {
        list_remove(it);
        list_append(&failed, it);
    }
    pending_clear(&store->pending);
    store->queued_bytes = 0;
    store->reserved = store->reserved_known;
    store->epoch++;
    store->fenced = store->fenced || (code != -ENOSPC && !WEAKENED(STORE_FENCE));

    list_each(it, tmp, &failed)
    {
        struct op *op = container_of(it, struct op, link);
        list_remove(it);
        report(op, code);
        op->dead = true;
        if (!op->writing || op->ready)
            op_free(op);
    }
}

static void drain(struct store *store)
{
    while (!list_empty(&store->queue)) {
        struct op *op = container_of(store->queue.next, struct op, link);
        if (!op->ready)
            return;
        if (op->writing && op->code < 0)
            fail_all(store, op->code);
        else
            finish(store, op);
    }
}

static void on_written(void *ctx, int fd, uint32_t events)
{
    struct store *store = ctx;
    (void)fd;
    (void)events;
    for (struct writer_op *write = writer_take(store->writer), *next; write; write = next) {
        struct op *op = op_of(write);
        next = write->next;
        if (op->dead) {
            op_free(op);
            continue;
        }
        op->code = write->code;
        op->ready = true;
    }
    drain(store);
}

/* Handing over */

static void flush(struct store *store)
{
    if (store->first)
        writer_push(store->writer, store->first, store->last);
    store->first = store->last = NULL;
}

/* At the end of the turn: what one turn of the loop wrote is one transaction. */
static void on_turn(void *ctx)
{
    struct store *store = ctx;
    store->defer = NULL;
    flush(store);
    drain(store);
}

static void enqueue(struct store *store, struct op *op)
{
    list_append(&store->queue, &op->link);
    if (!store->defer)
        store->defer = loop_defer(store->loop, on_turn, store);
}

static void to_writer(struct store *store, struct op *op, enum writer_kind kind)
{
    if (!store->db) {
        op->ready = true;
        return;
    }
    op->writing = true;
    op->write.kind = kind;
    op->write.item = op->item;
    op->write.epoch = store->epoch;
    if (store->last)
        store->last->next = &op->write;
    else
        store->first = &op->write;
    store->last = &op->write;
}

static void reserve_ahead(struct store *store)
{
    if (store->assigned + RESERVE_BLOCK / 2 < store->reserved || !store->db ||
        WEAKENED(STORE_RESERVE))
        return;
    struct op *op = xcalloc(1, sizeof(*op));
    store->reserved = store->assigned + RESERVE_BLOCK;
    op->write.number = store->reserved;
    to_writer(store, op, WRITER_RESERVE);
    enqueue(store, op);
}

static int check(const struct store *store, const char *key, size_t len)
{
    size_t key_len = strlen(key);
    if (store->fenced)
        return -EIO;
    if (!key_len)
        return -EINVAL;
    if (key_len > STORE_MAX_KEY || len > STORE_MAX_VALUE)
        return -EMSGSIZE;
    if (store->queued_bytes + key_len + len > STORE_MAX_QUEUED)
        return -ENOBUFS;
    return 0;
}

static void write_item(struct store *store, struct op *op, struct pending_state state, bool durable)
{
    struct item *item = op->item;
    reserve_ahead(store);
    item->mod_revision = ++store->assigned;
    item->create_revision = state.exists ? state.create_revision : item->mod_revision;
    item->row = state.row;
    if (durable && !item->row)
        item->row = ++store->last_row;

    pending_add(&store->pending, item_key(item),
                &(struct pending_state){
                    .exists = !item->tombstone,
                    .create_revision = item->create_revision,
                    .mod_revision = item->mod_revision,
                    .row = item->tombstone ? 0 : item->row,
                });
    if (!durable) {
        op->ready = true;
    } else {
        op->write.number = item->row;
        to_writer(store, op, item->tombstone ? WRITER_DELETE : WRITER_PUT);
    }
    store->queued_bytes += item_bytes(item);
    enqueue(store, op);
}

static struct op *refuse(struct store *store, struct op *op, int code)
{
    op->code = code;
    op->ready = true;
    enqueue(store, op);
    return op;
}

static void put(struct store *store, enum store_class class, int lease, const char *key,
                const void *value, size_t len, int64_t expect, store_done_fn *done, void *ctx)
{
    struct op *op = xcalloc(1, sizeof(*op));
    op->done = done;
    op->ctx = ctx;
    struct pending_state state = pending_lookup(&store->pending, key, tree_get(&store->tree, key));
    int code = check(store, key, len);
    if (code == 0)
        code = pending_check(&state, expect);
    if (code < 0) {
        refuse(store, op, code);
        return;
    }
    op->item = item_new(key, len ? value : "", len);
    op->item->lease = (uint8_t)lease;
    write_item(store, op, state, class == STORE_DURABLE);
}

void store_put(struct store *store, enum store_class class, const char *key, const void *value,
               size_t len, int64_t expect, store_done_fn *done, void *ctx)
{
    put(store, class, 0, key, value, len, expect, done, ctx);
}

void store_put_leased(struct store *store, int lease, const char *key, const void *value,
                      size_t len, int64_t expect, store_done_fn *done, void *ctx)
{
    put(store, STORE_VOLATILE, lease, key, value, len, expect, done, ctx);
}

void store_delete(struct store *store, const char *key, int64_t expect, store_done_fn *done,
                  void *ctx)
{
    struct op *op = xcalloc(1, sizeof(*op));
    op->done = done;
    op->ctx = ctx;
    struct pending_state state = pending_lookup(&store->pending, key, tree_get(&store->tree, key));
    int code = check(store, key, 0);
    if (code == 0)
        code = pending_check(&state, expect);
    if (code == 0 && !state.exists)
        code = -ENOENT;
    if (code < 0) {
        refuse(store, op, code);
        return;
    }
    op->item = item_new(key, NULL, 0);
    write_item(store, op, state, state.row != 0);
}

static void end_leased(void *ctx, const struct item *item, store_done_fn *done, void *done_ctx)
{
    store_delete(ctx, item_key(item), item->mod_revision, done, done_ctx);
}

int store_grant(struct store *store, const struct store_lease *terms)
{
    return leases_grant(&store->leases, terms);
}

/* Reading */

int64_t store_revision(const struct store *store)
{
    return store->revision;
}

int64_t store_compacted(const struct store *store, const char *prefix)
{
    return history_compacted(&store->history, prefix);
}

int store_get(struct store *store, const char *key, struct store_item *ret)
{
    const struct item *item = tree_get(&store->tree, key);
    if (!item)
        return -ENOENT;
    *ret = item_view(item);
    return 0;
}

int store_list(struct store *store, const char *prefix, const char *start_after, store_list_fn *fn,
               void *ctx)
{
    size_t len = strlen(prefix);
    bool after = start_after && strcmp(start_after, prefix) >= 0;
    struct tree_pos pos = tree_seek(&store->tree, after ? start_after : prefix, after);
    for (const struct item *item; (item = tree_next(&store->tree, &pos));) {
        if (strncmp(item_key(item), prefix, len) != 0)
            break;
        struct store_item view = item_view(item);
        int r = fn(ctx, &view);
        if (r)
            return r;
    }
    return 0;
}

int store_cursor_new(struct store *store, const char *prefix, const char *start_after,
                     int64_t revision, struct store_cursor **ret)
{
    bool stale = revision < store_compacted(store, prefix) || revision > store->revision;
    if (stale && !WEAKENED(CURSOR_STALE))
        return -ESTALE;
    *ret = cursor_new(&store->cursors, &store->history, prefix, start_after, revision);
    return 0;
}

size_t store_count(struct store *store, const char *prefix)
{
    return tree_count(&store->tree, prefix);
}

void store_stats(const struct store *store, struct store_stats *ret)
{
    *ret = (struct store_stats){
        .bytes = store->bytes, .queued_bytes = store->queued_bytes, .fenced = store->fenced};
    if (store->writer)
        writer_stats(store->writer, &ret->commits, &ret->full);
}

static void queue_present(struct store *store, struct store_watch *watch, const char *prefix)
{
    size_t len = strlen(prefix);
    struct tree_pos pos = tree_seek(&store->tree, prefix, false);
    for (struct item *item; (item = tree_next(&store->tree, &pos));) {
        if (strncmp(item_key(item), prefix, len) != 0)
            break;
        watch_queue(watch, item, NULL);
    }
}

static void queue_event(void *ctx, const struct history_event *event)
{
    watch_queue(ctx, event->item, event->previous);
}

int store_watch(struct store *store, const char *prefix, int64_t from, store_watch_fn *fn,
                void *ctx, struct store_watch **ret)
{
    bool stale = from != 0 && (from < store_compacted(store, prefix) || from > store->revision);
    if (stale && !WEAKENED(STORE_WATCH_STALE))
        return -ESTALE;
    struct store_watch *watch = watchers_add(&store->watchers, prefix, store->revision, fn, ctx);
    if (from == 0)
        queue_present(store, watch, prefix);
    else
        history_each(&store->history, prefix, from, queue_event, watch);
    *ret = watch;
    return 0;
}

/* Snapshots */

struct store_snapshot {
    int64_t revision;
    size_t count;
    struct item *items[];
};

struct store_snapshot *store_snapshot_new(struct store *store)
{
    size_t all = tree_count(&store->tree, "");
    struct store_snapshot *snapshot =
        xcalloc(1, sizeof(*snapshot) + all * sizeof(snapshot->items[0]));
    snapshot->revision = store->revision;
    struct tree_pos pos = tree_seek(&store->tree, "", false);
    for (struct item *item; (item = tree_next(&store->tree, &pos));)
        if (item->row) /* a row is on the disk, even where a volatile version lies over it */
            snapshot->items[snapshot->count++] = item_ref(item);
    return snapshot;
}

void store_snapshot_free(struct store_snapshot *snapshot)
{
    for (size_t i = 0; snapshot && i < snapshot->count; i++)
        item_unref(snapshot->items[i]);
    free(snapshot);
}

int64_t store_snapshot_revision(const struct store_snapshot *snapshot)
{
    return snapshot->revision;
}

size_t store_snapshot_count(const struct store_snapshot *snapshot)
{
    return snapshot->count;
}

struct store_item store_snapshot_at(const struct store_snapshot *snapshot, size_t i)
{
    return item_view(snapshot->items[i]);
}

/* Opening and closing */

struct loading {
    struct store *store;
    const char *path;
    struct item *doubled;
};

static void on_row(void *ctx, struct item *item)
{
    struct loading *loading = ctx;
    struct store *store = loading->store;
    if (item->row > store->last_row)
        store->last_row = item->row;
    if (item->mod_revision > store->revision)
        store->revision = item->mod_revision;
    store->bytes += item_bytes(item);
    struct item *old = tree_put(&store->tree, item);
    if (!loading->doubled)
        loading->doubled = old;
    else
        item_unref(old);
}

static int load(struct store *store, const char *path, struct err *err)
{
    struct loading loading = {.store = store, .path = path};
    int r = sqlite_load(store->db, on_row, &loading, err);
    if (r == 0 && loading.doubled)
        r = err_set(err, -EBADMSG,
                    "store %s: two rows for %.80s: move it away and restore a backup", path,
                    item_key(loading.doubled));
    item_unref(loading.doubled);
    return r;
}

static int reserve_now(struct store *store, int64_t revision)
{
    int code = sqlite_begin(store->db);
    if (code == 0)
        code = sqlite_reserve(store->db, revision);
    if (code == 0)
        code = sqlite_commit(store->db);
    if (code < 0)
        sqlite_rollback(store->db);
    else
        store->reserved = store->reserved_known = revision;
    return code;
}

/* A revision that no earlier life of the store gave out: whoever watched then lists again. A full
 * disk does not keep the store from being read. */
static int begin_life(struct store *store, const char *path, struct err *err)
{
    int64_t known = sqlite_reserved(store->db);
    if (known > store->revision)
        store->revision = known;
    store->revision++;
    store->reserved = store->reserved_known = known;
    int r = WEAKENED(STORE_RESERVE) ? 0 : reserve_now(store, store->revision + RESERVE_BLOCK);
    if (r < 0 && r != -ENOSPC)
        return err_set(err, r, "store %s: cannot be written: %s", path, strerror(-r));
    return 0;
}

static int open_disk(struct store *store, const struct store_medium *medium, const char *path,
                     struct err *err)
{
    int r = sqlite_open(medium, path, &store->db, err);
    if (r == 0)
        r = load(store, path, err);
    if (r == 0)
        r = begin_life(store, path, err);
    if (r == 0)
        r = writer_new(store->db, &store->writer, err);
    if (r == 0)
        r = loop_io_new(store->loop, writer_fd(store->writer), EPOLLIN, on_written, store,
                        &store->io, err);
    return r;
}

int store_open(struct loop *loop, const char *path, struct store **ret, struct err *err)
{
    const struct store_medium real = {.disk = disk_posix()};
    return store_open_on(loop, &real, path, ret, err);
}

int store_open_on(struct loop *loop, const struct store_medium *medium, const char *path,
                  struct store **ret, struct err *err)
{
    struct store *store = xcalloc(1, sizeof(*store));
    store->loop = loop;
    store->epoch = 1;
    list_init(&store->queue);
    tree_init(&store->tree);
    pending_init(&store->pending);
    watchers_init(&store->watchers, loop);
    cursors_init(&store->cursors, &store->tree);
    leases_init(&store->leases, loop, end_leased, store);
    if (path) {
        int r = open_disk(store, medium, path, err);
        if (r < 0) {
            store->fenced = true;
            store_close(store);
            return r;
        }
    } else {
        store->revision = 1;
    }
    store->assigned = store->revision;
    history_init(&store->history, HISTORY_EVENTS, HISTORY_BYTES, store->revision);
    *ret = store;
    return 0;
}

static void stop_writer(struct store *store)
{
    flush(store);
    for (struct writer_op *write = writer_free(store->writer), *next; write; write = next) {
        next = write->next;
        if (write->code == -EIO)
            store->fenced = true;
        if (op_of(write)->dead)
            op_free(op_of(write));
    }
}

void store_close(struct store *store)
{
    struct list *it, *tmp;
    if (!store)
        return;
    if (store->io)
        loop_io_free(store->io);
    if (store->defer)
        loop_defer_free(store->defer);
    if (store->writer)
        stop_writer(store);
    list_each(it, tmp, &store->queue) op_free(container_of(it, struct op, link));
    /* An orderly end gives back what was reserved; failing to costs nothing but numbers. */
    if (store->db && !store->fenced && reserve_now(store, store->assigned) < 0)
        store->fenced = true;
    sqlite_close(store->db);
    watchers_done(&store->watchers);
    leases_done(&store->leases);
    pending_done(&store->pending);
    history_done(&store->history);
    tree_done(&store->tree);
    free(store);
}
