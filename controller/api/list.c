/* Collections: what is in them, at one revision, in pages. */

#include "controller/api/api_impl.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/api/access.h"
#include "controller/api/list_options.h"
#include "controller/api/meta.h"
#include "controller/merge/splice.h"
#include "controller/api/status.h"

#include <errno.h>
#include <inttypes.h>

/* In a token: whatever is there now, since what was there then is forgotten. */
#define NOW INT64_C(-1)

struct api_listing {
    struct api *api;
    const struct schema_kind *kind;
    char *ns;
    struct selector *labels, *fields;
    int64_t limit;
    size_t bytes, held; /* at which a page ends; those in it, as stored */
    int64_t revision;   /* that it shows */
    bool exact;         /* ... which is not the newest, as far as is known */
    char *prefix;
    char *after;                 /* key of the page before; NULL: the first page */
    struct store_cursor *cursor; /* one of the two, until the end */
    char *key;                   /* of the only object that can be meant */
    char api_version[128];
    int64_t count, remaining;
    char *last_key; /* of the last item that was taken */
    bool more;
};

void api_listing_free(struct api_listing *listing)
{
    if (!listing)
        return;
    kinds_release(listing->api->kinds, listing->kind);
    store_cursor_free(listing->cursor);
    selector_free(listing->labels);
    selector_free(listing->fields);
    free(listing->ns);
    free(listing->prefix);
    free(listing->after);
    free(listing->key);
    free(listing->last_key);
    free(listing);
}

static int refuse(struct value *status, struct value **ret)
{
    *ret = status;
    return -status_code(status);
}

/* ---- items ---- */

static bool selects_all(const struct api_listing *listing)
{
    return !listing->labels && !listing->fields;
}

/* False if it cannot be passed on as it is stored. */
static bool add_text(const struct api_listing *listing, const struct store_item *item,
                     struct buf *text)
{
    size_t before = text->len;
    bool as_stored = !listing->kind->stored && !(listing->kind->flags & SCHEMA_KIND_FILLED);
    if (as_stored && splice_revision(item->value, item->len, listing->api_version,
                                     item->mod_revision, text) == 0)
        return true;
    text->len = before;
    return false;
}

static bool is_full(const struct api_listing *listing)
{
    return (listing->limit > 0 && listing->count == listing->limit) ||
           (listing->bytes > 0 && listing->held >= listing->bytes);
}

static void count_item(struct api_listing *listing, const struct store_item *item)
{
    listing->count++;
    listing->held += item->len;
    if (listing->limit > 0 || listing->bytes > 0) {
        free(listing->last_key);
        listing->last_key = xstrdup(item->key);
    }
}

/* Nothing is decoded that is only to be passed on as it is. One of text and ret_object is given. */
static enum api_listed take_item(struct api_listing *listing, const struct store_item *item,
                                 struct buf *text, struct value **ret_object)
{
    cleanup(value_free) struct value *object = NULL;
    bool full = is_full(listing);
    if (full && listing->bytes > 0) { /* nobody counts what is left */
        listing->more = true;
        return API_LISTED_END;
    }
    if (full && selects_all(listing)) {
        listing->more = true;
        listing->remaining++;
        return API_LISTED_NOTHING;
    }
    bool plain = text && selects_all(listing) && add_text(listing, item, text);
    if (!plain && !(object = api_decode_new(listing->kind, item)))
        return API_LISTED_NOTHING;
    if (!plain &&
        (!selector_match(listing->labels, object) || !selector_match(listing->fields, object)))
        return API_LISTED_NOTHING;
    if (full) {
        listing->more = true;
        return API_LISTED_END;
    }
    if (ret_object)
        *ret_object = steal(object);
    else if (!plain && !add_text(listing, item, text))
        (void)json_write(object, text);
    count_item(listing, item);
    return API_LISTED_ONE;
}

static enum api_listed next_item(struct api_listing *listing, struct buf *text,
                                 struct value **ret_object)
{
    struct store_item item;
    int r = -ENOENT;
    if (listing->cursor) {
        r = store_cursor_next(listing->cursor, &item);
    } else if (listing->key) { /* a list by name alone is one read */
        autofree char *key = steal(listing->key);
        r = store_get(listing->api->store, key, &item);
    }
    enum api_listed listed = r == 0         ? take_item(listing, &item, text, ret_object)
                             : r == -ESTALE ? API_LISTED_LOST
                                            : API_LISTED_END;
    if (listed == API_LISTED_END || listed == API_LISTED_LOST)
        store_cursor_free(steal(listing->cursor));
    return listed;
}

enum api_listed api_listing_text(struct api_listing *listing, struct buf *text)
{
    return next_item(listing, text, NULL);
}

enum api_listed api_listing_object(struct api_listing *listing, struct value **ret)
{
    return next_item(listing, NULL, ret);
}

/* Where the objects come from. */
static int open_source(struct api_listing *listing)
{
    const char *name = selector_required(listing->fields, "metadata.name");
    bool one = name && *name && !strchr(name, '/') && (!listing->kind->namespaced || *listing->ns);
    if (!one || listing->exact)
        return store_cursor_new(listing->api->store, listing->prefix, listing->after,
                                listing->revision, &listing->cursor);
    listing->key = api_key(listing->kind, listing->ns, name);
    return 0;
}

/* ---- tokens ---- */

/* The revision that the pages show, and the last key of this one. */
static char *write_continue(int64_t revision, const char *key)
{
    autofree char *text = xasprintf("%" PRId64 " %s", revision, key);
    return base64_encode(text, strlen(text));
}

static int read_continue(struct api_listing *listing, const char *token)
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
static struct value *expired(const struct api_listing *listing)
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
                                     struct api_listing *ret)
{
    struct err err = {0};
    if (selector_parse_labels(query->label_selector, &ret->labels, &err) != 0 ||
        selector_parse_fields(query->field_selector, ref->kind, &ret->fields, &err) != 0)
        return status_of(400, ref->kind, NULL, "unable to parse the selector: %s", err.msg);
    return NULL;
}

/* Which revision is shown. */
static struct value *parse_revision(const struct api_list_query *query, struct api_listing *ret)
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
        return status_of(400, ret->kind, NULL, "continue key is not valid");
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

/* NULL, or what a caller with a wrong question is told. */
static struct value *prepare(struct api_listing *listing, const struct api_ref *ref,
                             const struct api_list_query *query)
{
    listing->ns = xstrdup(ref->ns ? ref->ns : "");
    listing->limit = query->limit;
    listing->bytes = query->bytes;
    (void)schema_api_version(ref->kind, listing->api_version);
    listing->prefix = api_key(ref->kind, ref->ns, NULL);
    if (!listing->prefix)
        return status_of(400, ref->kind, NULL, "invalid namespace");
    struct value *status = parse_revision(query, listing);
    if (!status)
        status = parse_selectors(ref, query, listing);
    if (!status && open_source(listing) == -ESTALE)
        status = expired(listing);
    return status;
}

int api_listing_new(struct api *api, const struct api_user *user, const struct api_ref *ref,
                    const struct api_list_query *query, struct api_listing **ret,
                    struct value **ret_status)
{
    static const struct api_list_query everything;
    query = query ? query : &everything;
    const struct access access = {"list", *ref, NULL, query->field_selector};
    struct value *refusal = access_refusal(api, user, &access);
    if (refusal)
        return refuse(refusal, ret_status);
    struct api_listing *listing = xcalloc(1, sizeof(*listing));
    listing->api = api;
    listing->kind = ref->kind;
    kinds_hold(api->kinds, ref->kind);
    struct value *status = prepare(listing, ref, query);
    if (status) {
        api_listing_free(listing);
        return refuse(status, ret_status);
    }
    *ret = listing;
    return 0;
}

struct value *api_listing_head(const struct api_listing *listing)
{
    struct value *list = value_new_map();
    autofree char *kind = xasprintf("%sList", listing->kind->kind);
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
    struct api_listing *listing = NULL;
    struct value *items = value_new_list();
    int r = api_listing_new(api, user, ref, query, &listing, ret);
    if (r) {
        value_free(items);
        return r;
    }
    /* Nothing changes while it is read at one go: no place can be lost. */
    struct value *object = NULL;
    for (enum api_listed listed = API_LISTED_ONE; listed != API_LISTED_END;) {
        listed = api_listing_object(listing, &object);
        if (listed == API_LISTED_ONE)
            value_append(items, steal(object));
    }
    *ret = api_listing_head(listing);
    value_set(*ret, "items", items);
    api_listing_free(listing);
    return 0;
}
