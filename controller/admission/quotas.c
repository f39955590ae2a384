#include "controller/admission/quotas.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "controller/admission/quota_book.h"
#include "controller/api/form.h"

#include <stdlib.h>

/* A namespace that has quotas. */
struct space {
    struct quotas *quotas;
    char *ns;
    struct quota_book *book;
    struct map *tracked; /* "<group>/<plural>" of the kinds whose objects are in the book */
};

struct quotas {
    struct kinds *kinds;
    struct gate_reader reader;
    struct map *spaces; /* namespace -> struct space */
    quotas_changed_fn *changed;
    void *ctx;
};

static void space_free(void *p)
{
    struct space *space = p;
    quota_book_free(space->book);
    map_free(space->tracked, NULL);
    free(space->ns);
    free(space);
}

static char *kind_key(const struct schema_kind *shown)
{
    const struct schema_kind *kind = form_stored(shown);
    return xasprintf("%s/%s", kind->group, kind->plural);
}

static char *object_key(const struct schema_kind *shown, const char *name)
{
    const struct schema_kind *kind = form_stored(shown);
    return xasprintf("%s/%s/%s", kind->group, kind->plural, name);
}

static bool is_tracked(const struct space *space, const struct schema_kind *kind)
{
    autofree char *key = kind_key(kind);
    return map_get(space->tracked, key);
}

/* ---- telling ---- */

static void tell_one(void *ctx, const char *name)
{
    const struct space *space = ctx;
    if (space->quotas->changed)
        space->quotas->changed(space->quotas->ctx, space->ns, name);
}

static void tell(struct space *space)
{
    quota_book_changed(space->book, tell_one, space);
}

/* ---- quotas that come and go ---- */

struct track {
    struct space *space;
    const struct schema_kind *kind;
};

static int track_object(void *ctx, const struct value *object)
{
    const struct track *track = ctx;
    struct quota_usage usage;
    const char *name = object_name(object);
    autofree char *key = object_key(track->kind, name ? name : "");
    quota_usage_of(track->kind, object, &usage);
    quota_book_put(track->space->book, key, &usage);
    return 0;
}

/* Objects of the kinds that its quotas have begun to count. */
static void track_kinds(struct space *space)
{
    const struct gate_reader *reader = &space->quotas->reader;
    const struct schema_kind *kind;
    for (size_t i = 0; (kind = kinds_at(space->quotas->kinds, i)); i++) {
        if (kind->stored || is_tracked(space, kind) || !quota_book_concerns(space->book, kind))
            continue;
        autofree char *key = kind_key(kind);
        const struct api_ref ref = {kind, space->ns, ""};
        struct track track = {space, kind};
        (void)map_put(space->tracked, key, space);
        reader->each(reader->ctx, &ref, track_object, &track);
    }
}

static void set_quota(struct quotas *quotas, const char *ns, const char *name,
                      const struct value *spec)
{
    struct space *space = map_get(quotas->spaces, ns);
    if (!space) {
        space = xcalloc(1, sizeof(*space));
        space->quotas = quotas;
        space->ns = xstrdup(ns);
        space->book = quota_book_new();
        space->tracked = map_new();
        (void)map_put(quotas->spaces, ns, space);
    }
    if (quota_book_set(space->book, name, spec))
        track_kinds(space);
}

static void drop_quota(struct quotas *quotas, const char *ns, const char *name)
{
    struct space *space = map_get(quotas->spaces, ns);
    if (!space)
        return;
    quota_book_drop(space->book, name);
    if (quota_book_count(space->book) == 0)
        space_free(map_del(quotas->spaces, ns));
}

/* A kind that people define, perhaps long after the quota that limits it; of these none is known
 * yet when the gateway starts. */
static void on_kind(void *ctx, const struct schema_kind *kind, bool added)
{
    struct quotas *quotas = ctx;
    void *space;
    (void)kind;
    for (size_t i = 0; added && map_next(quotas->spaces, &i, NULL, &space);) {
        track_kinds(space);
        tell(space);
    }
}

/* ---- all of them ---- */

static int collect(void *ctx, const struct value *quota)
{
    value_append(ctx, value_copy(quota));
    return 0;
}

struct quotas *quotas_new(struct kinds *kinds, const struct gate_reader *reader)
{
    struct quotas *quotas = xcalloc(1, sizeof(*quotas));
    cleanup(value_free) struct value *found = value_new_list();
    const struct api_ref ref = {&kind_resource_quota, "", ""};
    quotas->kinds = kinds;
    quotas->reader = *reader;
    quotas->spaces = map_new();
    kinds_observe(kinds, on_kind, quotas);
    reader->each(reader->ctx, &ref, collect, found);
    for (size_t i = 0; i < value_len(found); i++) {
        const struct value *quota = value_at(found, i);
        const char *ns = object_namespace(quota), *name = object_name(quota);
        if (ns && name)
            set_quota(quotas, ns, name, value_get(quota, "spec"));
    }
    return quotas;
}

void quotas_free(struct quotas *quotas)
{
    if (!quotas)
        return;
    kinds_unobserve(quotas->kinds, quotas);
    map_free(quotas->spaces, space_free);
    free(quotas);
}

void quotas_observe(struct quotas *quotas, quotas_changed_fn *fn, void *ctx)
{
    void *space;
    const char *name;
    const struct value *spec;
    quotas->changed = fn;
    quotas->ctx = ctx;
    for (size_t i = 0; fn && map_next(quotas->spaces, &i, NULL, &space);)
        for (size_t n = 0; quota_book_next(((struct space *)space)->book, &n, &name, &spec);)
            fn(ctx, ((struct space *)space)->ns, name);
}

struct value *quotas_used(const struct quotas *quotas, const char *ns, const char *name,
                          struct value **ret_hard)
{
    const struct space *space = map_get(quotas->spaces, ns);
    const struct value *spec = space ? quota_book_spec(space->book, name) : NULL;
    if (!spec)
        return NULL;
    const struct value *hard = value_get(spec, "hard");
    *ret_hard = hard ? value_copy(hard) : value_new_map();
    return quota_book_used(space->book, name);
}

/* ---- writes ---- */

static struct value *check_said(const struct gate_request *request, const struct space *space)
{
    const char *name;
    const struct value *spec;
    cleanup(quota_usage_done) struct quota_usage usage;
    quota_usage_of(request->ref.kind, request->object, &usage);
    for (size_t i = 0; quota_book_next(space->book, &i, &name, &spec);) {
        cleanup(buf_done) struct buf text;
        buf_init(&text, 0);
        if (quota_matches(spec, &usage) &&
            !quota_is_said(value_get(spec, "hard"), request->object, &text))
            return rule_refusal(request, "failed quota: %s: %s", name, buf_str(&text));
    }
    return NULL;
}

struct value *quota_check(const struct admission_env *env, const struct gate_request *request)
{
    const struct schema_kind *kind = request->ref.kind;
    struct space *space = kind->namespaced ? map_get(env->quotas->spaces, request->ref.ns) : NULL;
    if (!space || !is_tracked(space, kind))
        return NULL;
    bool new_pod = kind == &kind_pod && request->verb == GATE_CREATE;
    struct value *status = new_pod ? check_said(request, space) : NULL;
    if (status)
        return status;
    autofree char *key = object_key(kind, request->ref.name);
    cleanup(quota_usage_done) struct quota_usage usage;
    cleanup(buf_done) struct buf why;
    buf_init(&why, 0);
    quota_usage_of(kind, request->object, &usage);
    /* Decided once more: what it held for the first time is free. */
    if (!(request->flags & API_DRY_RUN))
        quota_book_cancel(space->book, key);
    if (!quota_book_allows(space->book, key, &usage, &why))
        return rule_refusal(request, "%s", buf_str(&why));
    if (!(request->flags & API_DRY_RUN) && !WEAKENED(QUOTA_HELD))
        quota_book_hold(space->book, key, &usage);
    return NULL;
}

static void settle_object(struct space *space, const struct api_ref *ref,
                          const struct value *object, bool written)
{
    autofree char *key = object_key(ref->kind, ref->name);
    cleanup(quota_usage_done) struct quota_usage usage = {0};
    if (object && written)
        quota_usage_of(ref->kind, object, &usage);
    if (written)
        quota_book_put(space->book, key, object ? &usage : NULL);
    else
        quota_book_cancel(space->book, key);
}

void quotas_settle(struct quotas *quotas, const struct api_ref *ref, const struct value *object,
                   bool written)
{
    struct space *space = map_get(quotas->spaces, ref->ns);
    if (space && is_tracked(space, ref->kind))
        settle_object(space, ref, object, written);
    if (ref->kind == &kind_resource_quota && written) {
        if (object)
            set_quota(quotas, ref->ns, ref->name, value_get(object, "spec"));
        else
            drop_quota(quotas, ref->ns, ref->name);
        space = map_get(quotas->spaces, ref->ns);
    }
    if (space && written)
        tell(space);
}
