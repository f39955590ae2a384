#pragma once
/* Who somebody is, as it was found out: a copy of its own of what struct api_user points to. Pure.
 */

#include "controller/api/api.h"

#define WHO_ANONYMOUS "system:anonymous"
#define WHO_UNAUTHENTICATED "system:unauthenticated"
#define WHO_AUTHENTICATED "system:authenticated"
#define WHO_MASTERS "system:masters"
#define WHO_NODES "system:nodes"
#define WHO_NODE_PREFIX "system:node:"

struct who {
    struct api_user user; /* its strings are this struct's */
    size_t group_count;
    struct who *real; /* who acts as this one; NULL: nobody else. This struct's */
};
/* name is copied; no groups yet. */
struct who *who_new(const char *name);
struct who *who_copy(const struct api_user *user); /* its manager is not copied */
void who_free(struct who *who);
/* Each group once. */
void who_add_group(struct who *who, const char *group);
void who_set_uid(struct who *who, const char *uid);
/* One more text under that key of extra. */
void who_add_extra(struct who *who, const char *key, const char *text);
bool who_has_group(const struct api_user *user, const char *group); /* user NULL: false */

#include "common/base/cleanup.h"
CLEANUP_DEFINE(struct who, who_free);
