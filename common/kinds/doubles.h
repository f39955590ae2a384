#pragma once
/* Items of a list that must differ in more than one field says. */

#include "common/schema/schema.h"

/* Writes what tells an item apart: equal text, equal item. Nothing: the item does not count. */
typedef void doubles_key_fn(const struct value *item, struct buf *ret);

/* A mistake for each item of `list` that has the key of an earlier one. `sub` is the list's path
 * below the object that is checked ("ports"), `below` the path within the item (".name" or ""). Not
 * quadratic: lists are as long as documents may be. */
void check_doubles(const struct value *list, doubles_key_fn *key, const char *sub,
                   const char *below, struct schema_walk *walk);
