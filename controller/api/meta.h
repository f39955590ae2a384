#pragma once
/* What the server owns of metadata, and how it changes. Pure. */

#include "common/base/rng.h"
#include "common/data/value.h"
#include "common/schema/schema.h"

/* metadata, made if missing; NULL if it is there and no map. */
struct value *meta_of(struct value *object);

void meta_set_revision(struct value *object, int64_t revision);
void meta_strip_revision(struct value *object);
/* Parses a resourceVersion: "" and NULL are 0. -EINVAL. */
nodiscard int meta_parse_revision(const char *text, int64_t *ret);

/* Fills uid, creationTimestamp, generation (kinds with a spec) of a new object and removes what a
 * client may not give. */
void meta_born(struct value *object, struct rng *rng, int64_t now_wall_ns);
/* Copies what only the server writes from the stored object over what the client sent. */
void meta_carry(const struct value *stored, struct value *next);
/* Everything but metadata and status differs. */
bool meta_spec_differs(const struct value *a, const struct value *b);
void meta_bump_generation(struct value *object);
/* base and five random characters of Kubernetes' alphabet, cut to 63. Caller frees. */
char *meta_generate_name(const char *base, struct rng *rng);

bool meta_is_deleting(const struct value *object);
bool meta_has_finalizers(const struct value *object);
/* deletionTimestamp = now + grace_s, deletionGracePeriodSeconds = grace_s. */
void meta_mark_deleted(struct value *object, int64_t now_wall_ns, int64_t grace_s);
