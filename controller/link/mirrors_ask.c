#include "controller/link/mirrors_impl.h"

#include "common/base/log.h"
#include "common/base/weaken.h"
#include "controller/api/node_limits.h"
#include "controller/link/mirror.h"

#include <errno.h>

static const struct bucket_rate rate = {MIRRORS_BURST, MIRRORS_INTERVAL_NS};

/* ---- when ---- */

static void wait_for(struct entry *entry, int64_t ns)
{
    entry->state = MIRROR_WAITING;
    loop_timer_after(entry->timer, ns);
}

static void enqueue(struct entry *entry)
{
    struct node *node = entry->node;
    int64_t due = entry->made_at + MIRRORS_PACE_NS - loop_now(entry->mirrors->spec.loop);
    if (entry->made_at && due > 0) {
        wait_for(entry, due);
        return;
    }
    loop_timer_stop(entry->timer);
    entry->state = MIRROR_QUEUED;
    list_append(&node->queue, &entry->queued);
    mirrors_ready(node);
}

static void failed(struct entry *entry, bool loud, const char *why)
{
    int64_t wait = MIRRORS_RETRY_NS;
    for (unsigned i = 0; i < entry->failures && wait < MIRRORS_RETRY_MAX_NS; i++)
        wait *= 2;
    log_write(loud && entry->failures == 0 ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG,
              "static pod not shown, trying again: node=%s pod=%s/%s error=%s", entry->node->name,
              entry->ns, entry->name, log_quote(why));
    entry->failures++;
    entry->news = false;
    wait_for(entry, wait < MIRRORS_RETRY_MAX_NS ? wait : MIRRORS_RETRY_MAX_NS);
}

void mirrors_look(struct entry *entry)
{
    if (entry->state == MIRROR_IDLE && mirrors_place(entry) == PLACE_FREE)
        enqueue(entry);
}

/* ---- making one ---- */

static void tell_status(struct entry *entry)
{
    struct mirrors *mirrors = entry->mirrors;
    struct report report = {.pod = value_new_map()};
    struct value *meta = value_make_map(report.pod, "metadata", NULL);
    value_set_str(meta, "name", entry->name);
    value_set_str(meta, "namespace", entry->ns);
    value_set_str(meta, "uid", entry->uid);
    value_set(report.pod, "status", steal(entry->status));
    mirrors->spec.report(mirrors->spec.ctx, entry->node->name, &report);
    report_done(&report);
}

/* It is there: what was said meanwhile is asked for once more. */
static void shown(struct entry *entry)
{
    entry->state = MIRROR_IDLE;
    entry->failures = 0;
    tell_status(entry);
    if (entry->news)
        enqueue(entry);
    entry->news = false;
}

static void made(void *ctx, const struct api_answer *answer)
{
    struct entry *entry = ctx;
    struct mirrors *mirrors = entry->mirrors;
    mirrors_leave(entry);
    if (!entry->node) { /* it has ended meanwhile */
        if (answer->code < 300)
            mirrors_delete_pod(mirrors, answer->object);
        mirrors_entry_free(entry);
    } else if (answer->code < 300) {
        log_info("static pod shown: node=%s pod=%s/%s", entry->node->name, entry->ns, entry->name);
        entry->made_at = loop_now(mirrors->spec.loop);
        shown(entry);
    } else {
        value_free(steal(entry->status));
        failed(entry, true, value_get_str(answer->object, "message"));
    }
    mirrors_pump(mirrors);
}

static int refused_by_limits(const struct entry *entry, const struct api_ref *ref,
                             const struct value *pod, struct err *err)
{
    cleanup(value_free) struct value *refusal =
        node_limits_refusal(entry->node->name, ref, NULL, pod);
    return refusal ? err_set(err, -EPERM, "%s", value_get_str(refusal, "message")) : 0;
}

/* What its node answered becomes the Pod, or the status of the Pod that is there. */
static int make(struct entry *entry, struct err *err)
{
    struct mirrors *mirrors = entry->mirrors;
    const struct api_ref node = {&kind_node, "", entry->node->name};
    const struct api_ref ref = {&kind_pod, entry->ns, entry->name};
    const struct value *owner = NULL;
    cleanup(value_free) struct value *pod = NULL;
    if (api_see(mirrors->spec.api, &mirrors_user, &node, &owner) != 0)
        return err_set(err, -ENOENT, "the node is not there");
    const struct mirror_of of = {entry->node->name, object_uid(owner), entry->ns, entry->name,
                                 entry->uid};
    int rc = mirror_make(&of, buf_str(&entry->text), entry->text.len, &pod, &entry->status, err);
    if (rc == 0)
        rc = refused_by_limits(entry, &ref, pod, err);
    if (rc < 0)
        return rc;
    switch (mirrors_place(entry)) {
    case PLACE_OURS:
        mirrors_leave(entry);
        shown(entry);
        return 0;
    case PLACE_TAKEN:
        mirrors_leave(entry);
        entry->state = MIRROR_IDLE;
        entry->news = false;
        value_free(steal(entry->status));
        return 0;
    case PLACE_FREE:
        break;
    }
    entry->state = MIRROR_MAKING;
    api_create(mirrors->spec.api, &mirrors_user, &ref, pod, API_DROP_UNKNOWN, made, entry);
    return 0;
}

static void forget_text(struct entry *entry)
{
    buf_done(&entry->text);
    buf_init(&entry->text, 0);
}

static void give_up(struct entry *entry, bool loud, const char *why)
{
    mirrors_leave(entry);
    value_free(steal(entry->status));
    forget_text(entry);
    failed(entry, loud, why);
}

static void on_data(void *ctx, unsigned channel, const void *data, size_t len)
{
    struct entry *entry = ctx;
    (void)channel;
    entry->cut |= entry->text.len + len > MIRRORS_POD_MAX && !WEAKENED(MIRRORS_POD_CAP);
    if (entry->cut) {
        loop_timer_after(entry->timer, 0); /* not from inside of the call: it is closed there */
        return;
    }
    (void)buf_add(&entry->text, data, len);
    call_took(entry->call, len);
}

static void on_end(void *ctx, const struct call_end *end)
{
    struct entry *entry = ctx;
    struct mirrors *mirrors = entry->mirrors;
    struct err err = {0};
    entry->call = NULL;
    loop_timer_stop(entry->timer);
    if (end->code != 0 || entry->cut) {
        give_up(entry, entry->cut, entry->cut ? "it is too large" : end->message);
    } else if (make(entry, &err) < 0) {
        give_up(entry, true, err.msg);
    } else {
        forget_text(entry);
    }
    mirrors_pump(mirrors);
}

static void ask(struct entry *entry)
{
    static const struct call_handler handler = {.data = on_data, .end = on_end};
    struct mirrors *mirrors = entry->mirrors;
    cleanup(value_free) struct value *args = value_new_map();
    struct err err = {0};
    value_set_str(args, "namespace", entry->ns);
    value_set_str(args, "pod", entry->name);
    value_set_str(args, "uid", entry->uid);
    entry->state = MIRROR_ASKING;
    entry->cut = entry->news = false;
    entry->node->busy = true;
    mirrors->under_way++;
    if (mirrors->spec.call(mirrors->spec.ctx, entry->node->name, args, &handler, entry,
                           &entry->call, &err) < 0) {
        entry->call = NULL;
        give_up(entry, false, err.msg);
        return;
    }
    loop_timer_after(entry->timer, MIRRORS_LATE_NS);
}

/* A node with much to show does not keep others from it. */
void mirrors_pump(struct mirrors *mirrors)
{
    while (!list_empty(&mirrors->ready) && mirrors->under_way < MIRRORS_CALLS) {
        struct node *node = container_of(mirrors->ready.next, struct node, ready);
        struct entry *entry = container_of(node->queue.next, struct entry, queued);
        list_remove(&node->ready);
        if (!bucket_take(&node->bucket, &rate, loop_now(mirrors->spec.loop)) &&
            !WEAKENED(MIRRORS_PACE)) {
            loop_timer_after(node->timer, MIRRORS_INTERVAL_NS);
            continue;
        }
        list_remove(&entry->queued);
        ask(entry);
    }
}

void mirrors_on_node_timer(void *ctx)
{
    struct node *node = ctx;
    mirrors_ready(node);
    mirrors_pump(node->mirrors);
}

void mirrors_resume(struct entry *entry)
{
    loop_timer_stop(entry->timer);
    entry->state = MIRROR_IDLE;
    if (mirrors_place(entry) != PLACE_TAKEN)
        enqueue(entry);
}

void mirrors_on_timer(void *ctx)
{
    struct entry *entry = ctx;
    if (entry->state == MIRROR_ASKING) {
        call_close(steal(entry->call));
        give_up(entry, true, entry->cut ? "it is too large" : "the node does not answer");
    } else if (entry->state == MIRROR_WAITING) {
        mirrors_resume(entry);
    }
    mirrors_pump(entry->mirrors);
}
