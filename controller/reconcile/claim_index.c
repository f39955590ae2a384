#include "controller/reconcile/claim_index.h"

#include "common/base/list.h"
#include "common/base/map.h"
#include "common/base/mem.h"

#include <stdlib.h>

struct claim {
    struct list link; /* of those that wait for the same */
    char *key;
    struct claim_view view;
};

struct claim_index {
    struct map *claims;    /* "namespace/name" -> struct claim */
    struct map *of_class;  /* class -> struct list of struct claim */
    struct map *of_volume; /* name of a volume -> struct list of struct claim */
};

struct claim_index *claim_index_new(void)
{
    struct claim_index *index = xcalloc(1, sizeof(*index));
    *index = (struct claim_index){map_new(), map_new(), map_new()};
    return index;
}

static void claim_free(void *p)
{
    struct claim *claim = p;
    claim_done(&claim->view);
    free(claim->key);
    free(claim);
}

void claim_index_free(struct claim_index *index)
{
    if (!index)
        return;
    map_free(index->claims, claim_free);
    map_free(index->of_class, free);
    map_free(index->of_volume, free);
    free(index);
}

static struct map *map_of(const struct claim_index *index, const struct claim *claim,
                          const char **ret_name)
{
    *ret_name = *claim->view.volume ? claim->view.volume : claim->view.terms.class;
    return *claim->view.volume ? index->of_volume : index->of_class;
}

static void join(struct claim_index *index, struct claim *claim)
{
    const char *name;
    struct map *map = map_of(index, claim, &name);
    struct list *list = map_get(map, name);
    if (!list) {
        list = xcalloc(1, sizeof(*list));
        list_init(list);
        (void)map_put(map, name, list);
    }
    list_append(list, &claim->link);
}

static void part(struct claim_index *index, struct claim *claim)
{
    const char *name;
    struct map *map = map_of(index, claim, &name);
    const struct list *list = map_get(map, name);
    list_remove(&claim->link);
    if (list_empty(list))
        free(map_del(map, name));
}

void claim_index_put(struct claim_index *index, const char *key, const struct value *object)
{
    struct claim *claim = map_get(index->claims, key);
    if (claim) {
        part(index, claim);
        claim_done(&claim->view);
    } else {
        claim = xcalloc(1, sizeof(*claim));
        claim->key = xstrdup(key);
        (void)map_put(index->claims, key, claim);
    }
    claim_read(&claim->view, object);
    join(index, claim);
}

void claim_index_drop(struct claim_index *index, const char *key)
{
    struct claim *claim = map_del(index->claims, key);
    if (!claim)
        return;
    part(index, claim);
    claim_free(claim);
}

bool claim_index_has(const struct claim_index *index, const char *key)
{
    return map_get(index->claims, key) != NULL;
}

static void each(const struct map *map, const char *name, claim_index_fn *fn, void *ctx)
{
    const struct list *list = map_get(map, name);
    struct list *it, *tmp;
    if (!list)
        return;
    list_each(it, tmp, list)
    {
        const struct claim *claim = container_of(it, struct claim, link);
        fn(ctx, claim->key, &claim->view);
    }
}

void claim_index_of_class(const struct claim_index *index, const char *class, claim_index_fn *fn,
                          void *ctx)
{
    each(index->of_class, class, fn, ctx);
}

void claim_index_of_volume(const struct claim_index *index, const char *volume, claim_index_fn *fn,
                           void *ctx)
{
    each(index->of_volume, volume, fn, ctx);
}
