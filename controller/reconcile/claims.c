#include "controller/reconcile/claims.h"

#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/claim_words.h"
#include "common/kinds/local_volume.h"
#include "controller/manifest/local_volume.h"
#include "controller/reconcile/claim_users.h"
#include "controller/reconcile/claims_plan.h"
#include "controller/reconcile/volumes_plan.h"
#include "controller/sched/volume_index.h"

#include <errno.h>
#include <stdlib.h>

#define TURN_MAX 64             /* claims and volumes that are looked at in one turn of the loop */
#define AGAIN_NS (5 * NS_PER_S) /* after a write that failed */

/* A claim or a volume, by what is done about it. */
struct item {
    struct list link; /* of claims->queue or claims->failed */
    char *key;        /* "namespace/name", or a volume's name */
    char *told;       /* what was told of it last; NULL: nothing */
    bool volume;
    bool queued;      /* link is of claims->queue */
    bool busy, again; /* a write is under way; it is to be looked at after it */
};

struct claim {
    struct item item;
    struct claim_view view;
    struct list of_class;  /* of those that wait for a volume of a class */
    struct list of_volume; /* of those that name a volume */
};

struct claims {
    struct loop *loop;
    struct api *api;
    struct recorder *recorder;
    struct api_watch *watches[5];
    struct map *claims;    /* "namespace/name" -> struct claim */
    struct map *items;     /* name of a volume -> struct item */
    struct map *of_class;  /* class -> struct list of struct claim */
    struct map *of_volume; /* name of a volume -> struct list of struct claim */
    struct volume_index *volumes;
    struct claim_users *users;
    struct list queue, failed; /* of struct item */
    struct list requests;      /* of struct request */
    struct loop_defer *defer;
    struct loop_timer *again;
};

/* A write under way. The item is looked up again when it is done. */
struct request {
    struct list link;
    struct claims *claims;
    bool volume; /* what it is about */
    char *key;
    struct value *claim, *object; /* that it follows from; NULL where there is none */
    char *name;                   /* of a volume, a phase or a finalizer */
    struct claims_note note;      /* told when it is done */
    char *taken;                  /* the volume that is held meanwhile; NULL: none */
    int (*change)(const struct request *request, struct value *object);
};

static const struct api_user user = {.name = "system:limpet:claims"};

/* ---- what is looked at next ---- */

static void on_turn(void *ctx);

static void enqueue(struct claims *claims, struct item *item)
{
    if (item->busy || item->queued) {
        item->again = item->busy;
        return;
    }
    list_remove(&item->link);
    list_append(&claims->queue, &item->link);
    item->queued = true;
    if (!claims->defer)
        claims->defer = loop_defer(claims->loop, on_turn, claims);
}

static void enqueue_claim(void *ctx, const char *key)
{
    struct claims *claims = ctx;
    struct claim *claim = map_get(claims->claims, key);
    if (claim)
        enqueue(claims, &claim->item);
}

static void enqueue_volume(void *ctx, struct volume_view *view)
{
    struct claims *claims = ctx;
    struct item *item = map_get(claims->items, view->name);
    if (item)
        enqueue(claims, item);
}

static void on_again(void *ctx)
{
    struct claims *claims = ctx;
    struct list *it, *tmp;
    list_each(it, tmp, &claims->failed) enqueue(claims, container_of(it, struct item, link));
}

static struct item *item_of(const struct claims *claims, bool volume, const char *key)
{
    struct claim *claim = volume ? NULL : map_get(claims->claims, key);
    if (volume)
        return map_get(claims->items, key);
    return claim ? &claim->item : NULL;
}

static void item_done(struct item *item)
{
    list_remove(&item->link);
    free(item->key);
    free(item->told);
}

/* ---- lists by a name ---- */

static void join(struct map *map, const char *name, struct list *link)
{
    struct list *list = map_get(map, name);
    if (!list) {
        list = xcalloc(1, sizeof(*list));
        list_init(list);
        (void)map_put(map, name, list);
    }
    list_append(list, link);
}

static void part(struct map *map, const char *name, struct list *link)
{
    const struct list *list = link->next ? map_get(map, name) : NULL;
    list_remove(link);
    if (list && list_empty(list))
        free(map_del(map, name));
}

/* ---- reading ---- */

/* The caller's; NULL: there is none. */
static struct value *get(const struct claims *claims, const struct schema_kind *kind,
                         const char *ns, const char *name)
{
    const struct api_ref ref = {kind, ns, name};
    struct value *object = NULL;
    if (str_empty(name))
        return NULL;
    if (api_get(claims->api, &user, &ref, &object) == 0)
        return object;
    value_free(object);
    return NULL;
}

static struct value *get_claim(const struct claims *claims, const char *key)
{
    const char *slash = strchr(key, '/');
    autofree char *ns = slash ? xstrndup(key, (size_t)(slash - key)) : NULL;
    return slash ? get(claims, &kind_persistent_volume_claim, ns, slash + 1) : NULL;
}

static struct value *get_volume(const struct claims *claims, const char *name)
{
    return get(claims, &kind_persistent_volume, "", name);
}

/* ---- writing ---- */

static void request_free(struct request *request)
{
    list_remove(&request->link);
    free(request->key);
    free(request->name);
    free(request->taken);
    value_free(request->claim);
    value_free(request->object);
    claims_note_done(&request->note);
    free(request);
}

static struct request *request_new(struct claims *claims, struct item *item,
                                   int (*change)(const struct request *, struct value *))
{
    struct request *request = xcalloc(1, sizeof(*request));
    request->claims = claims;
    request->volume = item->volume;
    request->key = xstrdup(item->key);
    request->change = change;
    list_append(&claims->requests, &request->link);
    item->busy = true;
    return request;
}

static void record(const struct claims *claims, const struct value *object,
                   const struct claims_note *note)
{
    const char *kind = value_get_str(object, "kind"), *ns = object_namespace(object);
    const struct event event = {.kind = kind ? kind : "",
                                .ns = ns ? ns : "",
                                .name = object_name(object),
                                .uid = object_uid(object),
                                .type = note->type,
                                .reason = note->reason,
                                .message = note->message,
                                .component = "persistentvolume-controller",
                                .host = ""};
    recorder_event(claims->recorder, &event);
}

/* Something is told of an item when it is not what was told of it last. */
static void tell(const struct claims *claims, struct item *item, const struct value *object,
                 const struct claims_note *note)
{
    autofree char *said = note->reason ? xasprintf("%s %s", note->reason, note->message) : NULL;
    if (!said || str_eq(said, item->told))
        return;
    free(item->told);
    item->told = steal(said);
    record(claims, object, note);
}

static int change(void *ctx, struct value *object)
{
    const struct request *request = ctx;
    return request->change(request, object);
}

static void on_written(void *ctx, const struct api_answer *answer)
{
    struct request *request = ctx;
    struct claims *claims = request->claims;
    struct item *item = item_of(claims, request->volume, request->key);
    struct volume_view *held =
        request->taken ? volume_index_get(claims->volumes, request->taken) : NULL;
    const char *message = value_get_str(answer->object, "message");
    const struct value *about = request->claim ? request->claim : request->object;
    if (held)
        held->taken = false;
    if (answer->code >= 300 && answer->code != 404)
        log_debug("not written for claims and volumes: key=%s reason=%s", request->key,
                  log_quote(message ? message : ""));
    if (item) {
        bool again = item->again;
        item->busy = item->again = false;
        if (answer->code < 300 && about)
            tell(claims, item, about, &request->note);
        /* What was changed comes back as a change; only what was not is looked at again. */
        if (again) {
            enqueue(claims, item);
        } else if (answer->code >= 300 || answer->unchanged) {
            list_remove(&item->link);
            list_append(&claims->failed, &item->link);
            if (!loop_timer_armed(claims->again))
                loop_timer_after(claims->again, AGAIN_NS);
        }
    }
    request_free(request);
}

static void patch_claim(struct request *request, const struct value *claim, unsigned flags)
{
    const struct api_ref ref = {&kind_persistent_volume_claim, object_namespace(claim),
                                object_name(claim)};
    api_patch_with(request->claims->api, &user, &ref, flags, change, on_written, request);
}

static void patch_volume(struct request *request, const char *name, unsigned flags)
{
    const struct api_ref ref = {&kind_persistent_volume, "", name};
    api_patch_with(request->claims->api, &user, &ref, flags, change, on_written, request);
}

/* ---- steps of claims ---- */

static bool is_it(const struct value *object, const struct value *seen)
{
    return str_eq(object_uid(object), object_uid(seen));
}

static int take_volume(const struct request *request, struct value *object)
{
    return claims_take_volume(object, request->claim);
}

static int take_claim(const struct request *request, struct value *object)
{
    return is_it(object, request->claim) ? claims_take_claim(object, request->name) : 1;
}

static int be_bound(const struct request *request, struct value *object)
{
    return is_it(object, request->claim) ? claims_is_bound(object, request->object) : 1;
}

static int be_lost(const struct request *request, struct value *object)
{
    return is_it(object, request->claim) ? claims_is_lost(object) : 1;
}

static int release_claim(const struct request *request, struct value *object)
{
    return is_it(object, request->claim) ? claims_release(object) : 1;
}

static void on_provisioned(void *ctx, const struct api_answer *answer)
{
    struct request *request = ctx;
    const char *message = value_get_str(answer->object, "message");
    struct item *item = item_of(request->claims, false, request->key);
    if (answer->code < 300) {
        log_info("volume made claim=%s volume=%s", request->key, object_name(answer->object));
        claims_note_set(&request->note, "Normal", "ProvisioningSucceeded",
                        "Successfully provisioned volume %s", object_name(answer->object));
    } else if (item && answer->code != 409) {
        cleanup(claims_note_done) struct claims_note note = {0};
        claims_note_set(&note, "Warning", "ProvisioningFailed",
                        "failed to provision volume with StorageClass \"%s\": %s", request->name,
                        message ? message : "unknown reason");
        tell(request->claims, item, request->claim, &note);
    }
    on_written(request, answer);
}

static void provision(struct claims *claims, struct item *item, const struct value *claim,
                      const struct value *class)
{
    cleanup(value_free) struct value *volume = claims_provision(claim, class);
    const struct api_ref ref = {&kind_persistent_volume, "", object_name(volume)};
    struct request *request = request_new(claims, item, NULL);
    request->claim = value_copy(claim);
    request->name = xstrdup(object_name(class));
    api_create(claims->api, &user, &ref, volume, 0, on_provisioned, request);
}

static void act_on_claim(struct claims *claims, struct item *item, const struct claim_facts *facts,
                         struct claim_verdict *verdict)
{
    static const struct {
        int (*change)(const struct request *request, struct value *object);
        unsigned flags;
    } steps[] = {
        [CLAIM_TAKE_VOLUME] = {take_volume, 0},    [CLAIM_TAKE_CLAIM] = {take_claim, 0},
        [CLAIM_IS_BOUND] = {be_bound, API_STATUS}, [CLAIM_IS_LOST] = {be_lost, API_STATUS},
        [CLAIM_RELEASE] = {release_claim, 0},
    };
    if (verdict->action == CLAIM_KEEP) {
        tell(claims, item, facts->claim, &verdict->note);
        return;
    }
    if (verdict->action == CLAIM_PROVISION) {
        provision(claims, item, facts->claim, facts->class);
        return;
    }
    struct request *request = request_new(claims, item, steps[verdict->action].change);
    request->claim = value_copy(facts->claim);
    request->object = facts->named ? value_copy(facts->named) : NULL;
    request->name = steal(verdict->volume);
    request->note = verdict->note;
    verdict->note = (struct claims_note){0};
    if (verdict->action == CLAIM_TAKE_VOLUME) {
        struct volume_view *view = volume_index_get(claims->volumes, request->name);
        if (view)
            view->taken = true;
        request->taken = xstrdup(request->name);
        patch_volume(request, request->name, 0);
    } else {
        patch_claim(request, facts->claim, steps[verdict->action].flags);
    }
}

/* One that is kept for the claim, or one that fits; where its first pod is to run, if its class
 * waits for that. */
static const struct volume_view *find_volume(const struct claims *claims, const char *key,
                                             const struct claim_facts *facts,
                                             const struct claim_view *claim,
                                             const struct value *node)
{
    const struct volume_view *kept =
        volume_index_of(claims->volumes, key, object_uid(facts->claim));
    if (kept && !volume_kept_misfit(kept, claim))
        return kept;
    if (!claims_wait_for_pod(facts->class))
        return volume_index_pick(claims->volumes, claim, NULL);
    struct sched_node view = {0};
    if (!node)
        return NULL;
    sched_node_read(&view, node);
    const struct volume_view *found = volume_index_pick(claims->volumes, claim, &view);
    sched_node_done(&view);
    return found;
}

static void look_at_claim(struct claims *claims, struct item *item)
{
    cleanup(value_free) struct value *object = get_claim(claims, item->key);
    cleanup(claim_verdict_done) struct claim_verdict verdict = {0};
    cleanup(claim_done) struct claim_view view = {0};
    if (!object)
        return;
    claim_read(&view, object);
    cleanup(value_free) struct value *named = get_volume(claims, view.volume);
    cleanup(value_free) struct value *class =
        *view.volume ? NULL : get(claims, &kind_storage_class, "", view.terms.class);
    cleanup(value_free) struct value *node =
        *view.volume ? NULL : get(claims, &kind_node, "", view.node);
    struct claim_facts facts = {
        .claim = object,
        .named = named,
        .class = class,
        .placed = node != NULL,
        .used = claim_users_placed(claims->users, item->key),
        .waiting = claim_users_waiting(claims->users, item->key),
    };
    if (!*view.volume && !view.deleting)
        facts.found = find_volume(claims, item->key, &facts, &view, node);
    claims_plan(&facts, &verdict);
    act_on_claim(claims, item, &facts, &verdict);
}

/* ---- steps of volumes ---- */

static int set_phase(const struct request *request, struct value *object)
{
    int64_t now = clock_wall(loop_clock(request->claims->loop));
    return is_it(object, request->object)
               ? volumes_phase(object, request->name, request->note.message, now)
               : 1;
}

static int unbind(const struct request *request, struct value *object)
{
    return is_it(object, request->object) ? volumes_unbind(object) : 1;
}

static int unprotect(const struct request *request, struct value *object)
{
    return is_it(object, request->object) ? volumes_release(object, LOCAL_VOLUME_PROTECTION) : 1;
}

static int forget(const struct request *request, struct value *object)
{
    return is_it(object, request->object) ? volumes_release(object, LOCAL_VOLUME_FINALIZER) : 1;
}

static void delete_volume(struct claims *claims, struct item *item, const struct value *volume)
{
    struct request *request = request_new(claims, item, NULL);
    const struct api_ref ref = {&kind_persistent_volume, "", object_name(volume)};
    const struct api_delete_options options = {.grace_s = -1, .uid = object_uid(volume)};
    log_info("volume goes with its claim volume=%s", ref.name);
    api_delete(claims->api, &user, &ref, &options, 0, on_written, request);
}

static void act_on_volume(struct claims *claims, struct item *item, const struct value *volume,
                          struct volume_verdict *verdict)
{
    static const struct {
        int (*change)(const struct request *request, struct value *object);
        unsigned flags;
    } steps[] = {
        [VOLUME_PHASE] = {set_phase, API_STATUS},
        [VOLUME_UNBIND] = {unbind, 0},
        [VOLUME_UNPROTECT] = {unprotect, 0},
        [VOLUME_FORGET] = {forget, 0},
    };
    if (verdict->action == VOLUME_KEEP)
        return;
    if (verdict->action == VOLUME_DELETE) {
        delete_volume(claims, item, volume);
        return;
    }
    struct request *request = request_new(claims, item, steps[verdict->action].change);
    request->object = value_copy(volume);
    request->name = verdict->phase ? xstrdup(verdict->phase) : NULL;
    request->note = verdict->note;
    verdict->note = (struct claims_note){0};
    patch_volume(request, object_name(volume), steps[verdict->action].flags);
}

static bool is_gone(const struct claims *claims, const char *node)
{
    const struct api_ref ref = {&kind_node, "", node};
    const struct value *object;
    return api_see(claims->api, &user, &ref, &object) == -404;
}

static void look_at_volume(struct claims *claims, struct item *item)
{
    cleanup(value_free) struct value *volume = get_volume(claims, item->key);
    cleanup(volume_verdict_done) struct volume_verdict verdict = {0};
    cleanup(volume_done) struct volume_view view = {0};
    if (!volume)
        return;
    volume_read(&view, volume);
    cleanup(value_free) struct value *claim = get_claim(claims, view.claim);
    const char *node = view.deleting ? local_volume_node(volume) : NULL;
    const struct volume_facts facts = {
        .volume = volume, .claim = claim, .node_gone = node && is_gone(claims, node)};
    volumes_plan(&facts, &verdict);
    act_on_volume(claims, item, volume, &verdict);
}

/* What is not known yet could be what uses a claim, or is a claim's. */
static bool knows_all(const struct claims *claims)
{
    for (size_t i = 0; i < ARRAY_LEN(claims->watches); i++)
        if (!api_watch_is_live(claims->watches[i]))
            return false;
    return true;
}

static void on_turn(void *ctx)
{
    struct claims *claims = ctx;
    claims->defer = NULL;
    for (int i = 0; i < TURN_MAX && knows_all(claims) && !list_empty(&claims->queue); i++) {
        struct item *item = container_of(claims->queue.next, struct item, link);
        list_remove(&item->link);
        item->queued = false;
        if (item->volume)
            look_at_volume(claims, item);
        else
            look_at_claim(claims, item);
    }
    if (!list_empty(&claims->queue) && !claims->defer)
        claims->defer = loop_defer(claims->loop, on_turn, claims);
}

/* ---- what changes ---- */

static void claim_free(void *p)
{
    struct claim *claim = p;
    claim_done(&claim->view);
    item_done(&claim->item);
    free(claim);
}

static void leave_lists(struct claims *claims, struct claim *claim)
{
    part(claims->of_class, claim->view.terms.class, &claim->of_class);
    part(claims->of_volume, claim->view.volume, &claim->of_volume);
}

static void on_claim(void *ctx, enum api_event_type type, const struct value *object)
{
    struct claims *claims = ctx;
    autofree char *key = xasprintf("%s/%s", object_namespace(object), object_name(object));
    struct claim *claim = map_get(claims->claims, key);
    volume_index_each_of(claims->volumes, key, enqueue_volume, claims);
    if (claim)
        leave_lists(claims, claim);
    if (type == API_DELETED) {
        if (claim)
            claim_free(map_del(claims->claims, key));
        return;
    }
    if (!claim) {
        claim = xcalloc(1, sizeof(*claim));
        claim->item.key = xstrdup(key);
        (void)map_put(claims->claims, key, claim);
    }
    claim_done(&claim->view);
    claim_read(&claim->view, object);
    if (*claim->view.volume)
        join(claims->of_volume, claim->view.volume, &claim->of_volume);
    else
        join(claims->of_class, claim->view.terms.class, &claim->of_class);
    enqueue(claims, &claim->item);
}

/* Claims that could do with a free volume. */
static void offer(struct claims *claims, const struct volume_view *view)
{
    const struct list *list = *view->claim ? NULL : map_get(claims->of_class, view->terms.class);
    struct list *it, *tmp;
    if (!list)
        return;
    list_each(it, tmp, list)
    {
        struct claim *claim = container_of(it, struct claim, of_class);
        if (!claim->item.queued && volume_fits(view, &claim->view))
            enqueue(claims, &claim->item);
    }
}

static void on_volume(void *ctx, enum api_event_type type, const struct value *object)
{
    struct claims *claims = ctx;
    const char *name = object_name(object);
    struct item *item = map_get(claims->items, name);
    const struct list *namers = map_get(claims->of_volume, name);
    struct list *it, *tmp;
    if (namers)
        list_each(it, tmp, namers)
            enqueue(claims, &container_of(it, struct claim, of_volume)->item);
    if (type == API_DELETED) {
        const struct volume_view *view = volume_index_get(claims->volumes, name);
        if (view && *view->claim)
            enqueue_claim(claims, view->claim);
        volume_index_drop(claims->volumes, name);
        if (item) {
            (void)map_del(claims->items, name);
            item_done(item);
            free(item);
        }
        return;
    }
    if (!item) {
        item = xcalloc(1, sizeof(*item));
        *item = (struct item){.key = xstrdup(name), .volume = true};
        (void)map_put(claims->items, name, item);
    }
    cleanup(volume_done) struct volume_view now = {0};
    const struct volume_view *view = volume_index_get(claims->volumes, name);
    volume_read(&now, object);
    bool same = view && volume_same(view, &now);
    view = volume_index_put(claims->volumes, object);
    if (*view->claim)
        enqueue_claim(claims, view->claim);
    else if (!same && knows_all(claims)) /* before, every claim is looked at anyway */
        offer(claims, view);
    enqueue(claims, item);
}

static void on_class(void *ctx, enum api_event_type type, const struct value *object)
{
    struct claims *claims = ctx;
    const struct list *list = map_get(claims->of_class, object_name(object));
    struct list *it, *tmp;
    (void)type;
    if (list)
        list_each(it, tmp, list) enqueue(claims, &container_of(it, struct claim, of_class)->item);
}

static void on_pod(void *ctx, enum api_event_type type, const struct value *object)
{
    struct claims *claims = ctx;
    claim_users_see(claims->users, object, type == API_DELETED, enqueue_claim, claims);
}

static void enqueue_deleted(void *ctx, struct volume_view *view)
{
    if (view->deleting)
        enqueue_volume(ctx, view);
}

/* What lay on a node that is gone is gone with it. */
static void on_node(void *ctx, enum api_event_type type, const struct value *object)
{
    struct claims *claims = ctx;
    (void)object;
    if (type == API_DELETED)
        volume_index_each(claims->volumes, enqueue_deleted, claims);
}

/* ---- life ---- */

static int watch(struct claims *claims)
{
    static const char *const of_claims[] = {"\"persistentVolumeClaim\"", "\"ephemeral\"", NULL};
    static const char *const none[] = {"\"no node says this\"", NULL};
    static const struct {
        const struct schema_kind *kind;
        const char *const *mentions;
        api_watch_fn *fn;
    } wanted[] = {
        {&kind_persistent_volume, NULL, on_volume},
        {&kind_persistent_volume_claim, NULL, on_claim},
        {&kind_storage_class, NULL, on_class},
        {&kind_pod, of_claims, on_pod},
        {&kind_node, none, on_node},
    };
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(wanted) && r == 0; i++) {
        const struct api_ref ref = {wanted[i].kind, "", ""};
        const struct api_list_query query = {.mentions = wanted[i].mentions};
        r = api_watch(claims->api, &user, &ref, &query, 0, wanted[i].fn, claims,
                      &claims->watches[i]);
    }
    return r;
}

int claims_new(struct loop *loop, struct api *api, struct recorder *recorder, struct claims **ret,
               struct err *err)
{
    struct claims *claims = xcalloc(1, sizeof(*claims));
    *claims = (struct claims){.loop = loop,
                              .api = api,
                              .recorder = recorder,
                              .claims = map_new(),
                              .items = map_new(),
                              .of_class = map_new(),
                              .of_volume = map_new(),
                              .volumes = volume_index_new(),
                              .users = claim_users_new()};
    list_init(&claims->queue);
    list_init(&claims->failed);
    list_init(&claims->requests);
    claims->again = loop_timer_new(loop, on_again, claims);
    int r = watch(claims);
    if (r < 0) {
        claims_free(claims);
        return err_set(err, -EIO, "claims: watch: %d", -r);
    }
    *ret = claims;
    return 0;
}

static void item_free(void *p)
{
    item_done(p);
    free(p);
}

void claims_free(struct claims *claims)
{
    struct list *it, *tmp;
    if (!claims)
        return;
    for (size_t i = 0; i < ARRAY_LEN(claims->watches); i++)
        if (claims->watches[i])
            api_watch_free(claims->watches[i]);
    loop_defer_free(claims->defer);
    loop_timer_free(claims->again);
    list_each(it, tmp, &claims->requests) request_free(container_of(it, struct request, link));
    map_free(claims->claims, claim_free);
    map_free(claims->items, item_free);
    map_free(claims->of_class, free);
    map_free(claims->of_volume, free);
    volume_index_free(claims->volumes);
    claim_users_free(claims->users);
    free(claims);
}
