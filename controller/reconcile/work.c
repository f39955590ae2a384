#include "controller/reconcile/work.h"

#include "common/base/list.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/weaken.h"
#include "controller/sched/queue.h"

#include <stdlib.h>
#include <string.h>

#define FAILURES_MAX 62 /* that are counted: a wait doubles no further */

struct item {
    struct sched_entry entry; /* of work->ready or, by -time, of work->later */
    struct list awaiting;     /* of work->awaiting */
    bool is_ready;            /* which of them it is in, if in one */
    unsigned holders, failures;
    bool stirred; /* while it is held: what it awaited has come */
    bool again,
        failed; /* while it is held: it was put, for `at` with `priority`; somebody failed */
    int64_t at, priority; /* the latter, as it was put last, is kept while anything is */
    char key[];
};

struct work {
    int64_t wait_ns, wait_max_ns;
    struct map *items; /* key -> struct item */
    struct sched_queue ready, later;
    struct list awaiting; /* of struct item */
};

struct work *work_new(int64_t wait_ns, int64_t wait_max_ns)
{
    struct work *work = xcalloc(1, sizeof(*work));
    *work = (struct work){.wait_ns = wait_ns, .wait_max_ns = wait_max_ns, .items = map_new()};
    list_init(&work->awaiting);
    return work;
}

void work_free(struct work *work)
{
    if (!work)
        return;
    sched_queue_done(&work->ready);
    sched_queue_done(&work->later);
    map_free(work->items, free);
    free(work);
}

static struct item *item_of(struct work *work, const char *key)
{
    struct item *item = map_get(work->items, key);
    if (item)
        return item;
    size_t len = strlen(key) + 1;
    item = xcalloc(1, sizeof(*item) + len);
    memcpy(item->key, key, len);
    (void)map_put(work->items, key, item);
    return item;
}

static bool is_put(const struct item *item)
{
    return item->entry.place != 0;
}

static void unput(struct work *work, struct item *item)
{
    sched_queue_drop(item->is_ready ? &work->ready : &work->later, &item->entry);
}

static bool is_awaiting(const struct item *item)
{
    return item->awaiting.next != NULL;
}

static void forget(struct work *work, struct item *item)
{
    unput(work, item);
    list_remove(&item->awaiting);
    (void)map_del(work->items, item->key);
    free(item);
}

static void put_ready(struct work *work, struct item *item, int64_t priority)
{
    if (is_put(item) && item->is_ready && item->entry.priority == priority)
        return;
    unput(work, item);
    item->is_ready = true;
    sched_queue_put(&work->ready, &item->entry, priority);
}

static void put_later(struct work *work, struct item *item, int64_t at)
{
    if (is_put(item) && (item->is_ready || -item->entry.priority <= at))
        return;
    unput(work, item);
    item->is_ready = false;
    sched_queue_put(&work->later, &item->entry, -at);
}

void work_put(struct work *work, const char *key, int64_t priority)
{
    struct item *item = item_of(work, key);
    list_remove(&item->awaiting);
    item->priority = priority;
    if (item->holders && !WEAKENED(WORK_HELD)) {
        item->again = true;
        item->at = 0;
    } else {
        put_ready(work, item, priority);
    }
}

void work_put_at(struct work *work, const char *key, int64_t at)
{
    struct item *item = item_of(work, key);
    if (!item->holders) {
        put_later(work, item, at);
    } else if (!item->again || at < item->at) {
        item->again = true;
        item->at = at;
    }
}

void work_await(struct work *work, const char *key, int64_t priority)
{
    struct item *item = item_of(work, key);
    unput(work, item);
    item->again = item->stirred = false;
    item->priority = priority;
    list_remove(&item->awaiting);
    list_append(&work->awaiting, &item->awaiting);
}

void work_stir(struct work *work)
{
    struct list *it, *tmp;
    list_each(it, tmp, &work->awaiting)
    {
        struct item *item = container_of(it, struct item, awaiting);
        list_remove(&item->awaiting);
        if (item->holders)
            item->stirred = true;
        else
            put_ready(work, item, item->priority);
    }
}

bool work_awaits(const struct work *work)
{
    return !list_empty(&work->awaiting);
}

void work_drop(struct work *work, const char *key)
{
    struct item *item = map_get(work->items, key);
    if (!item)
        return;
    item->again = item->failed = item->stirred = false;
    list_remove(&item->awaiting);
    if (item->holders)
        unput(work, item);
    else
        forget(work, item);
}

bool work_waits(const struct work *work, const char *key)
{
    const struct item *item = map_get(work->items, key);
    return item && (is_put(item) || item->again || item->stirred || is_awaiting(item));
}

size_t work_count(const struct work *work)
{
    return map_len(work->items);
}

int64_t work_next(const struct work *work)
{
    if (work->ready.count)
        return 0;
    return work->later.count ? -work->later.heap[0]->priority : INT64_MAX;
}

const char *work_take(struct work *work, int64_t now)
{
    struct sched_entry *entry;
    while (work->later.count && -work->later.heap[0]->priority <= now) {
        struct item *due = container_of(work->later.heap[0], struct item, entry);
        put_ready(work, due, due->priority);
    }
    entry = sched_queue_take(&work->ready);
    if (!entry)
        return NULL;
    struct item *item = container_of(entry, struct item, entry);
    list_remove(&item->awaiting);
    item->holders = 1;
    return item->key;
}

void work_hold(struct work *work, const char *key)
{
    struct item *item = item_of(work, key);
    if (is_put(item)) { /* by somebody other than its looker: it is looked at after this */
        item->at = item->is_ready ? 0 : -item->entry.priority;
        item->again = true;
        unput(work, item);
    }
    item->holders++;
}

static int64_t wait_of(const struct work *work, unsigned failures)
{
    int64_t wait = work->wait_ns;
    while (failures-- > 1 && wait < work->wait_max_ns)
        wait *= 2;
    return wait < work->wait_max_ns ? wait : work->wait_max_ns;
}

static void settle(struct work *work, struct item *item, int64_t now)
{
    bool again = item->again, failed = item->failed, stirred = item->stirred && !failed;
    item->again = item->failed = item->stirred = false;
    if (!failed)
        item->failures = 0;
    else /* it waits for its time alone: the world changes all the time */
        list_remove(&item->awaiting);
    int64_t retry = failed ? now + wait_of(work, item->failures) : INT64_MAX;
    if (stirred || (again && !item->at))
        put_ready(work, item, item->priority);
    else if (again)
        put_later(work, item, item->at < retry ? item->at : retry);
    else if (failed)
        put_later(work, item, retry);
    else if (!is_awaiting(item))
        forget(work, item);
}

unsigned work_end(struct work *work, const char *key, enum work_end end, int64_t now)
{
    struct item *item = map_get(work->items, key);
    if (!item || !item->holders || end == WORK_HELD)
        return 0;
    if (end == WORK_AGAIN && !(item->again && item->at == 0)) {
        item->again = true;
        item->at = 0;
    }
    if (end == WORK_LATER) {
        item->failures += item->failures < FAILURES_MAX && !item->failed;
        item->failed = true;
    }
    unsigned failures = item->failures;
    if (--item->holders == 0)
        settle(work, item, now);
    return failures;
}
