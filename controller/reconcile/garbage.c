#include "controller/reconcile/garbage.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/reconcile/garbage_plan.h"
#include "controller/reconcile/owners.h"
#include "controller/reconcile/reconciler.h"

#include <errno.h>
#include <stdlib.h>

#define WRITES_MAX 64 /* under way at once */
#define RETRY_NS (2 * NS_PER_S)
#define ELSEWHERE_MAX                                                                              \
    100 /* namespaces in which an owner is looked for that is not where it should */

/* A kind that is watched. */
struct source {
    struct list link;
    struct garbage *garbage;
    const struct schema_kind *kind;
};

struct garbage {
    struct api *api;
    struct recorder *recorder;
    struct owners *owners;
    struct list sources;
    struct reconciler *frame; /* keys: uids */
};

/* A write that is under way. */
struct job {
    struct reconciler_write write;
    const struct schema_kind *kind;
    char *ns, *name, *uid, *revision;
    struct garbage_plan plan;
    const char **drop; /* uids, of strings in `refs` */
    size_t drop_count;
    struct value *refs;
};

static const struct api_user user = {.name = "system:limpet:garbage"};

static void look_at(struct garbage *garbage, const struct owned *object)
{
    if (object->kind)
        reconciler_put(garbage->frame, object->uid);
}

/* ---- what happens ---- */

static void look_at_dependents(struct garbage *garbage, const struct owned *object)
{
    for (uint32_t i = 0; i < object->dep_count; i++)
        look_at(garbage, object->deps[i].object);
}

/* Owners that wait for their dependents and have none left to wait for. */
static void look_at_owners(struct garbage *garbage, char *const *uids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct owned *owner = owners_find(garbage->owners, uids[i]);
        if (owner && (owner->hold == OWNED_FOREGROUND ? owner->blocking == 0
                      : owner->hold == OWNED_ORPHAN   ? owner->dep_count == 0
                                                      : false))
            look_at(garbage, owner);
    }
}

/* The uids of owners that hold an object's deletion up; of none in most cases. Caller frees all. */
static char **held_owners(const struct owned *object, size_t *ret_count)
{
    char **uids = NULL;
    *ret_count = 0;
    for (uint32_t i = 0; object && i < object->ref_count; i++) {
        if (object->refs[i].owner->hold == OWNED_FREE)
            continue;
        uids = xreallocarray(uids, *ret_count + 1, sizeof(*uids));
        uids[(*ret_count)++] = xstrdup(object->refs[i].owner->uid);
    }
    return uids;
}

static void see(struct garbage *garbage, const struct schema_kind *kind, const struct value *object)
{
    struct owned *entry;
    bool changed = owners_see(garbage->owners, kind, object, &entry);
    if (!changed || !entry)
        return;
    look_at(garbage, entry);
    if (entry->hold != OWNED_FREE)
        look_at_dependents(garbage, entry);
}

static void drop(struct garbage *garbage, struct owned *object)
{
    look_at_dependents(garbage, object);
    owners_drop(garbage->owners, object);
}

static void on_event(void *ctx, enum api_event_type type, const struct value *object)
{
    const struct source *source = ctx;
    struct garbage *garbage = source->garbage;
    struct owned *entry = owners_find(garbage->owners, object_uid(object));
    size_t count;
    char **held = held_owners(entry, &count);
    if (type != API_DELETED)
        see(garbage, source->kind, object);
    else if (entry)
        drop(garbage, entry);
    look_at_owners(garbage, held, count);
    for (size_t i = 0; i < count; i++)
        free(held[i]);
    free(held);
}

/* ---- looking ---- */

static bool is_at(const struct garbage *garbage, const struct api_ref *ref, const char *uid,
                  enum garbage_owner *ret)
{
    const struct value *object;
    if (api_see(garbage->api, &user, ref, &object) != 0 || !str_eq(object_uid(object), uid))
        return false;
    enum owned_hold hold = owned_hold_of(object);
    *ret = hold == OWNED_FOREGROUND ? GARBAGE_WAITING
           : hold == OWNED_ORPHAN   ? GARBAGE_ORPHANING
                                    : GARBAGE_SOLID;
    return true;
}

static const struct schema_kind *kind_of(const struct garbage *garbage, const struct value *ref)
{
    return kinds_find(api_kinds(garbage->api), value_get_str(ref, "apiVersion"),
                      value_get_str(ref, "kind"));
}

/* An object of the cluster cannot be owned by one of a namespace: it stays. So does what belongs to
 * a kind that nobody knows. */
static enum garbage_owner owner_behind(const struct garbage *garbage, const struct owned *object,
                                       const struct value *ref)
{
    const struct schema_kind *kind = kind_of(garbage, ref);
    enum garbage_owner owner = GARBAGE_ABSENT;
    if (!kind || (kind->namespaced && !object->kind->namespaced))
        return GARBAGE_SOLID;
    const char *name = value_get_str(ref, "name");
    const struct api_ref at = {kind, kind->namespaced ? object->ns : "", name ? name : ""};
    (void)is_at(garbage, &at, value_get_str(ref, "uid"), &owner);
    return owner;
}

static void tell_of(struct garbage *garbage, const struct owned *object, const struct value *ref)
{
    autofree char *message = xasprintf(
        "ownerRef [%.63s/%.63s, namespace: %s, name: %.253s, uid: %.63s] does not exist in "
        "namespace \"%s\"",
        value_get_str(ref, "apiVersion"), value_get_str(ref, "kind"), object->ns,
        value_get_str(ref, "name"), value_get_str(ref, "uid"), object->ns);
    const struct event event = {.kind = object->kind->kind,
                                .ns = object->ns,
                                .name = object->name,
                                .uid = object->uid,
                                .type = "Warning",
                                .reason = "OwnerRefInvalidNamespace",
                                .message = message,
                                .component = "garbage-collector-controller",
                                .host = ""};
    recorder_event(garbage->recorder, &event);
}

/* Whoever names an owner of another namespace is told why that did not help. */
static void tell_of_strangers(struct garbage *garbage, const struct owned *object,
                              const struct value *refs)
{
    const struct api_ref all = {&kind_namespace, "", ""};
    const struct api_list_query query = {.limit = ELSEWHERE_MAX};
    cleanup(value_free) struct value *list = NULL;
    for (size_t i = 0; i < value_len(refs); i++) {
        const struct value *ref = value_at(refs, i);
        const struct schema_kind *kind = kind_of(garbage, ref);
        const char *name = value_get_str(ref, "name");
        enum garbage_owner owner;
        if (object->kind->namespaced && !list &&
            api_list(garbage->api, &user, &all, &query, &list) != 0)
            return;
        const struct value *items = value_get(list, "items");
        bool elsewhere = false;
        for (size_t j = 0; kind && kind->namespaced && j < value_len(items) && !elsewhere; j++) {
            const struct api_ref at = {kind, object_name(value_at(items, j)), name ? name : ""};
            elsewhere = !str_eq(at.ns, object->ns) &&
                        is_at(garbage, &at, value_get_str(ref, "uid"), &owner);
        }
        if (!object->kind->namespaced ? kind && kind->namespaced : elsewhere)
            tell_of(garbage, object, ref);
    }
}

/* ---- writing ---- */

static void job_free(struct reconciler_write *write)
{
    struct job *job = container_of(write, struct job, write);
    free(job->ns);
    free(job->name);
    free(job->uid);
    free(job->revision);
    free(job->drop);
    value_free(job->refs);
}

static void write_plan(struct job *job);

static enum work_end on_done(struct reconciler_write *write, const struct api_answer *answer)
{
    struct job *job = container_of(write, struct job, write);
    if (answer->code < 300 && job->plan.action == GARBAGE_UNBLOCK) {
        job->plan.action = GARBAGE_DELETE;
        free(steal(job->revision));
        write_plan(job);
        return WORK_HELD;
    }
    /* 404: its end is on the way to us. 409: it has changed since we looked. */
    return answer->code == 409 ? WORK_AGAIN : reconciler_verdict(answer);
}

static int edit(void *ctx, struct value *object)
{
    const struct job *job = ctx;
    bool changed = false;
    if (!str_eq(object_uid(object), job->uid))
        return 1;
    if (job->plan.action == GARBAGE_LET_GO)
        changed = garbage_let_go(object, job->drop, job->drop_count);
    else if (job->plan.action == GARBAGE_UNBLOCK)
        changed = garbage_unblock(object);
    else
        changed = garbage_release(object, job->plan.finalizer);
    return changed ? 0 : 1;
}

static void write_plan(struct job *job)
{
    const struct garbage *garbage = reconciler_ctx(&job->write);
    const struct api_ref ref = {job->kind, job->ns, job->name};
    if (job->plan.action != GARBAGE_DELETE) {
        api_patch_with(garbage->api, &user, &ref, 0, edit, reconciler_written, job);
        return;
    }
    const struct api_delete_options options = {.grace_s = -1,
                                               .uid = job->uid,
                                               .resource_version = job->revision,
                                               .propagation = job->plan.propagation};
    log_info("garbage collected object=%s/%s/%s propagation=%s", job->kind->plural,
             log_quote(job->ns), log_quote(job->name), job->plan.propagation);
    api_delete(garbage->api, &user, &ref, &options, 0, reconciler_written, job);
}

static void begin(struct garbage *garbage, struct owned *object, const struct value *view,
                  const enum garbage_owner *owners, const struct garbage_plan *plan)
{
    static const struct reconciler_ops ops = {
        .size = sizeof(struct job), .done = on_done, .free = job_free};
    const struct value *refs = value_path(view, "metadata", "ownerReferences", NULL);
    const char *revision = value_get_str(value_get(view, "metadata"), "resourceVersion");
    struct job *job = reconciler_begin(garbage->frame, object->uid, &ops);
    job->kind = object->kind;
    job->ns = xstrdup(object->ns);
    job->name = xstrdup(object->name);
    job->uid = xstrdup(object->uid);
    job->revision = xstrdup(revision ? revision : "");
    job->plan = *plan;
    job->refs = refs ? value_copy(refs) : NULL;
    job->drop = xcalloc(value_len(refs) + 1, sizeof(*job->drop));
    for (size_t i = 0; i < value_len(job->refs); i++)
        if (plan->drop[owners[i]])
            job->drop[job->drop_count++] = value_get_str(value_at(job->refs, i), "uid");
    write_plan(job);
}

/* Only its metadata is copied: looking at its owners may wash it out of the API's cache. */
static struct value *metadata_of(const struct garbage *garbage, const struct owned *object)
{
    const struct api_ref ref = {object->kind, object->ns, object->name};
    const struct value *now;
    if (api_see(garbage->api, &user, &ref, &now) != 0 || !str_eq(object_uid(now), object->uid))
        return NULL; /* the event that says so is on its way */
    struct value *view = value_new_map();
    value_set(view, "metadata", value_copy(value_get(now, "metadata")));
    return view;
}

static void look(void *ctx, const char *uid)
{
    struct garbage *garbage = ctx;
    struct owned *object = owners_find(garbage->owners, uid);
    cleanup(value_free) struct value *view =
        object && object->kind ? metadata_of(garbage, object) : NULL;
    if (!view)
        return;
    const struct value *refs = value_path(view, "metadata", "ownerReferences", NULL);
    autofree enum garbage_owner *owners = xcalloc(value_len(refs) + 1, sizeof(*owners));
    for (size_t i = 0; i < value_len(refs); i++)
        owners[i] = owner_behind(garbage, object, value_at(refs, i));
    const struct garbage_view seen = {.object = view,
                                      .owners = owners,
                                      .dependents = object->dep_count,
                                      .blocking = object->blocking,
                                      .cycle = owners_cycle(garbage->owners, object)};
    const struct garbage_plan plan = garbage_plan(&seen);
    if (plan.action == GARBAGE_DELETE || !object->kind->namespaced)
        tell_of_strangers(garbage, object, refs);
    if (plan.action != GARBAGE_KEEP)
        begin(garbage, object, view, owners, &plan);
}

/* ---- kinds ---- */

static void source_free(struct source *source)
{
    list_remove(&source->link);
    free(source);
}

/* Events name no owners worth the while; other versions of a kind are the same objects. */
static bool is_collected(const struct schema_kind *kind)
{
    return !str_eq(kind->kind, "Event") && !kind->stored && !kind->computed;
}

static int add_source(struct garbage *garbage, const struct schema_kind *kind)
{
    static const char *const mentions[] = {"\"ownerReferences\"", "\"finalizers\"", NULL};
    if (!is_collected(kind))
        return 0;
    struct source *source = xcalloc(1, sizeof(*source));
    source->garbage = garbage;
    source->kind = kind;
    list_append(&garbage->sources, &source->link);
    const struct reconciler_watch watch = {kind, on_event, mentions, .ctx = source};
    int r = reconciler_watch(garbage->frame, &watch);
    if (r < 0)
        source_free(source);
    return r;
}

/* Its objects are not ours to touch any more; what they own is looked at by those who come. */
static void remove_source(struct garbage *garbage, const struct schema_kind *kind)
{
    struct list *it, *tmp;
    reconciler_unwatch(garbage->frame, kind);
    list_each(it, tmp, &garbage->sources)
    {
        struct source *source = container_of(it, struct source, link);
        if (source->kind == kind)
            source_free(source);
    }
    for (bool found = true; found;) {
        struct owned *object;
        found = false;
        for (size_t i = 0; !found && (object = owners_next(garbage->owners, &i));)
            if (object->kind == kind) {
                owners_drop(garbage->owners, object);
                found = true;
            }
    }
}

/* An owner of a kind that nobody knew may be known now, and absent. */
static void look_at_all(struct garbage *garbage)
{
    struct owned *object;
    for (size_t i = 0; (object = owners_next(garbage->owners, &i));)
        look_at(garbage, object);
}

static void on_kind(void *ctx, const struct schema_kind *kind, bool added)
{
    struct garbage *garbage = ctx;
    if (!added) {
        remove_source(garbage, kind);
        return;
    }
    if (add_source(garbage, kind) < 0)
        log_error("garbage of a new kind cannot be collected kind=%s", log_quote(kind->kind));
    look_at_all(garbage);
}

/* ---- life ---- */

int garbage_new(struct loop *loop, struct api *api, struct recorder *recorder, struct garbage **ret,
                struct err *err)
{
    struct garbage *garbage = xcalloc(1, sizeof(*garbage));
    const struct reconciler_spec spec = {.name = "garbage",
                                         .loop = loop,
                                         .api = api,
                                         .user = &user,
                                         .look = look,
                                         .ctx = garbage,
                                         .write_max = WRITES_MAX,
                                         .wait_ns = RETRY_NS};
    const struct schema_kind *kind;
    garbage->api = api;
    garbage->recorder = recorder;
    garbage->owners = owners_new();
    list_init(&garbage->sources);
    int r = reconciler_new(&spec, &garbage->frame, err);
    kinds_observe(api_kinds(api), on_kind, garbage);
    for (size_t i = 0; r == 0 && (kind = kinds_at(api_kinds(api), i)); i++)
        r = add_source(garbage, kind);
    if (r < 0) {
        garbage_free(garbage);
        return err_set(err, -EIO, "garbage collection: watch: %d", -r);
    }
    *ret = garbage;
    return 0;
}

void garbage_free(struct garbage *garbage)
{
    struct list *it, *tmp;
    if (!garbage)
        return;
    kinds_unobserve(api_kinds(garbage->api), garbage);
    reconciler_free(garbage->frame);
    list_each(it, tmp, &garbage->sources) source_free(container_of(it, struct source, link));
    owners_free(garbage->owners);
    free(garbage);
}

size_t garbage_count(const struct garbage *garbage)
{
    return owners_count(garbage->owners);
}
