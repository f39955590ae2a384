/* Live changes: the store's events, decoded, selected, and told as Kubernetes tells them. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/api/api_impl.h"
#include "controller/api/access.h"
#include "controller/api/meta.h"

#include <errno.h>
#include <string.h>

struct api_watch {
    struct api *api;
    const struct schema_kind *kind;
    struct store_watch *source;
    struct selector *labels, *fields;
    char *key; /* of the one object; NULL: all of the prefix */
    const char *const *mentions;
    api_watch_fn *fn;
    void *ctx;
};

static bool selects(const struct api_watch *watch, const struct value *object)
{
    return object && selector_match(watch->labels, object) && selector_match(watch->fields, object);
}

/* The object as it was last, under the revision of its deletion. */
static void tell_gone(struct api_watch *watch, const struct value *before, int64_t revision)
{
    cleanup(value_free) struct value *last = value_copy(before);
    meta_set_revision(last, revision);
    watch->fn(watch->ctx, API_DELETED, last);
}

static bool holds_one(const struct store_item *item, const char *const *texts)
{
    for (; *texts; texts++)
        if (memmem(item->value, item->len, *texts, strlen(*texts)))
            return true;
    return false;
}

static bool is_mentioned(const struct api_watch *watch, const struct store_event *event)
{
    return !watch->mentions || event->type == STORE_DELETE ||
           holds_one(event->item, watch->mentions) ||
           (event->previous && holds_one(event->previous, watch->mentions));
}

static void on_event(void *ctx, const struct store_event *event)
{
    struct api_watch *watch = ctx;
    const struct store_item *item = event->item;
    if ((watch->key && !str_eq(watch->key, item->key)) || !is_mentioned(watch, event))
        return;
    const struct value *before =
        event->previous ? api_decode(watch->api, watch->kind, event->previous) : NULL;
    const struct value *after =
        event->type == STORE_PUT ? api_decode(watch->api, watch->kind, item) : NULL;
    bool was = selects(watch, before);
    bool is = selects(watch, after);
    if (is)
        watch->fn(watch->ctx, was ? API_MODIFIED : API_ADDED, after);
    else if (was && after)
        watch->fn(watch->ctx, API_DELETED, after); /* no longer selected: shown as it is now */
    else if (was)
        tell_gone(watch, before, item->mod_revision);
}

static int parse_query(struct api_watch *watch, const struct api_ref *ref,
                       const struct api_list_query *query)
{
    struct err err = {0};
    if (!query)
        return 0;
    watch->mentions = query->mentions;
    if (selector_parse_labels(query->label_selector, &watch->labels, &err) != 0 ||
        selector_parse_fields(query->field_selector, ref->kind, &watch->fields, &err) != 0)
        return -400;
    return 0;
}

static int start(struct api_watch *watch, const struct api_ref *ref, int64_t from)
{
    const char *name =
        !str_empty(ref->name) ? ref->name : selector_required(watch->fields, "metadata.name");
    autofree char *prefix = api_key(ref->kind, ref->ns, NULL);
    if (!prefix)
        return -400;
    bool one = !str_empty(name) && (!ref->kind->namespaced || !str_empty(ref->ns));
    if (one && !(watch->key = api_key(ref->kind, ref->ns, name)))
        return -400;
    /* A revision that this store has not reached is another store's: from before a restore. */
    if (from > store_revision(watch->api->store))
        return -410;
    const char *where = watch->key ? watch->key : prefix;
    int r = store_watch(watch->api->store, where, from, on_event, watch, &watch->source);
    return r == -ESTALE ? -410 : r ? -500 : 0;
}

int api_watch(struct api *api, const struct api_user *user, const struct api_ref *ref,
              const struct api_list_query *query, int64_t from, api_watch_fn *fn, void *ctx,
              struct api_watch **ret)
{
    const struct access access = {"watch", *ref, NULL, query ? query->field_selector : NULL};
    cleanup(value_free) struct value *refusal = access_refusal(api, user, &access);
    if (refusal)
        return -403;
    struct api_watch *watch = xcalloc(1, sizeof(*watch));
    watch->api = api;
    watch->kind = ref->kind;
    watch->fn = fn;
    watch->ctx = ctx;
    int r = parse_query(watch, ref, query);
    if (r == 0)
        r = start(watch, ref, from);
    if (r) {
        api_watch_free(watch);
        return r;
    }
    *ret = watch;
    return 0;
}

bool api_watch_is_live(const struct api_watch *watch)
{
    return store_watch_is_live(watch->source);
}

void api_watch_free(struct api_watch *watch)
{
    if (!watch)
        return;
    store_watch_free(watch->source);
    selector_free(watch->labels);
    selector_free(watch->fields);
    free(watch->key);
    free(watch);
}
