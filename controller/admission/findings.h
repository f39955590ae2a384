#pragma once
/* What one check of a pod has found, and the words for it: who sets it (the pod, which containers)
 * and to which values. */

#include "common/base/buf.h"
#include "common/base/map.h"
#include "common/data/value.h"

struct findings {
    bool pod;
    struct map *containers, *values; /* sets of texts, in the order in which they came */
};

void findings_init(struct findings *findings);
void findings_done(struct findings *findings);
CLEANUP_DEFINE_VALUE(struct findings, findings_done);

void findings_container(struct findings *findings, const struct value *container);
void findings_value(struct findings *findings, const char *text); /* NULL is left out */
/* A text is of use once. */
void findings_put(struct map *set, const char *text);

/* "container" or "containers" and their names, quoted. */
void findings_print_containers(const struct findings *findings, struct buf *ret);
/* "pod and containers "a", "b"". */
void findings_print_setters(const struct findings *findings, struct buf *ret);
/* Sorted, with a comma between: "a,b". */
void findings_print_joined(const struct map *set, struct buf *ret);
/* Sorted or as they came; quoted or not. */
void findings_print_set(const struct map *set, bool sorted, bool quoted, struct buf *ret);
