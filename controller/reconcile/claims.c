#include "controller/reconcile/claims.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/reconcile/claims_impl.h"

#include <stdlib.h>
#include <string.h>

static void look(void *ctx, const char *key)
{
    if (strchr(key, '/'))
        claims_look_at_claim(ctx, key);
    else
        claims_look_at_volume(ctx, key);
}

/* ---- what is looked at ---- */

static void put_key(void *ctx, const char *key)
{
    struct claims *claims = ctx;
    reconciler_put(claims->frame, key);
}

static void put_claim(void *ctx, const char *key, const struct claim_view *claim)
{
    (void)claim;
    put_key(ctx, key);
}

static void put_volume(void *ctx, struct volume_view *view)
{
    put_key(ctx, view->name);
}

static void put_deleted_volume(void *ctx, struct volume_view *view)
{
    if (view->deleting)
        put_volume(ctx, view);
}

struct offer {
    struct claims *claims;
    const struct volume_view *volume;
};

static void offer_to(void *ctx, const char *key, const struct claim_view *claim)
{
    const struct offer *offer = ctx;
    if (volume_fits(offer->volume, claim))
        put_key(offer->claims, key);
}

/* To claims that could do with a free volume. */
static void offer(struct claims *claims, const struct volume_view *volume)
{
    struct offer it = {claims, volume};
    if (!*volume->claim)
        claim_index_of_class(claims->claims, volume->terms.class, offer_to, &it);
}

/* ---- what changes ---- */

static void on_claim(void *ctx, enum api_event_type type, const struct value *object)
{
    struct claims *claims = ctx;
    autofree char *key = reconciler_key_of(object);
    volume_index_each_of(claims->volumes, key, put_volume, claims);
    if (type == API_DELETED) {
        claim_index_drop(claims->claims, key);
        free(map_del(claims->told, key));
        return;
    }
    claim_index_put(claims->claims, key, object);
    put_key(claims, key);
}

static void volume_gone(struct claims *claims, const char *name)
{
    const struct volume_view *view = volume_index_get(claims->volumes, name);
    if (view && *view->claim)
        put_key(claims, view->claim);
    volume_index_drop(claims->volumes, name);
    free(map_del(claims->told, name));
}

static void on_volume(void *ctx, enum api_event_type type, const struct value *object)
{
    struct claims *claims = ctx;
    const char *name = object_name(object);
    claim_index_of_volume(claims->claims, name, put_claim, claims);
    if (type == API_DELETED) {
        volume_gone(claims, name);
        return;
    }
    cleanup(volume_done) struct volume_view now = {0};
    const struct volume_view *view = volume_index_get(claims->volumes, name);
    volume_read(&now, object);
    bool same = view && volume_same(view, &now);
    view = volume_index_put(claims->volumes, object);
    if (*view->claim)
        put_key(claims, view->claim);
    else if (!same && reconciler_is_ready(claims->frame)) /* before, every claim is anyway */
        offer(claims, view);
    put_key(claims, name);
}

static void on_class(void *ctx, enum api_event_type type, const struct value *object)
{
    struct claims *claims = ctx;
    (void)type;
    claim_index_of_class(claims->claims, object_name(object), put_claim, claims);
}

static void on_pod(void *ctx, enum api_event_type type, const struct value *object)
{
    struct claims *claims = ctx;
    claim_users_see(claims->users, object, type == API_DELETED, put_key, claims);
}

/* What lay on a node that is gone is gone with it. */
static void on_node(void *ctx, enum api_event_type type, const struct value *object)
{
    struct claims *claims = ctx;
    (void)object;
    if (type == API_DELETED)
        volume_index_each(claims->volumes, put_deleted_volume, claims);
}

/* ---- life ---- */

int claims_new(struct loop *loop, struct api *api, struct recorder *recorder, struct claims **ret,
               struct err *err)
{
    static const char *const of_claims[] = {"\"persistentVolumeClaim\"", "\"ephemeral\"", NULL};
    static const char *const none[] = {"\"no node says this\"", NULL};
    static const struct reconciler_watch watches[] = {
        {&kind_persistent_volume, on_volume}, {&kind_persistent_volume_claim, on_claim},
        {&kind_storage_class, on_class},      {&kind_pod, on_pod, of_claims},
        {&kind_node, on_node, none},
    };
    struct claims *claims = xcalloc(1, sizeof(*claims));
    const struct reconciler_spec spec = {.name = "claims",
                                         .loop = loop,
                                         .api = api,
                                         .user = &claims_user,
                                         .watches = watches,
                                         .watch_count = ARRAY_LEN(watches),
                                         .look = look,
                                         .ctx = claims};
    *claims = (struct claims){.loop = loop,
                              .api = api,
                              .recorder = recorder,
                              .told = map_new(),
                              .claims = claim_index_new(),
                              .volumes = volume_index_new(),
                              .users = claim_users_new()};
    int r = reconciler_new(&spec, &claims->frame, err);
    if (r < 0) {
        claims_free(claims);
        return r;
    }
    *ret = claims;
    return 0;
}

void claims_free(struct claims *claims)
{
    if (!claims)
        return;
    reconciler_free(claims->frame);
    map_free(claims->told, free);
    claim_index_free(claims->claims);
    volume_index_free(claims->volumes);
    claim_users_free(claims->users);
    free(claims);
}
