#pragma once
/* The kinds that Limpet knows. Adding one is a file with its table and a line in kinds.c. */

#include "common/schema/schema.h"

/* By apiVersion ("v1", "apps/v1") and kind; NULL if unknown. */
const struct schema_kind *kinds_find(const char *api_version, const char *kind);
/* By group ("" = core), version and plural, as in a URL; NULL if unknown. */
const struct schema_kind *kinds_find_resource(const char *group, const char *version,
                                              const char *plural);
/* By what a person types: kind, plural, singular or short name, any case ("po", "Pods"), with or
 * without
 * ".group"; NULL if unknown. */
const struct schema_kind *kinds_find_name(const char *name);
/* i = 0, 1, 2... until NULL; in the order of kinds.c. */
const struct schema_kind *kinds_at(size_t i);
/* The kind of an object by its apiVersion and kind. NULL after adding a mistake that names what is
 * near or known; diags may be NULL. */
const struct schema_kind *kinds_of(const struct value *object, struct diags *diags);

/* Shorthands on metadata; borrowed; NULL if absent. */
const char *object_name(const struct value *object);
const char *object_namespace(const struct value *object);
const char *object_uid(const struct value *object);
const char *object_label(const struct value *object, const char *key);
const char *object_annotation(const struct value *object, const char *key);

extern const struct schema_kind kind_pod, kind_node, kind_namespace, kind_config_map, kind_secret,
    kind_event;
