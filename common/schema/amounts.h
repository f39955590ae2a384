#pragma once
/* Amounts of resources by name (what Kubernetes calls a ResourceList), and reckoning with them.
 * Exact; cut at the ends of int64 units. Pure. */

#include "common/base/map.h"
#include "common/data/value.h"
#include "common/schema/quantity.h"

struct amounts {
    struct map *map; /* name -> struct quantity; NULL: nothing */
};

void amounts_done(struct amounts *amounts); /* leaves it empty and usable */
CLEANUP_DEFINE_VALUE(struct amounts, amounts_done);

/* NULL if there is none of that name. Borrowed until the next change. */
const struct quantity *amounts_get(const struct amounts *amounts, const char *name);
/* The number that schedulers and nodes count in: thousandths of cpu, whole units of all else;
 * rounded up. Less than nothing and none are 0. */
int64_t amounts_count(const struct amounts *amounts, const char *name);
/* Likewise of one entry of a resource list; def: it has none, or no quantity. */
int64_t amounts_count_in(const struct value *list, const char *name, int64_t def);
void amounts_set(struct amounts *amounts, const char *name, const struct quantity *quantity);
/* Onto what there is; times is 1 or -1. */
void amounts_add(struct amounts *amounts, const char *name, const struct quantity *quantity,
                 int times);
/* The greater of both. */
void amounts_raise(struct amounts *amounts, const char *name, const struct quantity *quantity);
/* Of each amount of the other. */
void amounts_add_all(struct amounts *amounts, const struct amounts *other, int times);
void amounts_raise_all(struct amounts *amounts, const struct amounts *other);
/* Of each entry of a resource list that is a quantity; others do not count. */
void amounts_add_list(struct amounts *amounts, const struct value *list);
void amounts_raise_list(struct amounts *amounts, const struct value *list);
bool amounts_next(const struct amounts *amounts, size_t *cursor, const char **ret_name,
                  const struct quantity **ret_quantity);
/* "cpu=1,pods=2", by name. */
void amounts_print(const struct amounts *amounts, struct buf *ret);
