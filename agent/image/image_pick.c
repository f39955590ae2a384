#include "agent/image/image_pick.h"

#include <stdlib.h>

static int by_use(const void *a, const void *b)
{
    const struct image_candidate *x = a, *y = b;
    return x->used_s < y->used_s ? -1 : x->used_s > y->used_s;
}

/* How many images have a layer stands in the place of a pointer. */
static uintptr_t add(struct map *users, const char *diff_id, uintptr_t delta)
{
    const char *hex = digest_hex(diff_id);
    uintptr_t count = (uintptr_t)map_get(users, hex) + delta;
    (void)map_put(users, hex, (void *)count);
    return count;
}

static void count_users(const struct image_candidate *items, size_t count, struct map *users)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; items[i].config && k < items[i].config->diff_id_count; k++)
            (void)add(users, items[i].config->diff_ids[k], 1);
}

void image_pick(struct image_candidate *items, size_t count, const struct map *kept,
                int64_t (*layer_bytes)(void *ctx, const char *diff_id), void *ctx,
                const struct image_policy *policy)
{
    struct map *users = map_new();
    int64_t freed = 0;
    count_users(items, count, users);
    qsort(items, count, sizeof(*items), by_use);
    for (size_t i = 0; i < count; i++) {
        bool lately = policy->unused_since_s && items[i].used_s >= policy->unused_since_s;
        items[i].goes = !lately && !(policy->bytes && freed >= policy->bytes);
        if (!items[i].goes || !items[i].config)
            continue;
        for (size_t k = 0; k < items[i].config->diff_id_count; k++) {
            const char *diff_id = items[i].config->diff_ids[k];
            int64_t bytes =
                add(users, diff_id, (uintptr_t)-1) == 0 && !map_get(kept, digest_hex(diff_id))
                    ? layer_bytes(ctx, diff_id)
                    : 0;
            freed += bytes > 0 ? bytes : 0;
        }
    }
    map_free(users, NULL);
}
