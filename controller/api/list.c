/* Collections: what is in them, at one revision, in pages. */

#include "controller/api/api_impl.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/api/authz.h"
#include "controller/api/list_options.h"
#include "controller/api/meta.h"
#include "controller/merge/splice.h"
#include "controller/api/status.h"

#include <errno.h>
#include <inttypes.h>

/* In a token: whatever is there now, since what was there then is forgotten. */
#define NOW INT64_C(-1)

struct listing {
    struct api *api;
    const struct api_ref *ref;
    struct selector *labels, *fields;
    int64_t limit;
    size_t bytes, held; /* at which a page ends; those in it, as stored */
    int64_t revision;   /* that it shows */
    bool exact;         /* ... which is not the newest, as far as is known */
    char *prefix;
    char *after;         /* key of the page before; NULL: the first page */
    struct value *items; /* one of the two */
    struct buf *text;
    char api_version[128];
    int64_t count, remaining;
    char *last_key; /* of the last item that was taken */
    bool more;
};

static void listing_done(struct listing *listing)
{
    selector_free(listing->labels);
    selector_free(listing->fields);
    value_free(listing->items);
    free(listing->prefix);
    free(listing->after);
    free(listing->last_key);
}
CLEANUP_DEFINE_VALUE(struct listing, listing_done);

static int refuse(struct value *status, struct value **ret)
{
    *ret = status;
    return -status_code(status);
}

/* ---- items ---- */

static bool selects_all(const struct listing *listing)
{
    return !listing->labels && !listing->fields;
}

/* False if it cannot be passed on as it is stored. */
static bool add_text(struct listing *listing, const struct store_item *item)
{
    size_t before = listing->text->len;
    if (listing->count)
        buf_addc(listing->text, ',');
    const struct schema_kind *kind = listing->ref->kind;
    bool as_stored = !kind->stored && !(kind->flags & SCHEMA_KIND_FILLED);
    if (as_stored && splice_revision(item->value, item->len, listing->api_version,
                                     item->mod_revision, listing->text) == 0)
        return true;
    listing->text->len = before;
    return false;
}

static void add_object(struct listing *listing, const struct value *object)
{
    if (listing->count)
        buf_addc(listing->text, ',');
    (void)json_write(object, listing->text);
}

static bool is_full(const struct listing *listing)
{
    return (listing->limit > 0 && listing->count == listing->limit) ||
           (listing->bytes > 0 && listing->held >= listing->bytes);
}

/* Nothing is decoded that is only to be passed on as it is. */
static int take_item(void *ctx, const struct store_item *item)
{
    struct listing *listing = ctx;
    cleanup(value_free) struct value *object = NULL;
    bool full = is_full(listing);
    if (full && listing->bytes > 0) { /* nobody counts what is left */
        listing->more = true;
        return 1;
    }
    if (full && selects_all(listing)) {
        listing->more = true;
        listing->remaining++;
        return 0;
    }
    bool plain = listing->text && selects_all(listing) && add_text(listing, item);
    if (!plain && !(object = api_decode_new(listing->ref->kind, item)))
        return 0;
    if (!plain &&
        (!selector_match(listing->labels, object) || !selector_match(listing->fields, object)))
        return 0;
    if (full) {
        listing->more = true;
        return 1;
    }
    if (!listing->text)
        value_append(listing->items, steal(object));
    else if (!plain && !add_text(listing, item))
        add_object(listing, object);
    listing->count++;
    listing->held += item->len;
    if (listing->limit > 0 || listing->bytes > 0) {
        free(listing->last_key);
        listing->last_key = xstrdup(item->key);
    }
    return 0;
}

/* A list by name alone is one read. */
static int fill(struct listing *listing)
{
    const struct api_ref *ref = listing->ref;
    struct store *store = listing->api->store;
    const char *name = selector_required(listing->fields, "metadata.name");
    bool one =
        name && *name && !strchr(name, '/') && (!ref->kind->namespaced || !str_empty(ref->ns));
    if (listing->exact)
        return store_list_at(store, listing->prefix, listing->after, listing->revision, take_item,
                             listing);
    if (!one)
        return store_list(store, listing->prefix, listing->after, take_item, listing);
    autofree char *key = api_key(ref->kind, ref->ns, name);
    struct store_item item;
    if (key && store_get(store, key, &item) == 0)
        (void)take_item(listing, &item);
    return 0;
}

/* ---- tokens ---- */

/* The revision that the pages show, and the last key of this one. */
static char *write_continue(int64_t revision, const char *key)
{
    autofree char *text = xasprintf("%" PRId64 " %s", revision, key);
    return base64_encode(text, strlen(text));
}

static int read_continue(struct listing *listing, const char *token)
{
    autofree uint8_t *raw = NULL;
    size_t len;
    int64_t revision;
    if (base64_decode(token, strlen(token), &raw, &len) != 0 || !str_is_utf8((char *)raw, len) ||
        memchr(raw, '\0', len))
        return -EINVAL;
    char *space = strchr((char *)raw, ' ');
    if (!space)
        return -EINVAL;
    *space = '\0';
    if (!str_has_prefix(space + 1, listing->prefix) || str_to_i64((char *)raw, &revision) != 0 ||
        (revision <= 0 && revision != NOW))
        return -EINVAL;
    listing->after = xstrdup(space + 1);
    listing->exact = revision != NOW;
    if (listing->exact)
        listing->revision = revision;
    return 0;
}

/* Expired in the middle of its pages: what is left can be had as it is now. */
static struct value *expired(const struct listing *listing)
{
    if (!listing->after)
        return status_failure(410, "The resourceVersion for the provided list is too old.");
    autofree char *token = write_continue(NOW, listing->after);
    struct value *status = status_failure(
        410,
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter, or use the continue token in this "
        "response to retrieve the remainder of the results. Continuing with the provided token "
        "results in an inconsistent list - objects that were created, modified, or deleted between "
        "the time the first chunk was returned and now may show up in the list.");
    value_set_str(value_get(status, "metadata"), "continue", token);
    return status;
}

/* ---- what is asked for ---- */

static struct value *parse_selectors(const struct api_ref *ref, const struct api_list_query *query,
                                     struct listing *ret)
{
    struct err err = {0};
    if (selector_parse_labels(query->label_selector, &ret->labels, &err) != 0 ||
        selector_parse_fields(query->field_selector, ref->kind, &ret->fields, &err) != 0)
        return status_of(400, ref->kind, NULL, "unable to parse the selector: %s", err.msg);
    return NULL;
}

/* Which revision is shown. */
static struct value *parse_revision(const struct api_list_query *query, struct listing *ret)
{
    const struct list_options options = {.resource_version = query->resource_version,
                                         .match = query->resource_version_match,
                                         .continue_token = query->continue_token};
    int64_t asked, current = store_revision(ret->api->store);
    struct value *status = list_options_check(&options, &asked);
    if (status)
        return status;
    ret->revision = current;
    if (!str_empty(query->continue_token) && read_continue(ret, query->continue_token) != 0)
        return status_of(400, ret->ref->kind, NULL, "continue key is not valid");
    if (asked > current)
        return list_too_large(asked, current);
    if (ret->exact && ret->revision > current)
        return expired(ret); /* of another life of the store */
    bool exact = str_eq(query->resource_version_match, "Exact") ||
                 (str_empty(query->resource_version_match) && ret->limit > 0);
    if (asked > 0 && exact) {
        ret->exact = true;
        ret->revision = asked;
    }
    return NULL;
}

/* What a caller without rights or with a wrong question is told; else the listing is filled. */
static int make_listing(struct api *api, const struct api_user *user, const struct api_ref *ref,
                        const struct api_list_query *query, struct listing *ret,
                        struct value **ret_status)
{
    static const struct api_list_query everything;
    query = query ? query : &everything;
    if (!authz_allows(user, "list", ref))
        return refuse(authz_refusal(user, "list", ref), ret_status);
    ret->api = api;
    ret->ref = ref;
    ret->limit = query->limit;
    ret->bytes = query->bytes;
    (void)schema_api_version(ref->kind, ret->api_version);
    ret->prefix = api_key(ref->kind, ref->ns, NULL);
    if (!ret->prefix)
        return refuse(status_of(400, ref->kind, NULL, "invalid namespace"), ret_status);
    struct value *status = parse_revision(query, ret);
    if (!status)
        status = parse_selectors(ref, query, ret);
    if (!status && fill(ret) == -ESTALE)
        status = expired(ret);
    return status ? refuse(status, ret_status) : 0;
}

static struct value *head_of(const struct listing *listing)
{
    struct value *list = value_new_map();
    autofree char *kind = xasprintf("%sList", listing->ref->kind->kind);
    value_set_str(list, "kind", kind);
    value_set_str(list, "apiVersion", listing->api_version);
    meta_set_revision(list, listing->revision);
    if (listing->more) {
        autofree char *token = write_continue(listing->revision, listing->last_key);
        value_set_str(meta_of(list), "continue", token);
    }
    if (listing->remaining)
        value_set_int(meta_of(list), "remainingItemCount", listing->remaining);
    return list;
}

int api_list(struct api *api, const struct api_user *user, const struct api_ref *ref,
             const struct api_list_query *query, struct value **ret)
{
    cleanup(listing_done) struct listing listing = {.items = value_new_list()};
    int r = make_listing(api, user, ref, query, &listing, ret);
    if (r)
        return r;
    *ret = head_of(&listing);
    value_set(*ret, "items", steal(listing.items));
    return 0;
}

int api_list_text(struct api *api, const struct api_user *user, const struct api_ref *ref,
                  const struct api_list_query *query, struct buf *ret_text, struct value **ret)
{
    cleanup(buf_done) struct buf items = {0};
    cleanup(listing_done) struct listing listing = {.text = &items};
    int r = make_listing(api, user, ref, query, &listing, ret);
    if (r)
        return r;
    cleanup(value_free) struct value *head = head_of(&listing);
    (void)json_write(head, ret_text);
    ret_text->len--; /* its last brace */
    buf_addstr(ret_text, ",\"items\":[");
    buf_add(ret_text, items.data, items.len);
    buf_addstr(ret_text, "]}");
    return 0;
}
