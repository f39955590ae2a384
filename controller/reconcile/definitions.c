#include "controller/reconcile/definitions.h"

#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/custom_resource_definition.h"
#include "common/loop/loop.h"
#include "controller/custom/custom.h"
#include "controller/custom/names.h"

#include <errno.h>

#define PAGE 200 /* objects deleted at a time */
#define RETRY_NS (5 * NS_PER_S)

struct definition {
    struct definitions *all;
    char *name;
    struct custom *custom; /* NULL: not served */
    char *uid;             /* of what is served */
    int64_t generation;
    bool closed;
    bool writing; /* the definition; it is looked at again when that is through */
    /* While its objects are deleted. */
    struct api_watch *objects; /* tells when more are gone */
    size_t deleting;           /* calls under way */
};

struct definitions {
    struct loop *loop;
    struct api *api;
    struct map *map; /* name -> struct definition */
    struct api_watch *watch;
    struct loop_defer *soon; /* some are to be looked at again */
    struct map *again;       /* their names */
    struct list calls;
    struct loop_timer *retry; /* of all, after a write that failed */
    bool stopped;
};

/* An answer that is waited for: it may come when the definition is gone. */
struct call {
    struct list link;
    struct definitions *all;
    char *name;
    bool deletes; /* an object of the kind */
};

static const struct api_user user = {.name = "system:limpet:definitions"};

static void look(void *ctx);

static void look_again(struct definitions *all, const char *name)
{
    map_put(all->again, name, all);
    if (!all->soon && !all->stopped)
        all->soon = loop_defer(all->loop, look, all);
}

static struct api_ref ref_of(const char *name)
{
    return (struct api_ref){&kind_custom_resource_definition, "", name};
}

/* ---- calls ---- */

static struct call *call_new(struct definition *d, bool deletes)
{
    struct call *call = xcalloc(1, sizeof(*call));
    call->all = d->all;
    call->name = xstrdup(d->name);
    call->deletes = deletes;
    list_append(&d->all->calls, &call->link);
    return call;
}

static void call_free(struct call *call)
{
    list_remove(&call->link);
    free(call->name);
    free(call);
}

static void on_answer(void *ctx, const struct api_answer *answer)
{
    struct call *call = ctx;
    struct definitions *all = call->all;
    struct definition *d = map_get(all->map, call->name);
    if (answer->code >= 400 && answer->code != 404)
        log_warn("custom kind: a write failed, will try again name=%s "
                 "reason=%s",
                 call->name, log_quote(value_get_str(answer->object, "message")));
    if (d && call->deletes) {
        if (--d->deleting == 0)
            look_again(all, d->name);
    } else if (d) {
        d->writing = false;
        if (answer->code < 400) /* it may have changed meanwhile */
            look_again(all, d->name);
        else
            loop_timer_after(all->retry, RETRY_NS);
    }
    call_free(call);
}

/* ---- serving ---- */

static void unserve(struct definition *d)
{
    if (!d->custom)
        return;
    custom_retire(steal(d->custom), api_kinds(d->all->api));
    free(steal(d->uid));
}

static void serve(struct definition *d, const struct value *object)
{
    int64_t generation = value_get_int(value_get(object, "metadata"), "generation", 0);
    bool closed = value_path(object, "metadata", "deletionTimestamp", NULL);
    if (d->custom && str_eq(d->uid, object_uid(object)) && d->generation == generation &&
        d->closed == closed)
        return;
    struct custom *custom = custom_new(object, closed);
    unserve(d);
    if (custom_serve(custom, api_kinds(d->all->api)) < 0) {
        log_error("custom kind not served, another has its name name=%s", d->name);
        custom_free(custom);
        return;
    }
    d->custom = custom;
    d->uid = xstrdup(object_uid(object));
    d->generation = generation;
    d->closed = closed;
    log_info("custom kind served name=%s generation=%lld bytes=%zu", d->name, (long long)generation,
             custom_bytes(custom));
}

/* ---- the definition itself ---- */

static bool has_finalizer(const struct value *object)
{
    const struct value *list = value_path(object, "metadata", "finalizers", NULL);
    for (size_t i = 0; i < value_len(list); i++)
        if (str_eq(value_str(value_at(list, i)), CUSTOM_FINALIZER))
            return true;
    return false;
}

static bool is_deleting(const struct value *object)
{
    return value_path(object, "metadata", "deletionTimestamp", NULL) != NULL;
}

/* So that its objects go before it does. */
static int add_finalizer(void *ctx, struct value *object)
{
    (void)ctx;
    if (has_finalizer(object) || is_deleting(object))
        return 1;
    struct value *meta = value_make_map(object, "metadata", NULL);
    struct value *list = value_get(meta, "finalizers");
    if (value_type(list) != VALUE_LIST)
        list = value_set(meta, "finalizers", value_new_list());
    value_append(list, value_new_str(CUSTOM_FINALIZER));
    return 0;
}

static int remove_finalizer(void *ctx, struct value *object)
{
    (void)ctx;
    struct value *list = value_path(object, "metadata", "finalizers", NULL);
    if (!is_deleting(object))
        return 1;
    for (size_t i = value_len(list); i-- > 0;)
        if (str_eq(value_str(value_at(list, i)), CUSTOM_FINALIZER))
            value_remove_at(list, i);
    return 0;
}

static size_t count_established(const struct definitions *all)
{
    size_t count = 0;
    void *value;
    for (size_t i = 0; map_next(all->map, &i, NULL, &value);)
        count += ((struct definition *)value)->custom != NULL;
    return count;
}

static bool settle(struct definitions *all, struct value *object)
{
    struct names_conflict conflict;
    const struct value *spec = value_get(object, "spec");
    bool taken = names_conflict(api_kinds(all->api), value_get_str(spec, "group"),
                                value_get(spec, "names"), &conflict);
    bool full = count_established(all) >= NAMES_MAX_DEFINITIONS;
    return names_settle(object, taken ? &conflict : NULL, full, clock_wall(loop_clock(all->loop)));
}

static int write_status(void *ctx, struct value *object)
{
    struct call *call = ctx;
    return !is_deleting(object) && settle(call->all, object) ? 0 : 1;
}

static void write_to(struct definition *d, unsigned flags, api_change_fn *change)
{
    struct api_ref ref = ref_of(d->name);
    d->writing = true;
    api_patch_with(d->all->api, &user, &ref, flags, change, on_answer, call_new(d, false));
}

/* ---- emptying ---- */

static void on_object(void *ctx, enum api_event_type type, const struct value *object)
{
    struct definition *d = ctx;
    (void)object;
    if (type == API_DELETED && d->deleting == 0)
        look_again(d->all, d->name);
}

static void delete_items(struct definition *d, const struct value *items)
{
    for (size_t i = 0; i < value_len(items); i++) {
        const struct value *item = value_at(items, i);
        if (is_deleting(item))
            continue;
        const char *ns = object_namespace(item);
        struct api_ref one = {custom_stored(d->custom), ns ? ns : "", object_name(item)};
        struct api_delete_options options = {.grace_s = -1, .uid = object_uid(item)};
        d->deleting++;
        api_delete(d->all->api, &user, &one, &options, 0, on_answer, call_new(d, true));
    }
}

/* Deletes a page of its objects, past those that wait for somebody's finalizer; false: none is
 * left. */
static bool empty(struct definition *d)
{
    struct api *api = d->all->api;
    struct api_ref ref = {custom_stored(d->custom), "", ""};
    autofree char *token = NULL;
    bool any = false;
    do {
        cleanup(value_free) struct value *list = NULL;
        struct api_list_query query = {.limit = PAGE, .continue_token = token};
        if (api_list(api, &user, &ref, &query, &list) < 0)
            return true;
        any |= value_len(value_get(list, "items")) > 0;
        delete_items(d, value_get(list, "items"));
        const char *next = value_get_str(value_get(list, "metadata"), "continue");
        free(token);
        token = next ? xstrdup(next) : NULL;
    } while (token && d->deleting == 0);
    if (any && !d->objects &&
        api_watch(api, &user, &ref, NULL, api_revision(api), on_object, d, &d->objects) < 0)
        log_error("the objects of a deleted kind cannot be watched name=%s", d->name);
    return any;
}

static void finish_deletion(struct definition *d, const struct value *object)
{
    if (!has_finalizer(object) || d->deleting > 0)
        return;
    if (!d->custom)
        serve(d, object); /* so that its objects can be reached; none is created */
    if (d->custom && empty(d) && !WEAKENED(DEFINITION_EMPTY))
        return;
    write_to(d, 0, remove_finalizer);
}

/* ---- looking ---- */

static void reconcile(struct definition *d, const struct value *object)
{
    cleanup(value_free) struct value *copy = NULL;
    if (is_deleting(object)) {
        if (d->custom)
            serve(d, object);
        finish_deletion(d, object);
        return;
    }
    copy = value_copy(object);
    if (!has_finalizer(object))
        write_to(d, 0, add_finalizer);
    else if (settle(d->all, copy))
        write_to(d, API_STATUS, write_status);
    if (names_are_established(object) && has_finalizer(object))
        serve(d, object);
}

static struct definition *get_or_add(struct definitions *all, const char *name)
{
    struct definition *d = map_get(all->map, name);
    if (!d) {
        d = xcalloc(1, sizeof(*d));
        d->all = all;
        d->name = xstrdup(name);
        map_put(all->map, name, d);
    }
    return d;
}

static void definition_free(void *p)
{
    struct definition *d = p;
    api_watch_free(d->objects);
    unserve(d);
    free(d->name);
    free(d);
}

/* A name is free again: whoever wanted it may have it. */
static void gone(struct definitions *all, const char *name)
{
    const char *other;
    struct definition *d = map_del(all->map, name);
    if (!d)
        return;
    log_info("custom kind gone name=%s", name);
    definition_free(d);
    for (size_t i = 0; map_next(all->map, &i, &other, NULL);)
        look_again(all, other);
}

static void look_at(struct definitions *all, const char *name)
{
    struct api_ref ref = ref_of(name);
    cleanup(value_free) struct value *object = NULL;
    int r = api_get(all->api, &user, &ref, &object);
    if (r == -404) {
        gone(all, name);
        return;
    }
    struct definition *d = r == 0 ? get_or_add(all, name) : NULL;
    if (d && !d->writing)
        reconcile(d, object);
}

static void look(void *ctx)
{
    struct definitions *all = ctx;
    struct map *names = all->again;
    const char *name;
    all->soon = NULL;
    all->again = map_new();
    for (size_t i = 0; map_next(names, &i, &name, NULL);)
        look_at(all, name);
    map_free(names, NULL);
}

static void on_event(void *ctx, enum api_event_type type, const struct value *object)
{
    (void)type;
    look_again(ctx, object_name(object));
}

static void on_retry(void *ctx)
{
    struct definitions *all = ctx;
    const char *name;
    for (size_t i = 0; map_next(all->map, &i, &name, NULL);)
        look_again(all, name);
}

/* What was established when the gateway ended is there before anybody can ask for it. */
static void serve_present(struct definitions *all)
{
    struct api_ref ref = ref_of("");
    autofree char *token = NULL;
    do { /* one by one: as trees they are large */
        cleanup(value_free) struct value *list = NULL;
        struct api_list_query query = {.limit = 1, .continue_token = token};
        if (api_list(all->api, &user, &ref, &query, &list) < 0)
            return;
        const struct value *object = value_at(value_get(list, "items"), 0);
        if (names_are_established(object))
            serve(get_or_add(all, object_name(object)), object);
        const char *next = value_get_str(value_get(list, "metadata"), "continue");
        free(token);
        token = next ? xstrdup(next) : NULL;
    } while (token);
}

int definitions_new(struct loop *loop, struct api *api, struct definitions **ret, struct err *err)
{
    struct definitions *all = xcalloc(1, sizeof(*all));
    struct api_ref ref = ref_of("");
    all->loop = loop;
    all->api = api;
    all->map = map_new();
    all->again = map_new();
    list_init(&all->calls);
    all->retry = loop_timer_new(loop, on_retry, all);
    serve_present(all);
    int r = api_watch(api, &user, &ref, NULL, 0, on_event, all, &all->watch);
    if (r < 0) {
        definitions_free(all);
        return err_set(err, -EIO, "custom kinds: watch: %d", -r);
    }
    *ret = all;
    return 0;
}

void definitions_free(struct definitions *all)
{
    struct list *it, *tmp;
    if (!all)
        return;
    all->stopped = true;
    api_watch_free(all->watch);
    loop_defer_free(all->soon);
    loop_timer_free(all->retry);
    map_free(all->map, definition_free);
    map_free(all->again, NULL);
    list_each(it, tmp, &all->calls) call_free(container_of(it, struct call, link));
    free(all);
}
