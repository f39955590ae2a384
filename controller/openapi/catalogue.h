#pragma once
/* The kinds that are served, in the order in which Kubernetes tells them: the core group, then the
 * other groups as its own API server ranks them (what a short name means to kubectl depends on it)
 * and at the end those that people define, by name; in a group the newest stable version first; in
 * a version by plural. Pure. */

#include "common/kinds/kinds.h"

/* An array that ends with NULL; the caller frees it, the kinds are borrowed. */
const struct schema_kind **catalogue_new(const struct kinds *kinds);
bool catalogue_same_group(const struct schema_kind *a, const struct schema_kind *b);
bool catalogue_same_version(const struct schema_kind *a, const struct schema_kind *b);

/* Below 0 where version `a` comes before `b`: v2, v1, v2beta1, v1beta2, v1alpha1, then other words
 * by the alphabet. */
int catalogue_compare_versions(const char *a, const char *b);
