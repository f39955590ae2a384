#pragma once
/* Label and field selectors, as `labelSelector` and `fieldSelector` spell them. Pure. */

#include "common/data/value.h"
#include "common/schema/schema.h"

#define SELECTOR_MAX_TEXT 16384 /* bytes of one selector */
#define SELECTOR_MAX_TERMS 256  /* requirements of one selector, and values of one requirement */

struct selector;

/* "a=b,c!=d,e in (x,y),f notin (z),g,!h,n>5,m<7". NULL or "": everything (*ret is NULL). -EINVAL
 * with the reason, -E2BIG. */
nodiscard int selector_parse_labels(const char *text, struct selector **ret, struct err *err);
/* "metadata.name=web,status.phase!=Running"; '\' escapes ',', '=' and '\'. Which fields there are
 * the kind says (selectable). NULL or "": everything. -EINVAL, -E2BIG. */
nodiscard int selector_parse_fields(const char *text, const struct schema_kind *kind,
                                    struct selector **ret, struct err *err);
void selector_free(struct selector *selector);
CLEANUP_DEFINE(struct selector, selector_free);

/* A NULL selector matches everything. */
bool selector_match(const struct selector *selector, const struct value *object);
/* The value that `field` must equal for an object to match, NULL if the selector does not say: lets
 * a list by name be a single read. Borrowed. */
const char *selector_required(const struct selector *selector, const char *field);
