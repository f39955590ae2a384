/* The reading half of the API, and what all of it shares. */

#include "controller/server/api_impl.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/server/authz.h"
#include "controller/server/meta.h"
#include "controller/server/status.h"

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
        if (!keep)
            continue;
        const struct store_lease terms = {.ttl_ns = keep->ttl_s * NS_PER_S,
                                          .max_items = keep->max_objects,
                                          .max_bytes = keep->max_bytes};
        leases[i] = store_grant(store, &terms);
    }
    return leases;
}

int api_new(const struct api_spec *spec, struct api **ret, struct err *err)
{
    struct api *api = xcalloc(1, sizeof(*api));
    api->loop = spec->loop;
    api->store = spec->store;
    api->clock = spec->clock;
    api->rng = spec->rng;
    api->kinds = kinds_new();
    api->busy = map_new();
    list_init(&api->ready);
    list_init(&api->writes);
    list_init(&api->sweeps);
    api->leases = grant_leases(api->store);
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
    namespaces_free(steal(api->namespaces));
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
    for (size_t i = 0; i < API_DECODED; i++) {
        free(api->decoded[i].key);
        value_free(api->decoded[i].object);
    }
    free(api);
}

struct kinds *api_kinds(const struct api *api)
{
    return api->kinds;
}

int64_t api_revision(const struct api *api)
{
    return store_revision(api->store);
}

char *api_key(const struct schema_kind *kind, const char *ns, const char *name)
{
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

/* The caller's. */
static struct value *decode(const struct store_item *item)
{
    struct err err = {0};
    struct value *object = NULL;
    if (json_parse(item->value, item->len, &object, &err) != 0) {
        log_error("stored object does not parse key=%s error=%s", log_quote(item->key),
                  log_quote(err.msg));
        return NULL;
    }
    meta_set_revision(object, item->mod_revision);
    return object;
}

const struct value *api_decode(struct api *api, const struct store_item *item)
{
    for (size_t i = 0; i < API_DECODED; i++)
        if (api->decoded[i].revision == item->mod_revision &&
            str_eq(api->decoded[i].key, item->key))
            return api->decoded[i].object;
    struct value *object = decode(item);
    if (!object)
        return NULL;
    struct api_decoded *slot = &api->decoded[api->decoded_next++ % API_DECODED];
    free(slot->key);
    value_free(slot->object);
    *slot = (struct api_decoded){xstrdup(item->key), item->mod_revision, object};
    return object;
}

const struct value *api_peek(struct api *api, const struct api_ref *ref)
{
    autofree char *key = str_empty(ref->name) ? NULL : api_key(ref->kind, ref->ns, ref->name);
    struct store_item item;
    if (!key || store_get(api->store, key, &item) != 0)
        return NULL;
    return api_decode(api, &item);
}

static int refuse(struct value *status, struct value **ret)
{
    *ret = status;
    return -status_code(status);
}

int api_get(struct api *api, const struct api_user *user, const struct api_ref *ref,
            struct value **ret)
{
    if (!authz_allows(user, "get", ref))
        return refuse(authz_refusal(user, "get", ref), ret);
    const struct value *object = api_peek(api, ref);
    if (!object)
        return refuse(status_not_found(ref->kind, ref->name ? ref->name : ""), ret);
    *ret = value_copy(object);
    return 0;
}

int api_see(struct api *api, const struct api_user *user, const struct api_ref *ref,
            const struct value **ret)
{
    if (!authz_allows(user, "get", ref))
        return -403;
    const struct value *object = api_peek(api, ref);
    if (!object)
        return -404;
    *ret = object;
    return 0;
}

/* ---- list ---- */

struct listing {
    struct api *api;
    struct selector *labels, *fields;
    int64_t limit;
    struct value *items;
    char *last_key; /* of the last item that was taken */
    bool more;
};

static void listing_done(struct listing *listing)
{
    selector_free(listing->labels);
    selector_free(listing->fields);
    value_free(listing->items);
    free(listing->last_key);
}
CLEANUP_DEFINE_VALUE(struct listing, listing_done);

/* Past the cache, which a list would only wash out. */
static int take_item(void *ctx, const struct store_item *item)
{
    struct listing *listing = ctx;
    cleanup(value_free) struct value *object = decode(item);
    if (!object || !selector_match(listing->labels, object) ||
        !selector_match(listing->fields, object))
        return 0;
    if (listing->limit > 0 && (int64_t)value_len(listing->items) == listing->limit) {
        listing->more = true;
        return 1;
    }
    value_append(listing->items, steal(object));
    if (listing->limit > 0) {
        free(listing->last_key);
        listing->last_key = xstrdup(item->key);
    }
    return 0;
}

/* The token is the revision of the first page and the last key, so that a watch from the first
 * page's revision sees whatever later pages missed. */
static char *write_continue(int64_t revision, const char *key)
{
    autofree char *text = xasprintf("%" PRId64 " %s", revision, key);
    return base64_encode(text, strlen(text));
}

static int read_continue(const char *token, const char *prefix, int64_t *ret_revision,
                         char **ret_key)
{
    autofree uint8_t *raw = NULL;
    size_t len;
    if (base64_decode(token, strlen(token), &raw, &len) != 0 || !str_is_utf8((char *)raw, len))
        return -EINVAL;
    char *space = strchr((char *)raw, ' ');
    if (!space)
        return -EINVAL;
    *space = '\0';
    if (!str_has_prefix(space + 1, prefix) || str_to_i64((char *)raw, ret_revision) != 0)
        return -EINVAL;
    *ret_key = xstrdup(space + 1);
    return 0;
}

static int parse_selectors(const struct api_ref *ref, const struct api_list_query *query,
                           struct selector **ret_labels, struct selector **ret_fields,
                           struct value **ret)
{
    struct err err = {0};
    cleanup(selector_free) struct selector *labels = NULL;
    cleanup(selector_free) struct selector *fields = NULL;
    if (selector_parse_labels(query->label_selector, &labels, &err) != 0 ||
        selector_parse_fields(query->field_selector, ref->kind->group, ref->kind->kind, &fields,
                              &err) != 0)
        return refuse(status_of(400, ref->kind, NULL, "unable to parse the selector: %s", err.msg),
                      ret);
    *ret_labels = steal(labels);
    *ret_fields = steal(fields);
    return 0;
}

/* A list by name alone is one read. */
static void fill_listing(struct listing *listing, const struct api_ref *ref, const char *prefix,
                         const char *after)
{
    const char *name = selector_required(listing->fields, "metadata.name");
    bool one =
        name && *name && !strchr(name, '/') && (!ref->kind->namespaced || !str_empty(ref->ns));
    if (!one) {
        store_list(listing->api->store, prefix, after, take_item, listing);
        return;
    }
    autofree char *key = api_key(ref->kind, ref->ns, name);
    struct store_item item;
    if (key && store_get(listing->api->store, key, &item) == 0)
        take_item(listing, &item);
}

static struct value *list_object(const struct api_ref *ref, struct listing *listing,
                                 int64_t revision)
{
    char api_version[128];
    struct value *list = value_new_map();
    autofree char *kind = xasprintf("%sList", ref->kind->kind);
    value_set_str(list, "kind", kind);
    value_set_str(list, "apiVersion", schema_api_version(ref->kind, api_version));
    meta_set_revision(list, revision);
    if (listing->more) {
        autofree char *token = write_continue(revision, listing->last_key);
        value_set_str(meta_of(list), "continue", token);
    }
    value_set(list, "items", steal(listing->items));
    return list;
}

int api_list(struct api *api, const struct api_user *user, const struct api_ref *ref,
             const struct api_list_query *query, struct value **ret)
{
    static const struct api_list_query everything;
    query = query ? query : &everything;
    if (!authz_allows(user, "list", ref))
        return refuse(authz_refusal(user, "list", ref), ret);
    cleanup(listing_done) struct listing listing = {
        .api = api, .limit = query->limit, .items = value_new_list()};
    int r = parse_selectors(ref, query, &listing.labels, &listing.fields, ret);
    if (r)
        return r;
    autofree char *prefix = api_key(ref->kind, ref->ns, NULL);
    autofree char *after = NULL;
    int64_t revision = store_revision(api->store);
    if (!prefix)
        return refuse(status_of(400, ref->kind, NULL, "invalid namespace"), ret);
    if (!str_empty(query->continue_token) &&
        read_continue(query->continue_token, prefix, &revision, &after) != 0)
        return refuse(status_of(400, ref->kind, NULL, "continue key is not valid"), ret);
    fill_listing(&listing, ref, prefix, after);
    *ret = list_object(ref, &listing, revision);
    return 0;
}
