#include "controller/link/usages.h"

#include "common/base/buf.h"
#include "common/base/list.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdlib.h>

/* What is known of one node. */
struct entry {
    struct list link; /* of usages->queue while it waits for its turn */
    struct usages *usages;
    char *node;
    struct call *call;       /* NULL: none is under way */
    struct loop_timer *late; /* of the call, then of what is kept */
    struct buf text;
    int64_t wall_ns, at; /* when it came; at: boot ns */
    bool waits, good;
    bool cut; /* there was more than is taken: the rest is no answer */
};

struct asker {
    struct list link;
    struct usages *usages;
    struct value *nodes;
    size_t settled; /* so many of them have answered, or will not */
    node_usage_fn *fn;
    void *ctx;
    struct loop_timer *late;
    bool over;
};

struct usages {
    struct usages_spec spec;
    struct map *entries; /* node -> struct entry */
    struct list queue, askers;
    struct loop_timer *tell;
    size_t asker_count, under_way, bytes;
};

/* ---- one node ---- */

static void forget_text(struct entry *entry)
{
    entry->usages->bytes -= entry->text.len;
    entry->good = false;
    buf_done(&entry->text);
    buf_init(&entry->text, 0);
}

static void entry_free(void *p)
{
    struct entry *entry = p;
    if (entry->call)
        call_close(entry->call);
    list_remove(&entry->link);
    loop_timer_free(entry->late);
    buf_done(&entry->text);
    free(entry->node);
    free(entry);
}

static void entry_drop(struct entry *entry)
{
    forget_text(entry);
    (void)map_del(entry->usages->entries, entry->node);
    entry_free(entry);
}

/* It has answered, or will not. What failed is not kept: the next who asks tries again. */
static void settle(struct entry *entry, bool good)
{
    struct usages *usages = entry->usages;
    entry->waits = false;
    entry->good = good;
    if (!good)
        forget_text(entry);
    loop_timer_after(entry->late, good ? USAGES_KEPT_NS : 0);
    loop_timer_after(usages->tell, 0);
}

static void call_over(struct entry *entry, bool good)
{
    entry->usages->under_way--;
    entry->call = NULL;
    settle(entry, good);
}

static void on_data(void *ctx, unsigned channel, const void *data, size_t len)
{
    struct entry *entry = ctx;
    struct usages *usages = entry->usages;
    (void)channel;
    bool fits =
        entry->text.len + len <= USAGES_ANSWER_MAX && usages->bytes + len <= USAGES_TOTAL_MAX;
    entry->cut |= !fits && !WEAKENED(USAGES_ANSWER_CAP);
    if (!entry->cut) {
        (void)buf_add(&entry->text, data, len);
        usages->bytes += len;
        call_took(entry->call, len);
    } else {
        loop_timer_after(entry->late, 0); /* not from inside of the call: it is closed there */
    }
}

static void on_end(void *ctx, const struct call_end *end)
{
    struct entry *entry = ctx;
    entry->wall_ns = clock_wall(loop_clock(entry->usages->spec.loop));
    entry->at = loop_now(entry->usages->spec.loop);
    call_over(entry, end->code == 0 && entry->text.len > 0 && !entry->cut);
}

/* The node takes too long or says too much; or its answer is too old. */
static void entry_late(void *ctx)
{
    struct entry *entry = ctx;
    if (!entry->call) {
        if (entry->good && !list_empty(&entry->usages->askers)) /* who waits for others, too */
            loop_timer_after(entry->late, USAGES_LATE_NS);
        else
            entry_drop(entry);
        return;
    }
    call_close(entry->call);
    call_over(entry, false);
}

static void call_node(struct entry *entry)
{
    static const struct call_handler handler = {.data = on_data, .end = on_end};
    struct usages *usages = entry->usages;
    struct err err = {0};
    list_remove(&entry->link);
    if (usages->spec.call(usages->spec.ctx, entry->node, &handler, entry, &entry->call, &err) < 0) {
        entry->call = NULL;
        settle(entry, false);
        return;
    }
    usages->under_way++;
    loop_timer_after(entry->late, USAGES_LATE_NS);
}

static void pump(struct usages *usages)
{
    while (!list_empty(&usages->queue) && usages->under_way < USAGES_CALLS)
        call_node(container_of(usages->queue.next, struct entry, link));
}

/* ---- who asks ---- */

static void asker_free(struct asker *asker)
{
    list_remove(&asker->link);
    asker->usages->asker_count--;
    loop_timer_free(asker->late);
    value_free(asker->nodes);
    free(asker);
}

/* Nodes settle in any order, and each is looked at until it has: in the end once. */
static bool is_settled(struct asker *asker)
{
    for (; asker->settled < value_len(asker->nodes); asker->settled++) {
        const char *node = value_str(value_at(asker->nodes, asker->settled));
        const struct entry *entry = map_get(asker->usages->entries, node);
        if (entry && entry->waits)
            return asker->over;
    }
    return true;
}

/* Nobody is asked for nobody. */
static void give_up_queue(struct usages *usages)
{
    struct list *it, *tmp;
    if (list_empty(&usages->askers))
        list_each(it, tmp, &usages->queue) entry_drop(container_of(it, struct entry, link));
}

static void tell(void *ctx)
{
    struct usages *usages = ctx;
    struct list *it, *tmp;
    list_each(it, tmp, &usages->askers)
    {
        struct asker *asker = container_of(it, struct asker, link);
        if (!is_settled(asker))
            continue;
        node_usage_fn *fn = asker->fn;
        void *fn_ctx = asker->ctx;
        asker_free(asker);
        fn(fn_ctx, true);
    }
    give_up_queue(usages);
    pump(usages);
}

static void asker_late(void *ctx)
{
    struct asker *asker = ctx;
    asker->over = true;
    tell(asker->usages);
}

/* What is known and still good is not asked for again. */
static void want(struct usages *usages, const char *node)
{
    struct entry *entry = map_get(usages->entries, node);
    bool known = entry && entry->good && loop_now(usages->spec.loop) - entry->at < USAGES_KEPT_NS &&
                 !WEAKENED(USAGES_KEPT);
    if (known || (entry && entry->waits))
        return;
    if (!entry) {
        entry = xcalloc(1, sizeof(*entry));
        entry->usages = usages;
        entry->node = xstrdup(node);
        entry->late = loop_timer_new(usages->spec.loop, entry_late, entry);
        buf_init(&entry->text, 0);
        (void)map_put(usages->entries, node, entry);
    }
    loop_timer_stop(entry->late);
    forget_text(entry);
    entry->cut = false;
    entry->waits = true;
    list_append(&usages->queue, &entry->link);
}

static int ask(void *ctx, const struct value *nodes, node_usage_fn *fn, void *fn_ctx)
{
    struct usages *usages = ctx;
    if (usages->asker_count >= USAGES_ASKERS)
        return -EBUSY;
    struct asker *asker = xcalloc(1, sizeof(*asker));
    asker->usages = usages;
    asker->nodes = value_copy(nodes);
    asker->fn = fn;
    asker->ctx = fn_ctx;
    asker->late = loop_timer_new(usages->spec.loop, asker_late, asker);
    loop_timer_after(asker->late, USAGES_ASKER_NS);
    list_append(&usages->askers, &asker->link);
    usages->asker_count++;
    for (size_t i = 0; i < value_len(nodes); i++)
        want(usages, value_str(value_at(nodes, i)));
    pump(usages);
    loop_timer_after(usages->tell, 0);
    return 0;
}

static int find(void *ctx, const char *node, struct node_usage_answer *ret)
{
    struct usages *usages = ctx;
    const struct entry *entry = map_get(usages->entries, node);
    struct err err = {0};
    struct value *all = NULL;
    if (!entry || !entry->good ||
        json_parse((const char *)entry->text.data, entry->text.len, &all, &err) < 0)
        return -ENOENT;
    int64_t window_ms = value_get_int(all, "window", 0);
    bool sane = window_ms > 0 && window_ms <= 3600 * (NS_PER_S / NS_PER_MS);
    *ret = (struct node_usage_answer){entry->wall_ns, sane ? window_ms * NS_PER_MS : NS_PER_S, all};
    return 0;
}

struct node_usage_source usages_source(struct usages *usages)
{
    return (struct node_usage_source){usages, ask, find};
}

struct usages *usages_new(const struct usages_spec *spec)
{
    struct usages *usages = xcalloc(1, sizeof(*usages));
    usages->spec = *spec;
    usages->entries = map_new();
    list_init(&usages->queue);
    list_init(&usages->askers);
    usages->tell = loop_timer_new(spec->loop, tell, usages);
    return usages;
}

void usages_free(struct usages *usages)
{
    if (!usages)
        return;
    while (!list_empty(&usages->askers)) {
        struct asker *asker = container_of(usages->askers.next, struct asker, link);
        asker->fn(asker->ctx, false);
        asker_free(asker);
    }
    map_free(usages->entries, entry_free);
    loop_timer_free(usages->tell);
    free(usages);
}
