/* Empties namespaces that are marked deleted, then removes them. Looks at every namespaced kind,
 * deletes what is not on its way yet, and waits for the rest (a pod ends when its node says so). */

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "controller/server/api_impl.h"
#include "controller/server/meta.h"

#include <string.h>

static const char *const masters[] = {"system:masters", NULL};
static const struct api_user self = {"system:limpet:namespaces", masters};

struct namespaces {
    struct api *api;
    struct map *emptying; /* names of those that wait for what is in them to go */
    struct loop_defer *soon;
};

struct sweep {
    struct api *api;
    struct value *refs; /* list of [kind index, namespace, name] still to be deleted */
    size_t left;
    size_t kind;
    const char *ns;
};

static int see_item(void *ctx, const struct store_item *item)
{
    struct sweep *sweep = ctx;
    sweep->left++;
    const struct value *object = api_decode(sweep->api, item);
    if (!object || (meta_is_deleting(object)))
        return 0;
    struct value *ref = value_new_map();
    value_set_int(ref, "kind", (int64_t)sweep->kind);
    value_set_str(ref, "name", strrchr(item->key, '/') + 1);
    value_append(sweep->refs, ref);
    return 0;
}

static void delete_found(const struct sweep *sweep)
{
    for (size_t i = 0; i < value_len(sweep->refs); i++) {
        const struct value *found = value_at(sweep->refs, i);
        struct api_ref ref = {kinds_at(sweep->api->kinds, (size_t)value_get_int(found, "kind", 0)),
                              sweep->ns, value_get_str(found, "name")};
        api_delete(sweep->api, &self, &ref, NULL, 0, NULL, NULL);
    }
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

/* True if nothing is left in it. */
static bool empty_namespace(struct api *api, const char *ns)
{
    struct sweep sweep = {.api = api, .refs = value_new_list(), .ns = ns};
    const struct schema_kind *kind;
    for (; (kind = kinds_at(api->kinds, sweep.kind)); sweep.kind++) {
        if (!kind->namespaced || kind->stored)
            continue;
        autofree char *prefix = api_key(kind, ns, NULL);
        if (prefix)
            store_list(api->store, prefix, NULL, see_item, &sweep);
    }
    delete_found(&sweep);
    value_free(sweep.refs);
    return sweep.left == 0 && !has_writes(api, ns);
}

static int collect_deleted(void *ctx, const struct store_item *item)
{
    struct sweep *sweep = ctx;
    const struct value *object = api_decode(sweep->api, item);
    if (object && meta_is_deleting(object))
        value_append(sweep->refs, value_new_str(strrchr(item->key, '/') + 1));
    return 0;
}

static void look(void *ctx)
{
    struct namespaces *namespaces = ctx;
    struct api *api = namespaces->api;
    namespaces->soon = NULL;
    struct sweep deleted = {.api = api, .refs = value_new_list()};
    autofree char *prefix = api_key(&kind_namespace, "", NULL);
    store_list(api->store, prefix, NULL, collect_deleted, &deleted);
    map_free(namespaces->emptying, NULL);
    namespaces->emptying = map_new();
    for (size_t i = 0; i < value_len(deleted.refs); i++) {
        const char *ns = value_str(value_at(deleted.refs, i));
        struct api_ref ref = {&kind_namespace, "", ns};
        (void)map_put(namespaces->emptying, ns, namespaces);
        if (empty_namespace(api, ns))
            api_delete(api, &self, &ref, NULL, API_FINALIZE, NULL, NULL);
    }
    value_free(deleted.refs);
}

static void kick(struct namespaces *namespaces)
{
    if (!namespaces->soon)
        namespaces->soon = loop_defer(namespaces->api->loop, look, namespaces);
}

void namespaces_written(struct namespaces *namespaces, const struct schema_kind *kind,
                        const char *ns)
{
    if (kind == &kind_namespace || map_get(namespaces->emptying, ns))
        kick(namespaces);
}

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
    create_first(api);
    kick(namespaces);
    return namespaces;
}

void namespaces_free(struct namespaces *namespaces)
{
    if (!namespaces)
        return;
    map_free(namespaces->emptying, NULL);
    loop_defer_free(namespaces->soon);
    free(namespaces);
}
