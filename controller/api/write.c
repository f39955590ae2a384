/* Carries out writes: each waits for those of its object that came before it, is decided by its
 * plan and handed to the store; writes of different objects run side by side. */

#include "controller/api/write.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "common/data/limits.h"
#include "controller/api/access.h"
#include "controller/api/asker.h"
#include "controller/api/change.h"
#include "controller/api/escalation.h"
#include "controller/api/form.h"
#include "controller/api/meta.h"
#include "controller/api/node_limits.h"
#include "controller/api/part.h"
#include "controller/api/status.h"
#include "controller/api/subresource.h"

#include <errno.h>

#define WRITE_QUEUE_MAX 1000 /* waiting for one object */

struct write_queue {
    struct list waiting;
    size_t count;
};

static void drop_kind(struct write *write)
{
    if (write->kind)
        kinds_release(write->api->kinds, write->kind);
    write->kind = NULL;
}

static void write_free(struct write *write)
{
    drop_kind(write);
    list_remove(&write->all);
    list_remove(&write->link);
    change_done(&write->change);
    value_free(write->input);
    value_free(write->create_refusal);
    escalation_free(write->escalation);
    free(write->node);
    free(write->ns);
    free(write->name);
    free(write->key);
    free(write->manager);
    value_free(write->asker);
    free((char *)(uintptr_t)write->options.uid);
    free((char *)(uintptr_t)write->options.resource_version);
    free((char *)(uintptr_t)write->options.propagation);
    free(write);
}

static void pump(void *ctx);

static void make_ready(struct write *write)
{
    struct api *api = write->api;
    list_append(&api->ready, &write->link);
    if (!api->pump && !api->stopped)
        api->pump = loop_defer(api->loop, pump, api);
}

/* Lets the next write of that object run. */
static void release_key(struct api *api, const char *key)
{
    struct write_queue *queue = map_get(api->busy, key);
    if (!queue)
        return;
    if (list_empty(&queue->waiting)) {
        free(map_del(api->busy, key));
        return;
    }
    struct write *next = container_of(queue->waiting.next, struct write, link);
    list_remove(&next->link);
    queue->count--;
    make_ready(next);
}

/* What admission has set aside for the write is used, or free again. */
static void settle(const struct write *write, bool changed)
{
    const struct gate *gate = write->api->gate;
    const struct change *change = &write->change;
    const struct api_ref ref = {write->kind, write->ns, write->name};
    if (gate && write->key && !(write->flags & API_DRY_RUN))
        gate->settle(gate->ctx, &ref, change->action == CHANGE_REMOVE ? NULL : change->object,
                     changed && change->code < 400);
}

/* The answer, and the end of the write. */
static void finish(struct write *write)
{
    struct api *api = write->api;
    struct change *change = &write->change;
    if (write->key)
        release_key(api, write->key);
    bool changed = change->action == CHANGE_PUT || change->action == CHANGE_REMOVE;
    if (api->namespaces && (changed || !write->removal))
        namespaces_written(api->namespaces, write->kind, write->ns, change->code == 201);
    settle(write, changed);
    bool as_part = change->object && change->code < 400 && (write->flags & API_SCALE);
    cleanup(value_free) struct value *part =
        as_part ? part_of(write->kind, change->object, write->flags) : NULL;
    struct api_answer answer = {change->code, part ? part : change->object,
                                change->warnings.count ? &change->warnings : NULL,
                                change->action == CHANGE_KEEP, change->action == CHANGE_REMOVE};
    drop_kind(write);
    list_remove(&write->all); /* done may free the api */
    if (write->done)
        write->done(write->ctx, &answer);
    write_free(write);
}

static void fail(struct write *write, struct value *status)
{
    value_free(write->change.object);
    write->change.object = status;
    write->change.action = CHANGE_REFUSE;
    write->change.code = status_code(status);
    finish(write);
}

static void run(struct write *write);

static struct value *store_refusal(const struct write *write, int code)
{
    switch (code) {
    case -EEXIST:
        return status_already_exists(write->kind, write->name);
    case -ENOENT:
        return status_not_found(write->kind, write->name);
    case -ESTALE:
        return status_conflict(write->kind, write->name, "the object has been modified");
    case -ENOSPC:
        return status_failure(500, "the gateway's disk is full: nothing was written");
    case -ENOBUFS:
        return status_failure(429, "too much waits for the gateway's disk: try again");
    default:
        return status_failure(500, "the store cannot write (%s): nothing was written",
                              strerror(-code));
    }
}

static void stored(void *ctx, int code, int64_t revision)
{
    struct write *write = ctx;
    if (write->api->stopped) {
        write_free(write);
        return;
    }
    /* Only something that writes past the API can have been in between. */
    if (code == -ESTALE && write->tries < 10) {
        change_done(&write->change);
        make_ready(write);
        return;
    }
    if (code != 0) {
        fail(write, store_refusal(write, code));
        return;
    }
    meta_set_revision(write->change.object, revision);
    finish(write);
}

static int64_t expected(const struct value *stored_object)
{
    int64_t revision = STORE_NONE;
    const char *text = value_get_str(value_get(stored_object, "metadata"), "resourceVersion");
    if (meta_parse_revision(text, &revision) != 0)
        return STORE_NONE;
    return revision;
}

/* The lease of a volatile kind; 0: its objects are durable. */
static int lease_of(const struct write *write)
{
    const struct schema_kind *kind = form_stored(write->kind);
    for (size_t i = 0; kind->keep && kinds_at(write->api->kinds, i); i++)
        if (kinds_at(write->api->kinds, i) == kind)
            return write->api->leases[i];
    return 0;
}

static void put(struct write *write, int64_t expect)
{
    const struct schema_kind *kind = write->kind;
    cleanup(buf_done) struct buf bytes;
    const struct api_ref ref = {kind, write->ns, write->name};
    struct value *refusal =
        change_encode(&ref, &write->change, write->flags, write->removal, &bytes);
    if (refusal) {
        fail(write, refusal);
        return;
    }
    if (write->flags & API_DRY_RUN) {
        /* Nothing gets a revision: it is shown with the one that it would replace. */
        if (expect != STORE_NONE)
            meta_set_revision(write->change.object, expect);
        finish(write);
        return;
    }
    struct store *store = write->api->store;
    int lease = lease_of(write);
    if (lease)
        store_put_leased(store, lease, write->key, bytes.data, bytes.len, expect, stored, write);
    else
        store_put(store, STORE_DURABLE, write->key, bytes.data, bytes.len, expect, stored, write);
}

static void execute(struct write *write, int64_t expect)
{
    switch (write->change.action) {
    case CHANGE_REFUSE:
    case CHANGE_KEEP:
        finish(write);
        break;
    case CHANGE_PUT:
        put(write, expect);
        break;
    case CHANGE_REMOVE:
        if (write->flags & API_DRY_RUN)
            finish(write);
        else
            store_delete(write->api->store, write->key, expect, stored, write);
        break;
    }
}

static enum change_namespace namespace_state(struct api *api, const char *ns)
{
    struct api_ref ref = {&kind_namespace, "", ns};
    return change_namespace_of(api_peek(api, &ref), ns);
}

/* A definition may have changed since, or gone. */
static bool renew_kind(struct write *write)
{
    struct kinds *kinds = write->api->kinds;
    const struct schema_kind *now = kinds_current(kinds, write->kind);
    if (!now)
        return false;
    if (now != write->kind) {
        kinds_hold(kinds, now);
        kinds_release(kinds, write->kind);
        write->kind = now;
    }
    return true;
}

/* What depends on who writes, in the object as it would stand. */
static struct value *content_refusal(const struct write *write, const struct api_ref *ref,
                                     const struct value *stored_object)
{
    const struct value *object = write->change.object;
    if (write->change.action != CHANGE_PUT)
        return NULL;
    struct value *refusal =
        write->node ? node_limits_refusal(write->node, ref, stored_object, object) : NULL;
    return refusal ? refusal
                   : escalation_refusal(write->api, write->escalation, ref, stored_object, object);
}

static void run(struct write *write)
{
    struct api *api = write->api;
    if (!renew_kind(write)) {
        fail(write, status_failure(404, "the server could not find the requested resource"));
        return;
    }
    const struct gate_reader reader = api_reader(api);
    struct change_env env = {
        .ref = {write->kind, write->ns, write->name},
        .gate = api->gate,
        .reader = &reader,
        .flags = write->flags,
        .now_wall_ns = clock_wall(api->clock),
        .rng = api->rng,
        .manager = write->manager,
        .asker = write->asker,
        .ns_state = write->kind->namespaced ? namespace_state(api, write->ns) : CHANGE_NS_ACTIVE,
    };
    write->tries++;
    const struct value *object = api_peek(api, &env.ref);
    int64_t expect = object ? expected(object) : STORE_NONE;
    write->plan(write, &env, object);
    struct value *refusal = content_refusal(write, &env.ref, object);
    if (refusal)
        fail(write, refusal);
    else
        execute(write, expect);
}

static void pump(void *ctx)
{
    struct api *api = ctx;
    struct list batch;
    api->pump = NULL;
    list_init(&batch);
    while (!list_empty(&api->ready)) {
        struct list *first = api->ready.next;
        list_remove(first);
        list_append(&batch, first);
    }
    /* A callback may stop the api, and free it: api_writes_free has then emptied the batch. */
    while (!list_empty(&batch)) {
        struct write *write = container_of(batch.next, struct write, link);
        list_remove(&write->link);
        if (api->stopped)
            list_append(&api->ready, &write->link);
        else
            run(write);
    }
}

void api_writes_free(struct api *api)
{
    struct list *it, *tmp;
    list_each(it, tmp, &api->writes) write_free(container_of(it, struct write, all));
}

/* ---- taking writes in ---- */

struct write *write_new(struct api *api, const struct api_ref *ref, unsigned flags,
                        write_plan_fn *plan, api_done_fn *done, void *ctx)
{
    struct write *write = xcalloc(1, sizeof(*write));
    write->api = api;
    write->kind = ref->kind;
    kinds_hold(api->kinds, write->kind);
    write->ns = xstrdup(ref->ns && ref->kind->namespaced ? ref->ns : "");
    write->name = xstrdup(ref->name ? ref->name : "");
    write->flags = flags;
    write->subresource = subresource_of_flags(ref->kind, flags);
    write->plan = plan;
    write->done = done;
    write->ctx = ctx;
    diags_init(&write->change.warnings);
    list_append(&api->writes, &write->all);
    return write;
}

static void plan_refusal(struct write *write, const struct change_env *env,
                         const struct value *object)
{
    (void)env;
    (void)object;
    struct value *status = steal(write->input);
    write->change = (struct change){CHANGE_REFUSE, status_code(status), status, {0}};
    diags_init(&write->change.warnings);
}

/* Takes status. */
static void submit_refusal(struct write *write, struct value *status)
{
    value_free(write->input);
    write->input = status;
    write->plan = plan_refusal;
    make_ready(write);
}

void write_submit(struct write *write, const struct api_user *user, const char *verb)
{
    struct api *api = write->api;
    struct api_ref ref = {write->kind, write->ns, write->name};
    const char *manager = user && user->manager ? user->manager : user ? user->name : NULL;
    write->manager = manager ? xstrdup(manager) : NULL;
    write->asker = asker_of(user, write->kind);
    const char *node = access_node(user);
    if (!write->removal) {
        write->escalation = escalation_new(user, &ref);
        write->node = node ? xstrdup(node) : NULL;
    }
    const struct access access = {verb, ref, write->subresource, NULL};
    struct value *refusal = access_refusal(api, user, &access);
    if (refusal) {
        submit_refusal(write, refusal);
        return;
    }
    const struct access creation = {"create", ref, NULL, NULL};
    if (write->may_create)
        write->create_refusal = access_refusal(api, user, &creation);
    if (write->kind->computed && !WEAKENED(API_COMPUTED)) {
        submit_refusal(write, status_not_stored(write->kind));
        return;
    }
    autofree char *key = api_key(write->kind, write->ns, write->name);
    if (!key) {
        submit_refusal(write, status_of(400, write->kind, NULL, "a name or namespace holds a '/'"));
        return;
    }
    struct write_queue *queue = map_get(api->busy, key);
    if (!queue) {
        queue = xcalloc(1, sizeof(*queue));
        list_init(&queue->waiting);
        map_put(api->busy, key, queue);
        write->key = steal(key);
        make_ready(write);
        return;
    }
    if (queue->count >= WRITE_QUEUE_MAX && !WEAKENED(API_WRITE_QUEUE)) {
        submit_refusal(write, status_of(429, write->kind, write->name,
                                        "too many writes of this object at once: try again"));
        return;
    }
    write->key = steal(key);
    list_append(&queue->waiting, &write->link);
    queue->count++;
}
