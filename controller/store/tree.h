#pragma once
/* The ordered index in memory: items by key, in byte order. Two levels of sorted arrays (leaves of
 * up to 128 pointers, and an array of leaves): about 11 bytes an item, no rebalancing, and
 * iteration that runs along arrays. Pure. */

#include "controller/store/item.h"

struct tree_leaf;

struct tree {
    struct tree_leaf **leaves; /* none is empty */
    size_t leaf_count, leaf_cap;
    size_t count; /* items */
};

/* A place between items; valid until the tree changes. */
struct tree_pos {
    size_t leaf, slot;
};

void tree_init(struct tree *tree);
void tree_done(struct tree *tree); /* drops the references that it holds */

struct item *tree_get(const struct tree *tree, const char *key); /* borrowed; NULL if absent */
/* Takes over the caller's reference to item; returns the item it replaces (the reference is the
 * caller's) or NULL. */
struct item *tree_put(struct tree *tree, struct item *item);
struct item *tree_del(struct tree *tree,
                      const char *key); /* gives its reference away; NULL if absent */

/* The first item with a key >= key (or, with `after`, > key). */
struct tree_pos tree_seek(const struct tree *tree, const char *key, bool after);
/* The item there, borrowed, and one step on; NULL at the end. */
struct item *tree_next(const struct tree *tree, struct tree_pos *pos);
size_t tree_count(const struct tree *tree, const char *prefix);
