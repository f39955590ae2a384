#include "controller/link/events.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/event_batch.h"
#include "controller/api/pod_at_node.h"
#include "controller/link/bucket.h"

#include <errno.h>
#include <stdlib.h>

#define TELL_NS (60 * NS_PER_S) /* between two words about what a node's events lost */

struct events {
    struct loop *loop;
    struct api *api;
    struct recorder *recorder;
    struct map *sources; /* node id -> struct source */
};

/* What is known of one node's talking. */
struct source {
    struct bucket bucket;
    int64_t dropped, refused; /* not told yet */
    int64_t tell_at;          /* boot ns: not before */
};

static const struct api_user user = {.name = "system:limpet:link"};
static const struct bucket_rate rate = {EVENTS_BURST, EVENTS_INTERVAL_NS};

struct events *events_new(struct loop *loop, struct api *api, struct recorder *recorder)
{
    struct events *events = xcalloc(1, sizeof(*events));
    events->loop = loop;
    events->api = api;
    events->recorder = recorder;
    events->sources = map_new();
    return events;
}

void events_free(struct events *events)
{
    if (!events)
        return;
    map_free(events->sources, free);
    free(events);
}

void events_forget(struct events *events, const char *node)
{
    free(map_del(events->sources, node));
}

static struct source *source_of(struct events *events, const char *node)
{
    struct source *source = map_get(events->sources, node);
    if (source)
        return source;
    source = xcalloc(1, sizeof(*source));
    (void)map_put(events->sources, node, source);
    return source;
}

/* The node's static pods are named after it, and shown a little later than they begin (mirrors.h);
 * one that is of no namespace never. NULL: it is no such pod. */
static struct value *not_shown_yet(struct events *events, const char *name,
                                   const struct node_event *event)
{
    const struct api_ref ref = {&kind_namespace, "", event->ns};
    const struct value *ns = NULL;
    autofree char *suffix = xasprintf("-%s", name);
    if (!str_has_suffix(event->name, suffix) || str_empty(event->uid) ||
        api_see(events->api, &user, &ref, &ns) != 0)
        return NULL;
    struct value *pod = value_new_map();
    value_set_str(value_make_map(pod, "metadata", NULL), "uid", event->uid);
    return pod;
}

/* The object that an event is about, if the node may speak for it; NULL with the reason. */
static struct value *object_of(struct events *events, const char *name,
                               const struct node_event *event, struct err *err)
{
    bool of_pod = *event->ns;
    const struct api_ref ref = {of_pod ? &kind_pod : &kind_node, event->ns, event->name};
    cleanup(value_free) struct value *object = NULL;
    if (!of_pod && !str_eq(event->name, name) && !WEAKENED(EVENTS_OWNER)) {
        err_set(err, -EPERM, "node \"%s\" is another one", event->name);
        return NULL;
    }
    if (api_get(events->api, &user, &ref, &object) != 0) {
        struct value *pod = of_pod ? not_shown_yet(events, name, event) : NULL;
        if (pod)
            return pod;
        err_set(err, -ENOENT, "%s \"%s\" is not there", ref.kind->singular, event->name);
        return NULL;
    }
    if (!of_pod || WEAKENED(EVENTS_OWNER))
        return steal(object);
    if (!str_eq(value_str(value_path(object, "spec", "nodeName", NULL)), name)) {
        err_set(err, -EPERM, "pod \"%s/%s\" is another node's", event->ns, event->name);
        return NULL;
    }
    if (!str_eq(pod_uid_at_node(object), event->uid)) {
        err_set(err, -ENOENT, "pod \"%s/%s\" is another by now", event->ns, event->name);
        return NULL;
    }
    return steal(object);
}

/* By the gateway's clock and the age that the node tells: its own clock may stand at 1970. Nothing
 * happens to an object before there is one. */
static int64_t time_of(const struct events *events, const struct value *object, int64_t age_ms)
{
    int64_t now = clock_wall(loop_clock(events->loop)), then = now - age_ms * NS_PER_MS, born;
    const char *created = value_str(value_path(object, "metadata", "creationTimestamp", NULL));
    if (!created || clock_parse(created, &born) < 0 || born > now)
        return then;
    return then < born ? born : then;
}

/* Told by the node, or by us (component) of the node. */
static void record(struct events *events, const char *component, const char *name,
                   const struct value *object, const struct node_event *told, int64_t count)
{
    const char *uid = pod_uid_at_node(object); /* as clients look for those of mirror pods */
    const struct event event = {
        .kind = *told->ns ? "Pod" : "Node",
        .ns = told->ns,
        .name = told->name,
        .uid = uid ? uid : "",
        .type = told->type,
        .reason = told->reason,
        .message = told->message,
        .component = component,
        .host = name,
    };
    recorder_count(events->recorder, &event, count, time_of(events, object, told->age_ms));
}

/* What the gateway has to say of the node's own events. */
static void tell_of(struct events *events, const char *name, const char *reason,
                    const char *message, int64_t count)
{
    const struct node_event told = {
        .ns = "", .name = name, .uid = "", .type = "Warning", .reason = reason, .message = message};
    struct err err = {0};
    cleanup(value_free) struct value *node = object_of(events, name, &told, &err);
    if (node)
        record(events, "limpet-controller", name, node, &told, count);
}

/* 0, or why it is refused. */
static int take_one(struct events *events, const char *name, struct event_batch *batch, size_t i,
                    struct err *err)
{
    struct node_event told;
    int rc = event_batch_at(batch, i, &told, err);
    if (rc < 0)
        return rc;
    cleanup(value_free) struct value *object = object_of(events, name, &told, err);
    if (object)
        record(events, "limpetd", name, object, &told, 1);
    /* One that is not there was this node's, maybe: no more is to be known of it. */
    return object || err->code == -ENOENT ? 0 : err->code;
}

/* The message paid for its first event. err: of the last that was refused. */
static void take_batch(struct events *events, struct source *source, const char *name,
                       struct event_batch *batch, struct err *err)
{
    int64_t now = loop_now(events->loop);
    size_t i = 0;
    for (; i < batch->count && (i == 0 || bucket_take(&source->bucket, &rate, now)); i++) {
        struct err why = {0};
        if (take_one(events, name, batch, i, &why) == 0)
            continue;
        source->refused++;
        *err = why;
    }
    source->dropped += (int64_t)(batch->count - i);
    if (batch->dropped > 0)
        tell_of(events, name, "EventsLost",
                "older events fell out of this node's ring while it was not in touch",
                batch->dropped);
}

static void take_message(struct events *events, struct source *source, const char *name,
                         const void *payload, size_t len, struct err *err)
{
    cleanup(event_batch_done) struct event_batch batch = {0};
    /* What is beyond the rate is not even read. */
    if (!bucket_take(&source->bucket, &rate, loop_now(events->loop)))
        source->dropped++;
    else if (event_batch_read(payload, len, &batch, err) < 0)
        source->refused++;
    else
        take_batch(events, source, name, &batch, err);
}

/* At once, and then with what came together since. */
static void tell_losses(struct events *events, struct source *source, const char *name,
                        const char *node, const struct err *err)
{
    int64_t now = loop_now(events->loop);
    if ((source->dropped == 0 && source->refused == 0) || now < source->tell_at)
        return;
    if (source->refused > 0)
        log_warn("events of a node refused: node=%s count=%lld error=%s", node,
                 (long long)source->refused, log_quote(err->msg));
    if (source->dropped > 0) {
        log_warn("events of a node dropped, there are too many: node=%s count=%lld", node,
                 (long long)source->dropped);
        tell_of(events, name, "EventsDropped", "this node tells of more events than are kept",
                source->dropped);
    }
    source->dropped = source->refused = 0;
    source->tell_at = now + TELL_NS;
}

void events_take(struct events *events, const char *name, const char *node, const void *payload,
                 size_t len)
{
    struct source *source = source_of(events, node);
    struct err err = {0};
    take_message(events, source, name, payload, len, &err);
    tell_losses(events, source, name, node, &err);
}
