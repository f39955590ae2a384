#include "agent/image/prepulls.h"

#include "agent/image/reference.h"
#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdlib.h>

/* A registry that is not reached is asked again, as by a kubelet: after a second, twice that...,
 * five minutes; after about an hour of it in which nothing came, it cannot be had. Nodes that were
 * cut off together do not come back together: each waits half of that, and by chance up to as much
 * more. */
#define RETRY_NS NS_PER_S
#define RETRY_MAX_NS (300 * NS_PER_S)
#define TRIES_MAX 20

enum state { WAITING, PULLING, PULLED, FAILED };
static const char *const names[] = {"Waiting", "Pulling", "Pulled", "Failed"};

struct order {
    struct list link; /* of prepulls->orders, the latest last */
    struct prepulls *prepulls;
    char *reference; /* in full */
    enum state state;
    bool spare;                    /* while room is looked for: it may go */
    struct image_request *request; /* while it is asked for */
    int64_t done, total;
    int64_t left;     /* the fewest bytes that were missing in any try; INT64_MAX: not known yet */
    unsigned tries;   /* in a row that failed and left no fewer missing */
    int64_t retry_ns; /* of WAITING: not before then, boot time */
    char *message;    /* of FAILED; of WAITING, why the last try failed */
};

struct prepulls {
    struct loop *loop;
    struct loop_timer *timer; /* when the next of those that failed is due */
    struct images *images;
    struct rng *rng;
    struct list orders;
    size_t count;
    bool running; /* one of them is asked for */
    char *held;   /* why nothing is pulled now; NULL: it is */
};

static void try_next(void *ctx);

static void order_free(struct order *order)
{
    struct prepulls *prepulls = order->prepulls;
    if (order->request)
        prepulls->images->cancel(prepulls->images, order->request);
    list_remove(&order->link);
    prepulls->count--;
    free(order->message);
    free(order->reference);
    free(order);
}

struct prepulls *prepulls_new(struct loop *loop, struct images *images, struct rng *rng)
{
    struct prepulls *prepulls = xcalloc(1, sizeof(*prepulls));
    prepulls->loop = loop;
    prepulls->timer = loop_timer_new(loop, try_next, prepulls);
    prepulls->images = images;
    prepulls->rng = rng;
    list_init(&prepulls->orders);
    return prepulls;
}

void prepulls_free(struct prepulls *prepulls)
{
    if (!prepulls)
        return;
    struct list *it, *tmp;
    list_each(it, tmp, &prepulls->orders) order_free(container_of(it, struct order, link));
    free(prepulls->held);
    loop_timer_free(prepulls->timer);
    free(prepulls);
}

static struct order *find(const struct prepulls *prepulls, const char *reference)
{
    struct list *it, *tmp;
    list_each(it, tmp, &prepulls->orders)
    {
        struct order *order = container_of(it, struct order, link);
        if (str_eq(order->reference, reference))
            return order;
    }
    return NULL;
}

/* ---- pulling ---- */

static void next(struct prepulls *prepulls);

static int64_t now_of(const struct prepulls *prepulls)
{
    return clock_boot(loop_clock(prepulls->loop));
}

/* Whether it is tried again: a line that breaks and a registry that is started anew pass; what is
 * refused stays so. */
static bool put_off(struct order *order, const char *reason)
{
    if (!str_eq(reason, "RegistryUnavailable") || WEAKENED(PREPULLS_AGAIN) ||
        ++order->tries >= TRIES_MAX)
        return false;
    int64_t wait = RETRY_NS << (order->tries - 1);
    wait = wait < RETRY_MAX_NS ? wait : RETRY_MAX_NS;
    int64_t chance = WEAKENED(PREPULLS_CHANCE)
                         ? wait / 2
                         : (int64_t)rng_below(order->prepulls->rng, (uint64_t)wait);
    order->retry_ns = now_of(order->prepulls) + wait / 2 + chance;
    order->state = WAITING;
    return true;
}

static void settle(struct order *order, int code, const char *reason, const char *message)
{
    struct prepulls *prepulls = order->prepulls;
    order->request = NULL;
    free(order->message);
    order->message = code == 0 ? NULL : xstrdup(message);
    if (code == 0) {
        order->state = PULLED;
        log_info("image pulled ahead image=%s", log_quote(order->reference));
    } else if (put_off(order, reason)) {
        log_info("image not pulled ahead yet image=%s tries=%u error=%s",
                 log_quote(order->reference), order->tries, log_quote(message));
    } else {
        order->state = FAILED;
        log_warn("image not pulled ahead image=%s reason=%s error=%s", log_quote(order->reference),
                 reason, log_quote(message));
    }
    prepulls->running = false;
    next(prepulls);
}

/* Held for a moment, it counts as used now. A cached one that stands in for a registry that does
 * not answer is not what was asked for. */
static void on_done(void *ctx, int code, struct image *image, const char *reason,
                    const char *message)
{
    struct order *order = ctx;
    if (image)
        order->prepulls->images->release(order->prepulls->images, image);
    settle(order, code == 0 && reason ? -EIO : code, reason, message);
}

static void on_progress(void *ctx, int64_t done, int64_t total)
{
    struct order *order = ctx;
    order->done = done;
    order->total = total;
    if (total <= 0 || total - done >= order->left)
        return;
    order->left = total - done;
    order->tries = 0;
}

static void start(struct order *order)
{
    struct prepulls *prepulls = order->prepulls;
    struct err err = {0};
    const struct image_wish wish = {.reference = order->reference,
                                    .policy = IMAGE_PULL_ALWAYS,
                                    .done = on_done,
                                    .progress = on_progress,
                                    .ctx = order};
    order->state = PULLING;
    free(steal(order->message));
    prepulls->running = true;
    int rc = prepulls->images->ensure(prepulls->images, &wish, &order->request, &err);
    if (rc < 0)
        settle(order, rc, "InvalidImageName", err.msg);
}

static void next(struct prepulls *prepulls)
{
    int64_t now = now_of(prepulls), due = INT64_MAX;
    struct list *it, *tmp;
    list_each(it, tmp, &prepulls->orders)
    {
        struct order *order = container_of(it, struct order, link);
        if (prepulls->held || (prepulls->running && !WEAKENED(PREPULLS_ONE)))
            return;
        if (order->state != WAITING)
            continue;
        if (order->retry_ns <= now)
            start(order);
        else if (order->retry_ns < due)
            due = order->retry_ns;
    }
    if (due < INT64_MAX)
        loop_timer_at(prepulls->timer, due);
}

static void try_next(void *ctx)
{
    next(ctx);
}

void prepulls_hold(struct prepulls *prepulls, const char *why)
{
    struct list *it, *tmp;
    free(prepulls->held);
    prepulls->held = why ? xstrdup(why) : NULL;
    list_each(it, tmp, &prepulls->orders)
    {
        struct order *order = container_of(it, struct order, link);
        if (!why || order->state >= PULLED)
            continue;
        if (order->request)
            prepulls->images->cancel(prepulls->images, order->request);
        settle(order, -EBUSY, "Held", why);
    }
}

/* ---- ordering ---- */

#define TEXT_MAX (REFERENCE_MAX + 256)

static int read_reference(const struct value *item, char ret[TEXT_MAX], struct err *err)
{
    struct reference ref;
    const char *text = value_str(item);
    int rc = reference_parse(text ? text : "", &ref, err);
    if (rc == 0)
        reference_format(&ref, ret);
    return rc < 0 ? -EINVAL : 0;
}

static int check_count(const struct value *references, struct err *err)
{
    size_t count = value_len(references);
    if (count == 0 || count > PREPULLS_AT_ONCE)
        return err_set(err, -EINVAL, "want 1 to %d images", PREPULLS_AT_ONCE);
    return 0;
}

/* What is ordered, in full. */
struct wishes {
    size_t count;
    char text[PREPULLS_AT_ONCE][TEXT_MAX];
};

static bool is_among(const struct wishes *wishes, size_t count, const char *reference)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(wishes->text[i], reference))
            return true;
    return false;
}

static size_t count_fresh(const struct prepulls *prepulls, const struct wishes *wishes)
{
    size_t fresh = 0;
    for (size_t i = 0; i < wishes->count; i++)
        fresh += !find(prepulls, wishes->text[i]) && !is_among(wishes, i, wishes->text[i]);
    return fresh;
}

/* Those that have ended make room, the oldest first, but for what is ordered again; if there is
 * not enough, none of them goes. */
static int make_room(struct prepulls *prepulls, const struct wishes *wishes, struct err *err)
{
    struct list *it, *tmp;
    size_t fresh = count_fresh(prepulls, wishes), spares = 0;
    list_each(it, tmp, &prepulls->orders)
    {
        struct order *order = container_of(it, struct order, link);
        order->spare = order->state >= PULLED && !is_among(wishes, wishes->count, order->reference);
        spares += order->spare;
    }
    if (prepulls->count + fresh > PREPULLS_MAX + spares && !WEAKENED(PREPULLS_MAX))
        return err_set(err, -EBUSY, "%zu images are waiting to be pulled already",
                       prepulls->count - spares);
    list_each(it, tmp, &prepulls->orders)
    {
        struct order *order = container_of(it, struct order, link);
        if (prepulls->count + fresh > PREPULLS_MAX && order->spare)
            order_free(order);
    }
    return 0;
}

static void add(struct prepulls *prepulls, const char *reference)
{
    struct order *order = find(prepulls, reference);
    if (order && order->state < PULLED) {
        order->retry_ns = 0; /* somebody wants it now */
        return;
    }
    if (order)
        order_free(order);
    order = xcalloc(1, sizeof(*order));
    order->prepulls = prepulls;
    order->reference = xstrdup(reference);
    order->left = INT64_MAX;
    list_append(&prepulls->orders, &order->link);
    prepulls->count++;
}

int prepulls_order(struct prepulls *prepulls, const struct value *references, struct err *err)
{
    struct wishes wishes;
    int rc = check_count(references, err);
    wishes.count = rc < 0 ? 0 : value_len(references);
    for (size_t i = 0; rc == 0 && i < wishes.count; i++)
        rc = read_reference(value_at(references, i), wishes.text[i], err);
    if (rc == 0 && prepulls->held && !WEAKENED(PREPULLS_HELD))
        rc = err_set(err, -ENOSPC, "%s", prepulls->held);
    if (rc == 0)
        rc = make_room(prepulls, &wishes, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < wishes.count; i++)
        add(prepulls, wishes.text[i]);
    next(prepulls);
    return 0;
}

int prepulls_tell(const struct prepulls *prepulls, const struct value *references,
                  struct value **ret, struct err *err)
{
    cleanup(value_free) struct value *all = value_new_map();
    struct value *list = value_set(all, "images", value_new_list());
    int rc = check_count(references, err);
    for (size_t i = 0; rc == 0 && i < value_len(references); i++) {
        char text[TEXT_MAX];
        rc = read_reference(value_at(references, i), text, err);
        if (rc < 0)
            break;
        const struct order *order = find(prepulls, text);
        struct value *item = value_new_map();
        value_append(list, item);
        value_set_str(item, "image", text);
        value_set_str(item, "state", order ? names[order->state] : "Unknown");
        if (order && order->state == PULLING) {
            value_set_int(item, "done", order->done);
            value_set_int(item, "total", order->total);
        }
        value_set_str(item, "message", order ? order->message : NULL);
    }
    if (rc == 0)
        *ret = steal(all);
    return rc;
}
