#pragma once
/* metadata.managedFields: who set which fields of an object that somebody applies by the server.
 * Other objects have none. Pure. */

#include "common/schema/schema.h"

#define MANAGED_APPLY "Apply"
#define MANAGED_UPDATE "Update"
#define MANAGED_MAX 64 /* entries of one object */

/* Who writes, and how. */
struct manager {
    const char *name;
    const char *operation;   /* MANAGED_* */
    const char *subresource; /* "" or "status" */
};

/* There is room for no further manager, and this one is new. */
bool managed_is_full(const struct value *object, const struct manager *manager);
/* The fields of that manager's entry, borrowed; NULL: it has none. */
const struct value *managed_fields(const struct value *object, const struct manager *manager);
/* The fields of everybody else. The caller owns them. */
struct value *managed_by_others(const struct value *object, const struct manager *manager);
/* Gives the entry those fields (copied); its time is moved only if they are others, or `touch`. An
 * empty set removes it. */
void managed_set(const struct schema_kind *kind, struct value *object,
                 const struct manager *manager, const struct value *fields, int64_t now_wall_ns,
                 bool touch);
/* Takes the fields from everybody but that manager. */
void managed_take(struct value *object, const struct manager *manager, const struct value *fields);

/* An update by that manager changed the object from `before`: fields that are others' and have
 * changed are his now (nobody's, where there is no room for him). Objects without managedFields
 * stay so. */
void managed_update(const struct schema_kind *kind, const struct value *before,
                    struct value *object, const struct manager *manager, int64_t now_wall_ns);

/* The 409 for an apply that sets fields of others to something else, in Kubernetes' words; NULL: it
 * sets none. mine: the fields that are applied. *ret_fields, the caller's: those in conflict. */
struct value *managed_conflict(const struct schema_kind *kind, const struct value *before,
                               const struct value *object, const struct manager *manager,
                               const struct value *mine, struct value **ret_fields);
