#pragma once
/* What an object says that nothing acts on yet (the tables' INERT): those who say it are warned.
 * Pure. */

#include "common/schema/schema.h"

#define INERT_MAX 20 /* warnings about one object */

/* "spec.template.spec.os: accepted and kept; nothing acts on it yet", once for all items of
 * a list. Fields that are their default say nothing, nor those that are as they were in the stored
 * object (NULL: there is none): it was told when they were set, or nobody set them but the gateway.
 * Status is not looked into. */
void inert_warn(const struct schema_kind *kind, const struct value *stored,
                const struct value *object, struct diags *warnings);
