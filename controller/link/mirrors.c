#include "controller/link/mirrors.h"

#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/pod_mirror.h"
#include "controller/api/node_limits.h"
#include "controller/api/pod_at_node.h"
#include "controller/link/bucket.h"
#include "controller/link/mirror.h"

#include <errno.h>
#include <stdlib.h>

enum mirror_state {
    MIRROR_IDLE,    /* it is shown, or cannot be as things are */
    MIRROR_QUEUED,  /* its node is to be asked */
    MIRROR_WAITING, /* it is to be queued when its timer says so */
    MIRROR_ASKING,  /* its node is being asked; the timer says when that takes too long */
    MIRROR_MAKING,  /* the Pod is being written */
};

/* A static pod that a node reports. */
struct entry {
    struct mirrors *mirrors;
    struct node *node; /* NULL: forgotten while its Pod was being written */
    char *ns, *name, *uid;
    struct list of_node; /* of node->entries; of mirrors->orphans without a node */
    struct list queued;  /* of node->queue */
    struct entry *next;  /* of the same namespace and name, of whatever node */
    enum mirror_state state;
    struct loop_timer *timer;
    struct call *call;
    struct buf text;
    struct value *status; /* while MAKING */
    bool cut;             /* the answer is too long */
    bool news;            /* reported while its node was asked, or its Pod made: asked again */
    unsigned failures;    /* in a row */
    int64_t made_at;      /* boot ns; 0: not yet */
};

struct node {
    struct mirrors *mirrors;
    char *name;
    struct list entries, queue;
    struct list ready; /* of mirrors->ready while it has a queue and is not asked */
    size_t count;
    bool busy; /* one of its pods is ASKING or MAKING */
    struct bucket bucket;
    struct loop_timer *timer; /* until there is something in it again */
};

struct mirrors {
    struct mirrors_spec spec;
    struct map *nodes;   /* name -> struct node */
    struct map *entries; /* "<node>/<uid>" -> struct entry */
    struct map *names;   /* "<ns>/<name>" -> the first struct entry of that name */
    struct list ready, orphans;
    size_t under_way;
    struct api_watch *watch;
};

static const struct api_user user = {.name = "system:limpet:link"};
static const struct bucket_rate rate = {MIRRORS_BURST, MIRRORS_INTERVAL_NS};

/* ---- what is known ---- */

static char *entry_key(const char *node, const char *uid)
{
    return xasprintf("%s/%s", node, uid);
}

static struct entry *entry_find(const struct mirrors *mirrors, const char *node, const char *uid)
{
    autofree char *key = entry_key(node, uid);
    return map_get(mirrors->entries, key);
}

static void chain_add(struct entry *entry)
{
    autofree char *key = xasprintf("%s/%s", entry->ns, entry->name);
    entry->next = map_put(entry->mirrors->names, key, entry);
}

static void chain_remove(struct entry *entry)
{
    struct map *names = entry->mirrors->names;
    autofree char *key = xasprintf("%s/%s", entry->ns, entry->name);
    struct entry *first = map_get(names, key);
    struct entry **at = &first;
    while (*at && *at != entry)
        at = &(*at)->next;
    if (*at)
        *at = entry->next;
    if (first)
        (void)map_put(names, key, first);
    else
        (void)map_del(names, key);
}

static void entry_free(struct entry *entry)
{
    list_remove(&entry->of_node);
    list_remove(&entry->queued);
    loop_timer_free(entry->timer);
    value_free(entry->status);
    buf_done(&entry->text);
    free(entry->ns);
    free(entry->name);
    free(entry->uid);
    free(entry);
}

static void on_node_timer(void *ctx);

static struct node *node_get(struct mirrors *mirrors, const char *name)
{
    struct node *node = map_get(mirrors->nodes, name);
    if (node)
        return node;
    node = xcalloc(1, sizeof(*node));
    node->mirrors = mirrors;
    node->name = xstrdup(name);
    node->timer = loop_timer_new(mirrors->spec.loop, on_node_timer, node);
    list_init(&node->entries);
    list_init(&node->queue);
    (void)map_put(mirrors->nodes, name, node);
    return node;
}

static void node_free(struct node *node)
{
    list_remove(&node->ready);
    loop_timer_free(node->timer);
    free(node->name);
    free(node);
}

static void get_ready(struct node *node)
{
    if (!node->busy && !list_empty(&node->queue) && !node->ready.next)
        list_append(&node->mirrors->ready, &node->ready);
}

/* Its node, and the place among those that are asked, are another's. */
static void leave(struct entry *entry)
{
    struct node *node = entry->node;
    entry->mirrors->under_way--;
    if (!node)
        return;
    node->busy = false;
    get_ready(node);
}

/* Nothing more is done for it. One whose Pod is being written lives until that is through. */
static void entry_drop(struct entry *entry)
{
    struct mirrors *mirrors = entry->mirrors;
    autofree char *key = entry_key(entry->node->name, entry->uid);
    if (entry->call) {
        call_close(steal(entry->call));
        leave(entry);
    }
    (void)map_del(mirrors->entries, key);
    chain_remove(entry);
    entry->node->count--;
    list_remove(&entry->of_node);
    list_remove(&entry->queued);
    if (list_empty(&entry->node->queue))
        list_remove(&entry->node->ready);
    if (entry->state != MIRROR_MAKING) {
        entry_free(entry);
        return;
    }
    entry->node->busy = false;
    get_ready(entry->node);
    entry->node = NULL;
    list_append(&mirrors->orphans, &entry->of_node);
}

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
    get_ready(node);
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

/* ---- what stands under its name ---- */

static void deleted(void *ctx, const struct api_answer *answer)
{
    (void)ctx;
    if (answer->code >= 400 && answer->code != 404 && answer->code != 409)
        log_warn("mirror pod not removed: reason=%s",
                 log_quote(value_get_str(answer->object, "message")));
}

static void delete_pod(struct mirrors *mirrors, const struct value *pod)
{
    const struct api_ref ref = {&kind_pod, object_namespace(pod), object_name(pod)};
    const struct api_delete_options options = {.grace_s = 0, .uid = object_uid(pod)};
    api_delete(mirrors->spec.api, &user, &ref, &options, 0, deleted, NULL);
}

enum place { PLACE_FREE, PLACE_OURS, PLACE_TAKEN };

/* A mirror that this node made of a pod which it does not report any more makes room. */
static enum place place_of(const struct entry *entry)
{
    struct mirrors *mirrors = entry->mirrors;
    const struct api_ref ref = {&kind_pod, entry->ns, entry->name};
    const struct value *pod = NULL;
    if (api_see(mirrors->spec.api, &user, &ref, &pod) != 0)
        return PLACE_FREE;
    if (!object_annotation(pod, POD_MIRROR) && !WEAKENED(MIRRORS_ORDINARY))
        return PLACE_TAKEN;
    if (pod_is_of_node(pod, entry->node->name, entry->uid))
        return PLACE_OURS;
    const char *uid = pod_uid_at_node(pod);
    if (!pod_is_of_node(pod, entry->node->name, uid) || entry_find(mirrors, entry->node->name, uid))
        return PLACE_TAKEN;
    cleanup(value_free) struct value *copy = value_copy(pod);
    delete_pod(mirrors, copy);
    return PLACE_TAKEN; /* on_pod tells when it is free */
}

static void look(struct entry *entry)
{
    if (entry->state == MIRROR_IDLE && place_of(entry) == PLACE_FREE)
        enqueue(entry);
}

/* ---- making one ---- */

static void pump(struct mirrors *mirrors);

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
    leave(entry);
    if (!entry->node) { /* it has ended meanwhile */
        if (answer->code < 300)
            delete_pod(mirrors, answer->object);
        entry_free(entry);
    } else if (answer->code < 300) {
        log_info("static pod shown: node=%s pod=%s/%s", entry->node->name, entry->ns, entry->name);
        entry->made_at = loop_now(mirrors->spec.loop);
        shown(entry);
    } else {
        value_free(steal(entry->status));
        failed(entry, true, value_get_str(answer->object, "message"));
    }
    pump(mirrors);
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
    if (api_see(mirrors->spec.api, &user, &node, &owner) != 0)
        return err_set(err, -ENOENT, "the node is not there");
    const struct mirror_of of = {entry->node->name, object_uid(owner), entry->ns, entry->name,
                                 entry->uid};
    int rc = mirror_make(&of, buf_str(&entry->text), entry->text.len, &pod, &entry->status, err);
    if (rc == 0)
        rc = refused_by_limits(entry, &ref, pod, err);
    if (rc < 0)
        return rc;
    switch (place_of(entry)) {
    case PLACE_OURS:
        leave(entry);
        shown(entry);
        return 0;
    case PLACE_TAKEN:
        leave(entry);
        entry->state = MIRROR_IDLE;
        entry->news = false;
        value_free(steal(entry->status));
        return 0;
    case PLACE_FREE:
        break;
    }
    entry->state = MIRROR_MAKING;
    api_create(mirrors->spec.api, &user, &ref, pod, API_DROP_UNKNOWN, made, entry);
    return 0;
}

static void forget_text(struct entry *entry)
{
    buf_done(&entry->text);
    buf_init(&entry->text, 0);
}

static void give_up(struct entry *entry, bool loud, const char *why)
{
    leave(entry);
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
    pump(mirrors);
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
static void pump(struct mirrors *mirrors)
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

static void on_node_timer(void *ctx)
{
    struct node *node = ctx;
    get_ready(node);
    pump(node->mirrors);
}

static void resume(struct entry *entry)
{
    loop_timer_stop(entry->timer);
    entry->state = MIRROR_IDLE;
    if (place_of(entry) != PLACE_TAKEN)
        enqueue(entry);
}

static void on_timer(void *ctx)
{
    struct entry *entry = ctx;
    if (entry->state == MIRROR_ASKING) {
        call_close(steal(entry->call));
        give_up(entry, true, entry->cut ? "it is too large" : "the node does not answer");
    } else if (entry->state == MIRROR_WAITING) {
        resume(entry);
    }
    pump(entry->mirrors);
}

/* ---- what happens ---- */

/* A name is free again: a mirror was deleted, or a pod that had it before. */
static void on_pod(void *ctx, enum api_event_type type, const struct value *object)
{
    struct mirrors *mirrors = ctx;
    if (type != API_DELETED)
        return;
    autofree char *key = xasprintf("%s/%s", object_namespace(object), object_name(object));
    for (struct entry *entry = map_get(mirrors->names, key); entry; entry = entry->next) {
        entry->news |= entry->state == MIRROR_MAKING;
        look(entry);
    }
    pump(mirrors);
}

#define PODS_USUAL 110 /* it has not said it yet */

static size_t room_of(const struct mirrors *mirrors, const char *name)
{
    const struct api_ref ref = {&kind_node, "", name};
    const struct value *node = NULL;
    if (api_see(mirrors->spec.api, &user, &ref, &node) != 0)
        return 0;
    const struct value *pods = value_path(node, "status", "capacity", "pods", NULL);
    int64_t room =
        value_str(pods) ? strtoll(value_str(pods), NULL, 10) : value_int(pods, PODS_USUAL);
    if (room <= 0)
        return 0;
    return room < MIRRORS_NODE_MAX ? (size_t)room : MIRRORS_NODE_MAX;
}

static void add(struct mirrors *mirrors, const char *name, const struct value *meta)
{
    struct node *node = node_get(mirrors, name);
    if (node->count >= room_of(mirrors, name) && !WEAKENED(MIRRORS_COUNT)) {
        log_debug("static pod not shown, the node has too many: node=%s", name);
        return;
    }
    struct entry *entry = xcalloc(1, sizeof(*entry));
    entry->mirrors = mirrors;
    entry->node = node;
    entry->ns = xstrdup(value_get_str(meta, "namespace"));
    entry->name = xstrdup(value_get_str(meta, "name"));
    entry->uid = xstrdup(value_get_str(meta, "uid"));
    entry->timer = loop_timer_new(mirrors->spec.loop, on_timer, entry);
    buf_init(&entry->text, 0);
    list_append(&node->entries, &entry->of_node);
    node->count++;
    autofree char *key = entry_key(name, entry->uid);
    (void)map_put(mirrors->entries, key, entry);
    chain_add(entry);
    look(entry);
}

/* Pods of the API that are bound to the node are reported, too. */
static bool is_ordinary(const struct mirrors *mirrors, const struct value *meta)
{
    const struct api_ref ref = {&kind_pod, value_get_str(meta, "namespace"),
                                value_get_str(meta, "name")};
    const struct value *pod = NULL;
    return api_see(mirrors->spec.api, &user, &ref, &pod) == 0 &&
           str_eq(object_uid(pod), value_get_str(meta, "uid"));
}

void mirrors_report(struct mirrors *mirrors, const char *node, const struct report *report)
{
    const struct value *meta = value_get(report->pod, "metadata");
    const char *ns = value_get_str(meta, "namespace"), *name = value_get_str(meta, "name");
    const char *uid = value_get_str(meta, "uid");
    autofree char *suffix = xasprintf("-%s", node);
    if (!ns || !name || !uid || !str_has_suffix(name, suffix))
        return;
    struct entry *entry = entry_find(mirrors, node, uid);
    bool same = entry && str_eq(entry->ns, ns) && str_eq(entry->name, name);
    if (entry && (report->gone || !same))
        entry_drop(steal(entry));
    if (!entry && !report->gone && !is_ordinary(mirrors, meta))
        add(mirrors, node, meta);
    else if (!entry)
        ;
    else if (entry->state == MIRROR_ASKING || entry->state == MIRROR_MAKING)
        entry->news = true;
    else
        look(entry);
    pump(mirrors);
}

void mirrors_wake(struct mirrors *mirrors, const char *name)
{
    const struct node *node = map_get(mirrors->nodes, name);
    struct list *it, *tmp;
    if (!node)
        return;
    list_each(it, tmp, &node->entries)
    {
        struct entry *entry = container_of(it, struct entry, of_node);
        if (entry->state == MIRROR_WAITING)
            resume(entry);
    }
    pump(mirrors);
}

void mirrors_forget(struct mirrors *mirrors, const char *name)
{
    struct node *node = map_del(mirrors->nodes, name);
    struct list *it, *tmp;
    if (!node)
        return;
    list_each(it, tmp, &node->entries) entry_drop(container_of(it, struct entry, of_node));
    node_free(node);
    pump(mirrors);
}

/* ---- life ---- */

int mirrors_new(const struct mirrors_spec *spec, struct mirrors **ret, struct err *err)
{
    static const char *const mentions[] = {POD_MIRROR, NULL};
    const struct api_ref ref = {&kind_pod, "", ""};
    const struct api_list_query query = {.mentions = mentions};
    struct mirrors *mirrors = xcalloc(1, sizeof(*mirrors));
    mirrors->spec = *spec;
    mirrors->nodes = map_new();
    mirrors->entries = map_new();
    mirrors->names = map_new();
    list_init(&mirrors->ready);
    list_init(&mirrors->orphans);
    int rc = api_watch(spec->api, &user, &ref, &query, 0, on_pod, mirrors, &mirrors->watch);
    if (rc < 0) {
        mirrors_free(mirrors);
        return err_set(err, -EIO, "cannot watch mirror pods (%d)", rc);
    }
    *ret = mirrors;
    return 0;
}

void mirrors_free(struct mirrors *mirrors)
{
    struct list *it, *tmp;
    void *p;
    if (!mirrors)
        return;
    api_watch_free(mirrors->watch);
    for (size_t i = 0; map_next(mirrors->entries, &i, NULL, &p);) {
        struct entry *entry = p;
        if (entry->call)
            call_close(entry->call);
        entry_free(entry);
    }
    list_each(it, tmp, &mirrors->orphans) entry_free(container_of(it, struct entry, of_node));
    for (size_t i = 0; map_next(mirrors->nodes, &i, NULL, &p);)
        node_free(p);
    map_free(mirrors->nodes, NULL);
    map_free(mirrors->entries, NULL);
    map_free(mirrors->names, NULL);
    free(mirrors);
}
