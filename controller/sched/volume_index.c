#include "controller/sched/volume_index.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/sched/affinity.h"

#include <stdlib.h>

/* By size, then by name. */
struct shelf {
    struct volume_view **items;
    size_t count, room;
};

struct volume_index {
    struct map *by_name;  /* struct volume_view */
    struct map *free;     /* class -> struct shelf; "" is a class too */
    struct map *by_claim; /* "namespace/name" -> struct shelf */
};

static void shelf_free(void *p)
{
    struct shelf *shelf = p;
    free(shelf->items);
    free(shelf);
}

static void view_free(void *p)
{
    volume_done(p);
    free(p);
}

struct volume_index *volume_index_new(void)
{
    struct volume_index *volumes = xcalloc(1, sizeof(*volumes));
    *volumes = (struct volume_index){map_new(), map_new(), map_new()};
    return volumes;
}

void volume_index_free(struct volume_index *volumes)
{
    if (!volumes)
        return;
    map_free(volumes->free, shelf_free);
    map_free(volumes->by_claim, shelf_free);
    map_free(volumes->by_name, view_free);
    free(volumes);
}

static int compare(const struct volume_view *a, const struct volume_view *b)
{
    int r = quantity_compare(&a->terms.size, &b->terms.size);
    return r ? r : strcmp(a->name, b->name);
}

/* Where it stands, or is to stand. */
static size_t place_of(const struct shelf *shelf, const struct volume_view *view)
{
    size_t low = 0, high = shelf->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare(shelf->items[mid], view) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void shelve(struct map *shelves, const char *key, struct volume_view *view)
{
    struct shelf *shelf = map_get(shelves, key);
    if (!shelf) {
        shelf = xcalloc(1, sizeof(*shelf));
        (void)map_put(shelves, key, shelf);
    }
    if (shelf->count == shelf->room) {
        shelf->room = shelf->room ? 2 * shelf->room : 4;
        shelf->items = xreallocarray(shelf->items, shelf->room, sizeof(struct volume_view *));
    }
    size_t at = place_of(shelf, view);
    memmove(shelf->items + at + 1, shelf->items + at,
            (shelf->count - at) * sizeof(struct volume_view *));
    shelf->items[at] = view;
    shelf->count++;
}

static void unshelve(struct map *shelves, const char *key, const struct volume_view *view)
{
    struct shelf *shelf = map_get(shelves, key);
    size_t at = shelf ? place_of(shelf, view) : 0;
    if (!shelf || at == shelf->count || shelf->items[at] != view)
        return;
    shelf->count--;
    memmove(shelf->items + at, shelf->items + at + 1,
            (shelf->count - at) * sizeof(struct volume_view *));
    if (shelf->count == 0)
        shelf_free(map_del(shelves, key));
}

/* A volume is free or somebody's. */
static struct map *shelves_of(const struct volume_index *volumes, const struct volume_view *view,
                              const char **ret_key)
{
    *ret_key = *view->claim ? view->claim : view->terms.class;
    return *view->claim ? volumes->by_claim : volumes->free;
}

struct volume_view *volume_index_put(struct volume_index *volumes, const struct value *volume)
{
    struct volume_view *view = xcalloc(1, sizeof(*view));
    const struct volume_view *before;
    const char *key;
    volume_read(view, volume);
    before = volume_index_get(volumes, view->name);
    view->taken = before && before->taken;
    volume_index_drop(volumes, view->name);
    (void)map_put(volumes->by_name, view->name, view);
    struct map *shelves = shelves_of(volumes, view, &key);
    shelve(shelves, key, view);
    return view;
}

void volume_index_drop(struct volume_index *volumes, const char *name)
{
    struct volume_view *view = map_del(volumes->by_name, name);
    const char *key;
    if (!view)
        return;
    struct map *shelves = shelves_of(volumes, view, &key);
    unshelve(shelves, key, view);
    view_free(view);
}

struct volume_view *volume_index_get(const struct volume_index *volumes, const char *name)
{
    return map_get(volumes->by_name, name);
}

struct volume_view *volume_index_pick(const struct volume_index *volumes,
                                      const struct claim_view *claim, const struct sched_node *node)
{
    const struct shelf *shelf = map_get(volumes->free, claim->terms.class);
    struct volume_view least = {.terms.size = claim->terms.size, .name = ""};
    for (size_t i = shelf ? place_of(shelf, &least) : 0; shelf && i < shelf->count; i++) {
        struct volume_view *view = shelf->items[i];
        if (volume_fits(view, claim) &&
            (!node || affinity_matches(view->affinity, node) || WEAKENED(VOLUME_NODE)))
            return view;
    }
    return NULL;
}

struct volume_view *volume_index_of(const struct volume_index *volumes, const char *claim,
                                    const char *uid)
{
    const struct shelf *shelf = map_get(volumes->by_claim, claim);
    for (size_t i = 0; shelf && i < shelf->count; i++)
        if (volume_is_for(shelf->items[i], claim, uid))
            return shelf->items[i];
    return NULL;
}

void volume_index_each_of(const struct volume_index *volumes, const char *claim,
                          volume_index_fn *fn, void *ctx)
{
    const struct shelf *shelf = map_get(volumes->by_claim, claim);
    for (size_t i = 0; shelf && i < shelf->count; i++)
        fn(ctx, shelf->items[i]);
}

void volume_index_each(const struct volume_index *volumes, volume_index_fn *fn, void *ctx)
{
    void *view;
    for (size_t i = 0; map_next(volumes->by_name, &i, NULL, &view);)
        fn(ctx, view);
}
