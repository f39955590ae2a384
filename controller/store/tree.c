#include "controller/store/tree.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define LEAF_MAX 128
#define LEAF_MERGE (LEAF_MAX / 2) /* two neighbours that fit in this become one */

struct tree_leaf {
    uint32_t count;
    struct item *items[LEAF_MAX];
};

void tree_init(struct tree *tree)
{
    *tree = (struct tree){0};
}

void tree_done(struct tree *tree)
{
    for (size_t i = 0; i < tree->leaf_count; i++) {
        for (uint32_t j = 0; j < tree->leaves[i]->count; j++)
            item_unref(tree->leaves[i]->items[j]);
        free(tree->leaves[i]);
    }
    free(tree->leaves);
    tree_init(tree);
}

/* True if the item stands before the place that is looked for. */
static bool is_before(const struct item *item, const char *key, bool after)
{
    int cmp = strcmp(item_key(item), key);
    return cmp < 0 || (after && cmp == 0);
}

/* The leaf in which the place lies: the last one whose first item stands before it, else the first.
 */
static size_t find_leaf(const struct tree *tree, const char *key, bool after)
{
    size_t low = 0, high = tree->leaf_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (is_before(tree->leaves[mid]->items[0], key, after))
            low = mid + 1;
        else
            high = mid;
    }
    return low ? low - 1 : 0;
}

static size_t find_slot(const struct tree_leaf *leaf, const char *key, bool after)
{
    size_t low = 0, high = leaf->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (is_before(leaf->items[mid], key, after))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct tree_pos tree_seek(const struct tree *tree, const char *key, bool after)
{
    struct tree_pos pos = {0};
    if (!tree->leaf_count)
        return pos;
    pos.leaf = find_leaf(tree, key, after);
    pos.slot = find_slot(tree->leaves[pos.leaf], key, after);
    if (pos.slot == tree->leaves[pos.leaf]->count)
        pos = (struct tree_pos){.leaf = pos.leaf + 1};
    return pos;
}

struct item *tree_next(const struct tree *tree, struct tree_pos *pos)
{
    if (pos->leaf >= tree->leaf_count)
        return NULL;
    const struct tree_leaf *leaf = tree->leaves[pos->leaf];
    struct item *item = leaf->items[pos->slot];
    if (++pos->slot == leaf->count)
        *pos = (struct tree_pos){.leaf = pos->leaf + 1};
    return item;
}

struct item *tree_get(const struct tree *tree, const char *key)
{
    struct tree_pos pos = tree_seek(tree, key, false);
    struct item *item = tree_next(tree, &pos);
    return item && strcmp(item_key(item), key) == 0 ? item : NULL;
}

static struct tree_leaf *insert_leaf(struct tree *tree, size_t at)
{
    if (tree->leaf_count == tree->leaf_cap) {
        tree->leaf_cap = tree->leaf_cap ? tree->leaf_cap * 2 : 16;
        tree->leaves = xreallocarray(tree->leaves, tree->leaf_cap, sizeof(struct tree_leaf *));
    }
    struct tree_leaf *leaf = xmalloc(sizeof(*leaf));
    leaf->count = 0;
    memmove(tree->leaves + at + 1, tree->leaves + at,
            (tree->leaf_count - at) * sizeof(struct tree_leaf *));
    tree->leaves[at] = leaf;
    tree->leaf_count++;
    return leaf;
}

static void remove_leaf(struct tree *tree, size_t at)
{
    free(tree->leaves[at]);
    tree->leaf_count--;
    memmove(tree->leaves + at, tree->leaves + at + 1,
            (tree->leaf_count - at) * sizeof(struct tree_leaf *));
}

/* Makes room in a full leaf. Keys that arrive in order (a fleet's first list) leave full leaves
 * behind. */
static void split_leaf(struct tree *tree, size_t at, size_t *slot, size_t *ret_leaf)
{
    bool append = *slot == LEAF_MAX && at + 1 == tree->leaf_count;
    uint32_t keep = append ? LEAF_MAX : LEAF_MAX / 2;
    struct tree_leaf *right = insert_leaf(tree, at + 1);
    struct tree_leaf *left = tree->leaves[at];

    right->count = LEAF_MAX - keep;
    memcpy(right->items, left->items + keep, right->count * sizeof(struct item *));
    left->count = keep;
    *ret_leaf = at;
    if (append || *slot > keep) {
        *slot -= keep;
        *ret_leaf = at + 1;
    }
}

struct item *tree_put(struct tree *tree, struct item *item)
{
    if (!tree->leaf_count) {
        struct tree_leaf *only = insert_leaf(tree, 0);
        only->items[only->count++] = item;
        tree->count++;
        return NULL;
    }
    size_t at = find_leaf(tree, item_key(item), false);
    size_t slot = find_slot(tree->leaves[at], item_key(item), false);
    if (slot == tree->leaves[at]->count && at + 1 < tree->leaf_count &&
        strcmp(item_key(tree->leaves[at + 1]->items[0]), item_key(item)) == 0) {
        at++;
        slot = 0;
    }
    struct tree_leaf *leaf = tree->leaves[at];
    if (slot < leaf->count && strcmp(item_key(leaf->items[slot]), item_key(item)) == 0) {
        struct item *old = leaf->items[slot];
        leaf->items[slot] = item;
        return old;
    }
    if (leaf->count == LEAF_MAX) {
        split_leaf(tree, at, &slot, &at);
        leaf = tree->leaves[at];
    }
    memmove(leaf->items + slot + 1, leaf->items + slot,
            (leaf->count - slot) * sizeof(struct item *));
    leaf->items[slot] = item;
    leaf->count++;
    tree->count++;
    return NULL;
}

static void merge_leaf(struct tree *tree, size_t at)
{
    if (tree->leaves[at]->count == 0) {
        remove_leaf(tree, at);
        return;
    }
    if (at + 1 >= tree->leaf_count)
        return;
    struct tree_leaf *left = tree->leaves[at], *right = tree->leaves[at + 1];
    if (left->count + right->count > LEAF_MERGE)
        return;
    memcpy(left->items + left->count, right->items, right->count * sizeof(struct item *));
    left->count += right->count;
    remove_leaf(tree, at + 1);
}

struct item *tree_del(struct tree *tree, const char *key)
{
    struct tree_pos pos = tree_seek(tree, key, false);
    if (pos.leaf >= tree->leaf_count)
        return NULL;
    struct tree_leaf *leaf = tree->leaves[pos.leaf];
    struct item *item = leaf->items[pos.slot];
    if (strcmp(item_key(item), key) != 0)
        return NULL;
    leaf->count--;
    memmove(leaf->items + pos.slot, leaf->items + pos.slot + 1,
            (leaf->count - pos.slot) * sizeof(struct item *));
    tree->count--;
    merge_leaf(tree, pos.leaf);
    return item;
}

size_t tree_count(const struct tree *tree, const char *prefix)
{
    size_t len = strlen(prefix), count = 0;
    struct tree_pos pos = tree_seek(tree, prefix, false);
    while (pos.leaf < tree->leaf_count) {
        const struct tree_leaf *leaf = tree->leaves[pos.leaf];
        /* Whole leaves are counted by their last item. */
        if (strncmp(item_key(leaf->items[leaf->count - 1]), prefix, len) == 0) {
            count += leaf->count - pos.slot;
            pos = (struct tree_pos){.leaf = pos.leaf + 1};
            continue;
        }
        while (strncmp(item_key(leaf->items[pos.slot]), prefix, len) == 0) {
            count++;
            pos.slot++;
        }
        break;
    }
    return count;
}
