#include "controller/api/dryrun.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/api/api_impl.h"
#include "controller/api/access.h"
#include "controller/api/asker.h"
#include "controller/api/change.h"
#include "controller/api/escalation.h"
#include "controller/api/meta.h"
#include "controller/api/status.h"

struct dryrun {
    struct api *api;
    struct map *made; /* key -> the object as it would stand */
    struct change change;
    struct api_answer answer;
    struct gate_reader reader;
};

static char *key_of(const struct api_ref *ref)
{
    return str_empty(ref->name) ? NULL : api_key(ref->kind, ref->ns, ref->name);
}

static const struct value *see(const struct dryrun *d, const struct api_ref *ref)
{
    autofree char *key = key_of(ref);
    const struct value *made = key ? map_get(d->made, key) : NULL;
    return made && !WEAKENED(DRYRUN_EARLIER) ? made : api_peek(d->api, ref);
}

static const struct value *reader_see(void *ctx, const struct api_ref *ref)
{
    return see(ctx, ref);
}

struct each {
    struct dryrun *dryrun;
    const struct schema_kind *kind;
    int (*fn)(void *ctx, const struct value *object);
    void *ctx;
};

/* What the row has made stands for what is stored. */
static int each_stored(void *ctx, const struct value *object)
{
    const struct each *each = ctx;
    autofree char *key = api_key(each->kind, object_namespace(object), object_name(object));
    return key && map_get(each->dryrun->made, key) ? 0 : each->fn(each->ctx, object);
}

static int reader_each(void *ctx, const struct api_ref *ref,
                       int (*fn)(void *fn_ctx, const struct value *object), void *fn_ctx)
{
    struct dryrun *d = ctx;
    struct each each = {d, ref->kind, fn, fn_ctx};
    const struct gate_reader stored = api_reader(d->api);
    autofree char *prefix = api_key(ref->kind, ref->ns, NULL);
    int r = stored.each(stored.ctx, ref, each_stored, &each);
    const char *key;
    void *made;
    for (size_t i = 0; r == 0 && prefix && map_next(d->made, &i, &key, &made);)
        if (str_has_prefix(key, prefix))
            r = fn(fn_ctx, made);
    return r;
}

struct dryrun *dryrun_new(struct api *api)
{
    struct dryrun *d = xcalloc(1, sizeof(*d));
    d->api = api;
    d->made = map_new();
    d->reader = (struct gate_reader){reader_see, reader_each, d};
    diags_init(&d->change.warnings);
    return d;
}

static void free_object(void *object)
{
    value_free(object);
}

void dryrun_free(struct dryrun *d)
{
    if (!d)
        return;
    map_free(d->made, free_object);
    change_done(&d->change);
    free(d);
}

static struct change_env env_of(const struct dryrun *d, const struct api_ref *ref, unsigned flags)
{
    const struct api_ref ns = {&kind_namespace, "", ref->ns};
    return (struct change_env){
        .ref = *ref,
        .flags = flags | API_DRY_RUN,
        .now_wall_ns = clock_wall(d->api->clock),
        .rng = d->api->rng,
        .gate = d->api->gate,
        .reader = &d->reader,
        .ns_state =
            ref->kind->namespaced ? change_namespace_of(see(d, &ns), ref->ns) : CHANGE_NS_ACTIVE,
    };
}

static void refuse(struct dryrun *d, struct value *status)
{
    change_done(&d->change);
    d->change.action = CHANGE_REFUSE;
    d->change.code = status_code(status);
    d->change.object = status;
}

static const struct api_answer *conclude(struct dryrun *d, const struct api_ref *ref)
{
    struct change *change = &d->change;
    cleanup(buf_done) struct buf bytes = {0};
    struct value *status =
        change->action == CHANGE_PUT ? change_encode(ref, change, 0, false, &bytes) : NULL;
    if (status)
        refuse(d, status);
    autofree char *key = change->action == CHANGE_PUT ? key_of(ref) : NULL;
    if (key)
        value_free(map_put(d->made, key, value_copy(change->object)));
    d->answer = (struct api_answer){change->code, change->object,
                                    change->warnings.count ? &change->warnings : NULL,
                                    change->action == CHANGE_KEEP};
    return &d->answer;
}

/* Whether the user may, and the names can be a key's; else the refusal is the answer. */
static bool admit(struct dryrun *d, const struct api_user *user, const struct api_ref *ref)
{
    autofree char *key = api_key(ref->kind, ref->ns, ref->name);
    change_done(&d->change);
    const struct access access = {see(d, ref) ? "patch" : "create", *ref, NULL, NULL};
    const struct access change = {"patch", *ref, NULL, NULL};
    struct value *refusal = access_refusal(d->api, user, &change);
    if (!refusal)
        refusal = access_refusal(d->api, user, &access);
    if (refusal)
        refuse(d, refusal);
    else if (ref->kind->computed)
        refuse(d, status_not_stored(ref->kind));
    else if (!key)
        refuse(d, status_of(400, ref->kind, NULL, "a name or namespace holds a '/'"));
    else
        return true;
    return false;
}

static void refuse_escalation(struct dryrun *d, const struct api_user *user,
                              const struct api_ref *ref)
{
    if (d->change.action != CHANGE_PUT)
        return;
    struct escalation *escalation = escalation_new(user, ref);
    struct value *refusal =
        escalation_refusal(d->api, escalation, ref, see(d, ref), d->change.object);
    escalation_free(escalation);
    if (refusal)
        refuse(d, refusal);
}

const struct api_answer *dryrun_apply(struct dryrun *d, const struct api_user *user,
                                      const struct api_ref *ref, const struct value *object,
                                      unsigned flags)
{
    cleanup(value_free) struct value *wanted = value_copy(object);
    autofree char *name =
        str_empty(ref->name) ? change_name(wanted, d->api->rng) : xstrdup(ref->name);
    const struct api_ref named = {ref->kind, ref->kind->namespaced ? ref->ns : "",
                                  name ? name : ""};
    struct value *meta = meta_of(wanted);
    if (meta && name && str_empty(value_get_str(meta, "name")))
        value_set_str(meta, "name", name);
    if (admit(d, user, &named)) {
        cleanup(value_free) struct value *asker = asker_of(user, named.kind);
        struct change_env env = env_of(d, &named, flags & ~(unsigned)API_STATUS);
        env.asker = asker;
        change_apply(&env, see(d, &named), wanted, &d->change);
        refuse_escalation(d, user, &named);
    }
    return conclude(d, &named);
}
