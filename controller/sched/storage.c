#include "controller/sched/storage.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/sched/affinity.h"

#include <stdlib.h>

void sched_storage_done(struct sched_storage *storage)
{
    for (size_t i = 0; i < storage->affinity_count; i++)
        value_free(storage->affinities[i]);
    for (size_t i = 0; i < storage->want_count; i++) {
        free(storage->wants[i].claim);
        claim_done(&storage->wants[i].view);
        value_free(storage->wants[i].topologies);
    }
    free(storage->affinities);
    free(storage->wants);
    free(storage->node);
    *storage = (struct sched_storage){0};
}

/* Room for one more: full at powers of two. */
static void *grow(void *items, size_t count, size_t size)
{
    return count & (count - 1) ? items : xreallocarray(items, count ? 2 * count : 1, size);
}

void sched_storage_add_affinity(struct sched_storage *storage, struct value *selector)
{
    storage->affinities =
        grow(storage->affinities, storage->affinity_count, sizeof(*storage->affinities));
    storage->affinities[storage->affinity_count++] = selector;
}

void sched_storage_add_want(struct sched_storage *storage, const struct sched_want *want)
{
    storage->wants = grow(storage->wants, storage->want_count, sizeof(*storage->wants));
    storage->wants[storage->want_count++] = *want;
}

bool sched_storage_reaches(const struct sched_storage *storage, const struct sched_node *node)
{
    for (size_t i = 0; i < storage->affinity_count; i++)
        if (!affinity_matches(storage->affinities[i], node) && !WEAKENED(SCHED_VOLUMES))
            return false;
    return true;
}

/* Alternatives, each of labels that hold together. */
static bool is_allowed(const struct value *terms, const struct sched_node *node)
{
    if (value_len(terms) == 0)
        return true;
    for (size_t i = 0; i < value_len(terms); i++) {
        const struct value *list = value_get(value_at(terms, i), "matchLabelExpressions");
        bool fits = true;
        for (size_t n = 0; n < value_len(list) && fits; n++) {
            const struct value *one = value_at(list, n);
            const char *key = value_get_str(one, "key");
            const char *have = key ? sched_labels_get(&node->labels, key) : NULL;
            fits = have && value_has_str(value_get(one, "values"), have);
        }
        if (fits)
            return true;
    }
    return false;
}

bool sched_storage_finds(const struct sched_storage *storage, const struct sched_node *node)
{
    struct volume_view *held[64];
    size_t count = 0;
    bool all = !storage->node || str_eq(storage->node, node->name);
    for (size_t i = 0; i < storage->want_count && all; i++) {
        const struct sched_want *want = &storage->wants[i];
        if (want->made && is_allowed(want->topologies, node))
            continue;
        struct volume_view *found = volume_index_pick(storage->index, &want->view, node);
        all = found && count < ARRAY_LEN(held);
        if (!all)
            break;
        found->taken = true; /* for the next of them */
        held[count++] = found;
    }
    while (count > 0)
        held[--count]->taken = false;
    return all;
}
