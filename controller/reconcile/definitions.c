#include "controller/reconcile/definitions.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/custom_resource_definition.h"
#include "common/loop/loop.h"
#include "controller/custom/custom.h"
#include "controller/custom/names.h"
#include "controller/reconcile/reconciler.h"

#include <stdlib.h>

#define PAGE 200 /* objects deleted at a time */

struct definition {
    struct definitions *all;
    char *name;
    struct custom *custom; /* NULL: not served */
    char *uid;             /* of what is served */
    int64_t generation;
    bool closed;
    struct api_watch *objects; /* while its objects are deleted: tells when more are gone */
};

struct definitions {
    struct loop *loop;
    struct api *api;
    struct map *map;          /* name -> struct definition */
    struct reconciler *frame; /* keys: their names */
};

static const struct api_user user = {.name = "system:limpet:definitions"};

static struct api_ref ref_of(const char *name)
{
    return (struct api_ref){&kind_custom_resource_definition, "", name};
}

/* It may have changed meanwhile; what is left of its objects is looked for. */
static enum work_end on_answer(struct reconciler_write *write, const struct api_answer *answer)
{
    (void)write;
    return answer->code < 400 || answer->code == 404 ? WORK_AGAIN : WORK_LATER;
}

static const struct reconciler_ops ops = {.size = sizeof(struct reconciler_write),
                                          .done = on_answer};

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
    return !is_deleting(object) && settle(reconciler_ctx(ctx), object) ? 0 : 1;
}

static void write_to(struct definition *d, unsigned flags, api_change_fn *change)
{
    struct api_ref ref = ref_of(d->name);
    api_patch_with(d->all->api, &user, &ref, flags, change, reconciler_written,
                   reconciler_begin(d->all->frame, d->name, &ops));
}

/* ---- emptying ---- */

static void on_object(void *ctx, enum api_event_type type, const struct value *object)
{
    struct definition *d = ctx;
    (void)object;
    if (type == API_DELETED)
        reconciler_put(d->all->frame, d->name);
}

/* How many deletions begin. */
static size_t delete_items(struct definition *d, const struct value *items)
{
    size_t count = 0;
    for (size_t i = 0; i < value_len(items); i++) {
        const struct value *item = value_at(items, i);
        if (is_deleting(item))
            continue;
        const char *ns = object_namespace(item);
        struct api_ref one = {custom_stored(d->custom), ns ? ns : "", object_name(item)};
        struct api_delete_options options = {.grace_s = -1, .uid = object_uid(item)};
        count++;
        api_delete(d->all->api, &user, &one, &options, 0, reconciler_written,
                   reconciler_begin(d->all->frame, d->name, &ops));
    }
    return count;
}

/* Deletes a page of its objects, past those that wait for somebody's finalizer; false: none is
 * left. */
static bool empty(struct definition *d)
{
    struct api *api = d->all->api;
    struct api_ref ref = {custom_stored(d->custom), "", ""};
    autofree char *token = NULL;
    bool any = false;
    size_t deleting;
    do {
        cleanup(value_free) struct value *list = NULL;
        struct api_list_query query = {.limit = PAGE, .continue_token = token};
        if (api_list(api, &user, &ref, &query, &list) < 0)
            return true;
        any |= value_len(value_get(list, "items")) > 0;
        deleting = delete_items(d, value_get(list, "items"));
        const char *next = value_get_str(value_get(list, "metadata"), "continue");
        free(token);
        token = next ? xstrdup(next) : NULL;
    } while (token && deleting == 0);
    if (any && !d->objects &&
        api_watch(api, &user, &ref, NULL, api_revision(api), on_object, d, &d->objects) < 0)
        log_error("the objects of a deleted kind cannot be watched name=%s", d->name);
    return any;
}

static void finish_deletion(struct definition *d, const struct value *object)
{
    if (!has_finalizer(object))
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
        reconciler_put(all->frame, other);
}

static void look(void *ctx, const char *name)
{
    struct definitions *all = ctx;
    struct api_ref ref = ref_of(name);
    cleanup(value_free) struct value *object = NULL;
    int r = api_get(all->api, &user, &ref, &object);
    if (r == -404)
        gone(all, name);
    else if (r == 0)
        reconcile(get_or_add(all, name), object);
}

static void on_event(void *ctx, enum api_event_type type, const struct value *object)
{
    struct definitions *all = ctx;
    (void)type;
    reconciler_put_object(all->frame, object);
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
    static const struct reconciler_watch watches[] = {{&kind_custom_resource_definition, on_event}};
    struct definitions *all = xcalloc(1, sizeof(*all));
    const struct reconciler_spec spec = {.name = "custom kinds",
                                         .loop = loop,
                                         .api = api,
                                         .user = &user,
                                         .watches = watches,
                                         .watch_count = ARRAY_LEN(watches),
                                         .look = look,
                                         .ctx = all};
    all->loop = loop;
    all->api = api;
    all->map = map_new();
    serve_present(all);
    int r = reconciler_new(&spec, &all->frame, err);
    if (r < 0) {
        definitions_free(all);
        return r;
    }
    *ret = all;
    return 0;
}

void definitions_free(struct definitions *all)
{
    if (!all)
        return;
    reconciler_free(all->frame);
    map_free(all->map, definition_free);
    free(all);
}
