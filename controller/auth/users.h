#pragma once
/* What a User object says of who shows its name, and who is told when that changes. */

#include "controller/auth/who.h"

/* Whether a user of that object (NULL: there is none) may ask for anything. Pure. */
bool user_is_revoked(const struct value *user);
/* The groups of the object in place of those that the certificate says; true if there is one. */
bool user_groups(const struct value *user, struct who *ret);

/* Calls fn for a user whose object was changed or deleted: what he has open was granted before. */
typedef void users_fn(void *ctx, const char *name);
struct users_watch;
nodiscard int users_watch_new(struct api *api, users_fn *fn, void *ctx, struct users_watch **ret,
                              struct err *err);
void users_watch_free(struct users_watch *watch);
