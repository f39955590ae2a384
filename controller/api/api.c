/* Reading one object, and what all of the API shares. */

#include "controller/api/api_impl.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "controller/api/access.h"
#include "controller/api/form.h"
#include "controller/api/meta.h"
#include "controller/api/status.h"
#include "controller/authz/authz.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Volatile kinds live under a lease each. */
static int *grant_leases(struct store *store)
{
    size_t count = 0;
    while (kinds_at(NULL, count))
        count++;
    int *leases = xcalloc(count + 1, sizeof(*leases));
    for (size_t i = 0; i < count; i++) {
        const struct schema_keep *keep = kinds_at(NULL, i)->keep;
        if (!keep || kinds_at(NULL, i)->stored)
            continue;
        const struct store_lease terms = {.ttl_ns = keep->ttl_s * NS_PER_S,
                                          .max_items = keep->max_objects,
                                          .max_bytes = keep->max_bytes};
        leases[i] = store_grant(store, &terms);
    }
    return leases;
}

/* Another kind may come to stand where this one stood. What is borrowed stays. */
static void on_kind(void *ctx, const struct schema_kind *kind, bool added)
{
    struct api *api = ctx;
    (void)kind;
    for (size_t i = 0; i < API_DECODED && !added; i++)
        api->decoded[i].kind = NULL;
}

int api_new(const struct api_spec *spec, struct api **ret, struct err *err)
{
    struct api *api = xcalloc(1, sizeof(*api));
    api->loop = spec->loop;
    api->store = spec->store;
    api->clock = spec->clock;
    api->rng = spec->rng;
    api->kinds = kinds_new();
    kinds_observe(api->kinds, on_kind, api);
    api->busy = map_new();
    list_init(&api->ready);
    list_init(&api->writes);
    list_init(&api->sweeps);
    api->leases = grant_leases(api->store);
    api->authz = authz_new(api->store);
    api->namespaces = namespaces_new(api);
    (void)err;
    *ret = api;
    return 0;
}

void api_stop(struct api *api)
{
    if (!api)
        return;
    api->stopped = true;
    api_sweeps_free(api);
    loop_defer_free(steal(api->pump));
    loop_defer_free(steal(api->forget));
    namespaces_free(steal(api->namespaces));
    authz_free(steal(api->authz));
}

static void forget(struct api *api, struct api_decoded *slot)
{
    api->decoded_bytes -= slot->bytes;
    free(slot->key);
    value_free(slot->object);
    *slot = (struct api_decoded){0};
}

void api_free(struct api *api)
{
    if (!api)
        return;
    api_stop(api);
    api_writes_free(api);
    map_free(api->busy, free);
    free(api->leases);
    kinds_free(api->kinds);
    for (size_t i = 0; i < API_DECODED; i++)
        forget(api, &api->decoded[i]);
    free(api);
}

void api_set_gate(struct api *api, const struct gate *gate)
{
    api->gate = gate;
}

const struct clock *api_clock(const struct api *api)
{
    return api->clock;
}

struct kinds *api_kinds(const struct api *api)
{
    return api->kinds;
}

int64_t api_revision(const struct api *api)
{
    return store_revision(api->store);
}

char *api_key(const struct schema_kind *shown, const char *ns, const char *name)
{
    const struct schema_kind *kind = form_stored(shown);
    if (!ns || !kind->namespaced)
        ns = "";
    if (strchr(ns, '/') || (name && strchr(name, '/')))
        return NULL;
    if (!str_empty(name))
        return xasprintf("%s/%s/%s/%s", kind->group, kind->plural, ns, name);
    if (*ns)
        return xasprintf("%s/%s/%s/", kind->group, kind->plural, ns);
    return xasprintf("%s/%s/", kind->group, kind->plural);
}

struct value *api_decode_new(const struct schema_kind *kind, const struct store_item *item)
{
    struct err err = {0};
    struct value *object = NULL;
    if (json_parse(item->value, item->len, &object, &err) != 0) {
        log_error("stored object does not parse key=%s error=%s", log_quote(item->key),
                  log_quote(err.msg));
        return NULL;
    }
    meta_set_revision(object, item->mod_revision);
    if ((form_stored(kind)->flags & SCHEMA_KIND_FILLED) && !WEAKENED(API_FILL))
        schema_default(form_stored(kind), object);
    form_read(kind, object);
    return object;
}

static bool holds(const struct api_decoded *slot, const struct schema_kind *kind,
                  const struct store_item *item)
{
    return slot->revision == item->mod_revision && (slot->kind == kind || WEAKENED(API_FORM)) &&
           str_eq(slot->key, item->key);
}

/* The slot that holds it, or else the one that was asked for longest ago. */
static struct api_decoded *slot_of(struct api *api, const struct schema_kind *kind,
                                   const struct store_item *item)
{
    struct api_decoded *oldest = &api->decoded[0];
    for (size_t i = 0; i < API_DECODED; i++) {
        struct api_decoded *slot = &api->decoded[i];
        if (holds(slot, kind, item))
            return slot;
        if (slot->used < oldest->used)
            oldest = slot;
    }
    return oldest;
}

/* Big ones are not kept for the next turn of the loop: those that were asked for longest ago go. */
static void on_forget(void *ctx)
{
    struct api *api = ctx;
    api->forget = NULL;
    while (api->decoded_bytes > API_DECODED_BYTES) {
        struct api_decoded *oldest = NULL;
        for (size_t i = 0; i < API_DECODED; i++) {
            struct api_decoded *slot = &api->decoded[i];
            if (slot->object && (!oldest || slot->used < oldest->used))
                oldest = slot;
        }
        forget(api, oldest);
    }
}

const struct value *api_decode(struct api *api, const struct schema_kind *kind,
                               const struct store_item *item)
{
    struct api_decoded *slot = slot_of(api, kind, item);
    if (!holds(slot, kind, item)) {
        struct value *object = api_decode_new(kind, item);
        if (!object)
            return NULL;
        forget(api, slot);
        *slot = (struct api_decoded){kind,   xstrdup(item->key), item->mod_revision,
                                     object, item->len,          0};
        api->decoded_bytes += item->len;
    }
    if (api->decoded_bytes > API_DECODED_BYTES && !api->forget && !api->stopped &&
        !WEAKENED(API_DECODED_BOUND))
        api->forget = loop_defer(api->loop, on_forget, api);
    slot->used = ++api->decoded_used;
    return slot->object;
}

const struct value *api_peek(struct api *api, const struct api_ref *ref)
{
    autofree char *key = str_empty(ref->name) ? NULL : api_key(ref->kind, ref->ns, ref->name);
    struct store_item item;
    if (!key || store_get(api->store, key, &item) != 0)
        return NULL;
    return api_decode(api, ref->kind, &item);
}

static const struct value *reader_see(void *ctx, const struct api_ref *ref)
{
    return api_peek(ctx, ref);
}

struct each {
    const struct schema_kind *kind;
    int (*fn)(void *ctx, const struct value *object);
    void *ctx;
};

static int each_item(void *ctx, const struct store_item *item)
{
    const struct each *each = ctx;
    cleanup(value_free) struct value *object = api_decode_new(each->kind, item);
    return object ? each->fn(each->ctx, object) : 0;
}

static int reader_each(void *ctx, const struct api_ref *ref,
                       int (*fn)(void *fn_ctx, const struct value *object), void *fn_ctx)
{
    struct api *api = ctx;
    struct each each = {ref->kind, fn, fn_ctx};
    autofree char *prefix = api_key(ref->kind, ref->ns, NULL);
    return prefix ? store_list(api->store, prefix, NULL, each_item, &each) : 0;
}

struct gate_reader api_reader(struct api *api)
{
    return (struct gate_reader){reader_see, reader_each, api};
}

static int refuse(struct value *status, struct value **ret)
{
    *ret = status;
    return -status_code(status);
}

int api_get(struct api *api, const struct api_user *user, const struct api_ref *ref,
            struct value **ret)
{
    const struct access access = {"get", *ref, NULL, NULL};
    struct value *refusal = access_refusal(api, user, &access);
    if (refusal)
        return refuse(refusal, ret);
    const struct value *object = api_peek(api, ref);
    if (!object)
        return refuse(status_not_found(ref->kind, ref->name ? ref->name : ""), ret);
    *ret = value_copy(object);
    return 0;
}

int api_see(struct api *api, const struct api_user *user, const struct api_ref *ref,
            const struct value **ret)
{
    if (!access_allows(api, user, "get", ref))
        return -403;
    const struct value *object = api_peek(api, ref);
    if (!object)
        return -404;
    *ret = object;
    return 0;
}
