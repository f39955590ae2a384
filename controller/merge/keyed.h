#pragma once
/* Items of a list, found by what they are merged by: so that lists of any length merge in one pass.
 * Pure. */

#include "common/data/value.h"

#define KEYED_NONE SIZE_MAX

struct keyed;

/* merge_key: what of the items tells them apart, as in schema.h; NULL: the items themselves do. The
 * list may be NULL. Indexes of its items stay what they were when it was looked at. */
struct keyed *keyed_new(const struct value *list, const char *merge_key);
void keyed_free(struct keyed *keyed);
CLEANUP_DEFINE(struct keyed, keyed_free);

/* The index of the first item with the key that `item` has; KEYED_NONE: there is none, or `item`
 * has no key. */
size_t keyed_find(const struct keyed *keyed, const struct value *item);
/* One more item, at that index; an earlier one of its key stays the first. */
void keyed_add(struct keyed *keyed, const struct value *item, size_t index);
bool keyed_has_key(const struct keyed *keyed, const struct value *item);
