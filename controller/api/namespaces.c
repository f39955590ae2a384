/* Empties namespaces that are marked deleted, then lets them go. A pass looks at all that is in one
 * and deletes what is not on its way yet, in slices that never hold the loop; what needs time (a
 * pod ends when its node says so) is waited for, and the namespace's conditions say what that is.
 */

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "controller/api/api_impl.h"
#include "controller/api/meta.h"
#include "controller/api/remains.h"

#include <string.h>

#define TURN_MAX 512            /* objects that are looked at in one turn of the loop */
#define DECODE_COST 16          /* ... one that must be decoded counts for so many */
#define OPEN_MAX 128            /* deletions under way at once */
#define SOON_NS NS_PER_S        /* from a pass that deleted something to the next */
#define AGAIN_NS (5 * NS_PER_S) /* from one that only found what is on its way */

static const char *const masters[] = {"system:masters", NULL};
static const struct api_user self = {"system:limpet:namespaces", masters};

/* A namespace that goes. */
struct emptying {
    struct namespaces *namespaces;
    char *ns;
    bool passing; /* a pass is under way, from `kind` and the key `after` on */
    bool dirty;   /* something may have come since it began */
    bool quiet;   /* it has deleted nothing yet */
    size_t kind;
    char *after;
    struct remains remains; /* of this pass */
};

struct namespaces {
    struct api *api;
    struct map *emptying; /* name -> struct emptying */
    bool look;            /* which there are must be looked at */
    size_t open;          /* deletions under way */
    char *telling;        /* the name of the one whose conditions are being written; or NULL */
    struct loop_defer *soon;
    struct loop_timer *again;
};

static void turn(void *ctx);

static void kick(struct namespaces *namespaces)
{
    if (!namespaces->soon)
        namespaces->soon = loop_defer(namespaces->api->loop, turn, namespaces);
}

static void emptying_free(void *p)
{
    struct emptying *e = p;
    remains_done(&e->remains);
    free(e->ns);
    free(e->after);
    free(e);
}

/* ---- which there are ---- */

static int collect_deleted(void *ctx, const struct store_item *item)
{
    struct namespaces *namespaces = ctx;
    if (!memmem(item->value, item->len, "\"deletionTimestamp\"", 19))
        return 0;
    const struct value *object = api_decode(namespaces->api, &kind_namespace, item);
    const char *name = strrchr(item->key, '/') + 1;
    if (!object || !meta_is_deleting(object) || map_get(namespaces->emptying, name))
        return 0;
    struct emptying *e = xcalloc(1, sizeof(*e));
    e->namespaces = namespaces;
    e->ns = xstrdup(name);
    e->dirty = true;
    remains_init(&e->remains);
    (void)map_put(namespaces->emptying, name, e);
    return 0;
}

static bool is_going(struct api *api, const char *ns)
{
    const struct api_ref ref = {&kind_namespace, "", ns};
    const struct value *object = api_peek(api, &ref);
    return object && meta_is_deleting(object);
}

static void look(struct namespaces *namespaces)
{
    const char *name;
    void *value;
    autofree char *prefix = api_key(&kind_namespace, "", NULL);
    namespaces->look = false;
    for (size_t i = 0; map_next(namespaces->emptying, &i, &name, &value);)
        if (!is_going(namespaces->api, name))
            emptying_free(map_del(namespaces->emptying, name));
    store_list(namespaces->api->store, prefix, NULL, collect_deleted, namespaces);
}

/* ---- one pass ---- */

struct slice {
    struct emptying *e;
    const struct schema_kind *kind;
    struct value *names; /* to be deleted */
    size_t *budget;
};

/* True if it is on its way already. */
static bool is_deleting(struct slice *slice, const struct store_item *item)
{
    const struct value *object = NULL;
    if (memmem(item->value, item->len, "\"deletionTimestamp\"", 19)) {
        object = api_decode(slice->e->namespaces->api, slice->kind, item);
        *slice->budget -= *slice->budget < DECODE_COST ? *slice->budget : DECODE_COST;
        if (object && meta_is_deleting(object)) {
            remains_add(&slice->e->remains, slice->kind, object);
            return true;
        }
    }
    return false;
}

static int see_item(void *ctx, const struct store_item *item)
{
    struct slice *slice = ctx;
    struct emptying *e = slice->e;
    if (*slice->budget == 0 || e->namespaces->open + value_len(slice->names) >= OPEN_MAX)
        return 1;
    --*slice->budget;
    free(e->after);
    e->after = xstrdup(item->key);
    if (!is_deleting(slice, item))
        value_append(slice->names, value_new_str(strrchr(item->key, '/') + 1));
    return 0;
}

static void on_deleted(void *ctx, const struct api_answer *answer)
{
    struct namespaces *namespaces = ctx;
    (void)answer; /* what failed is tried again by the next pass */
    namespaces->open--;
    kick(namespaces);
}

static void delete_found(const struct slice *slice)
{
    static const struct api_delete_options options = {.grace_s = -1, .propagation = "Background"};
    struct namespaces *namespaces = slice->e->namespaces;
    for (size_t i = 0; i < value_len(slice->names); i++) {
        struct api_ref ref = {slice->kind, slice->e->ns, value_str(value_at(slice->names, i))};
        namespaces->open++;
        slice->e->quiet = false;
        api_delete(namespaces->api, &self, &ref, &options, 0, on_deleted, namespaces);
    }
}

static bool is_content(const struct schema_kind *kind)
{
    return kind->namespaced && !kind->stored && !kind->computed;
}

/* One slice; true at the end of the pass. */
static bool go_on(struct emptying *e, size_t *budget)
{
    struct api *api = e->namespaces->api;
    const struct schema_kind *kind;
    for (; (kind = kinds_at(api->kinds, e->kind)); e->kind++) {
        if (!is_content(kind))
            continue;
        struct slice slice = {e, kind, value_new_list(), budget};
        autofree char *prefix = api_key(kind, e->ns, NULL);
        bool more = prefix && store_list(api->store, prefix, e->after, see_item, &slice) != 0;
        delete_found(&slice);
        value_free(slice.names);
        if (more)
            return false;
        free(steal(e->after));
    }
    return true;
}

/* ---- its end ---- */

static size_t count_left(struct api *api, const char *ns)
{
    const struct schema_kind *kind;
    size_t left = 0;
    for (size_t i = 0; (kind = kinds_at(api->kinds, i)); i++) {
        autofree char *prefix = is_content(kind) ? api_key(kind, ns, NULL) : NULL;
        if (prefix)
            left += store_count(api->store, prefix);
    }
    return left;
}

/* A write that is under way in it may have been let in before the namespace was marked: the object
 * would stay when the namespace is gone. The key of a write is "<group>/<plural>/<ns>/<name>". */
static bool has_writes(struct api *api, const char *ns)
{
    const char *key;
    size_t len = strlen(ns);
    for (size_t i = 0; map_next(api->busy, &i, &key, NULL);) {
        const char *at = strchr(strchr(key, '/') + 1, '/') + 1;
        if (strncmp(at, ns, len) == 0 && at[len] == '/' && !WEAKENED(NAMESPACE_WRITES))
            return true;
    }
    return false;
}

/* Runs later: the namespace may be gone by then, or another of its name be there. */
static int edit_conditions(void *ctx, struct value *object)
{
    struct namespaces *namespaces = ctx;
    const struct emptying *e = map_get(namespaces->emptying, namespaces->telling);
    if (!e || !meta_is_deleting(object))
        return 1;
    return remains_tell(&e->remains, object, clock_wall(namespaces->api->clock)) ? 0 : 1;
}

static void on_told(void *ctx, const struct api_answer *answer)
{
    struct namespaces *namespaces = ctx;
    (void)answer;
    free(steal(namespaces->telling));
}

/* One at a time: who finds another under way is told of after the next pass. */
static void tell(struct emptying *e)
{
    struct namespaces *namespaces = e->namespaces;
    const struct api_ref ref = {&kind_namespace, "", e->ns};
    if (namespaces->telling)
        return;
    namespaces->telling = xstrdup(e->ns);
    api_patch_with(namespaces->api, &self, &ref, API_STATUS, edit_conditions, on_told, namespaces);
}

static void conclude(struct emptying *e)
{
    struct api *api = e->namespaces->api;
    const struct api_ref ref = {&kind_namespace, "", e->ns};
    if (count_left(api, e->ns) == 0) {
        if (!has_writes(api, e->ns))
            api_delete(api, &self, &ref, NULL, API_FINALIZE, NULL, NULL);
        return;
    }
    if (e->quiet && remains_any(&e->remains))
        tell(e);
    if (!loop_timer_armed(e->namespaces->again))
        loop_timer_after(e->namespaces->again, e->quiet ? AGAIN_NS : SOON_NS);
    e->quiet = false; /* told once a pass */
}

static void step(struct emptying *e, size_t *budget)
{
    if (!e->passing && e->dirty) {
        e->dirty = false;
        e->passing = e->quiet = true;
        e->kind = 0;
        free(steal(e->after));
        remains_clear(&e->remains);
    }
    if (e->passing)
        e->passing = !go_on(e, budget);
    if (e->passing || e->dirty)
        kick(e->namespaces);
    else
        conclude(e);
}

static void turn(void *ctx)
{
    struct namespaces *namespaces = ctx;
    size_t budget = TURN_MAX;
    void *value;
    namespaces->soon = NULL;
    if (namespaces->look)
        look(namespaces);
    for (size_t i = 0; map_next(namespaces->emptying, &i, NULL, &value);)
        if (budget > 0 && namespaces->open < OPEN_MAX)
            step(value, &budget);
    if (budget == 0)
        kick(namespaces);
}

static void on_again(void *ctx)
{
    struct namespaces *namespaces = ctx;
    void *value;
    for (size_t i = 0; map_next(namespaces->emptying, &i, NULL, &value);)
        ((struct emptying *)value)->dirty = true;
    kick(namespaces);
}

void namespaces_written(struct namespaces *namespaces, const struct schema_kind *kind,
                        const char *ns, bool created)
{
    struct emptying *e = map_get(namespaces->emptying, ns);
    if (kind == &kind_namespace)
        namespaces->look = true;
    else if (!e)
        return;
    else if (created)
        e->dirty = true;
    kick(namespaces);
}

/* ---- the first ---- */

static void first_written(void *ctx, const struct api_answer *answer)
{
    (void)ctx;
    if (answer->code >= 400 && answer->code != 409)
        log_error("cannot create the first namespaces message=%s",
                  log_quote(value_get_str(answer->object, "message")));
}

/* What every cluster has. */
static void create_first(struct api *api)
{
    static const char *const first[] = {"default", "kube-system"};
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        struct api_ref ref = {&kind_namespace, "", first[i]};
        if (api_peek(api, &ref))
            continue;
        cleanup(value_free) struct value *object = value_new_map();
        api_create(api, &self, &ref, object, 0, first_written, NULL);
    }
}

struct namespaces *namespaces_new(struct api *api)
{
    struct namespaces *namespaces = xcalloc(1, sizeof(*namespaces));
    namespaces->api = api;
    namespaces->emptying = map_new();
    namespaces->again = loop_timer_new(api->loop, on_again, namespaces);
    namespaces->look = true;
    create_first(api);
    kick(namespaces);
    return namespaces;
}

void namespaces_free(struct namespaces *namespaces)
{
    if (!namespaces)
        return;
    map_free(namespaces->emptying, emptying_free);
    free(namespaces->telling);
    loop_defer_free(namespaces->soon);
    loop_timer_free(namespaces->again);
    free(namespaces);
}
