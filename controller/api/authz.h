#pragma once
/* Who may do what: one small table, asked by every call of the API. */

#include "controller/api/api.h"

/* verb: get, list, watch, create, update, patch, delete, deletecollection. */
bool authz_allows(const struct api_user *user, const char *verb, const struct api_ref *ref);
/* Paths that are not objects: "/version", "/apis/apps/v1"... user NULL: nobody. */
bool authz_allows_path(const struct api_user *user, const char *path);
/* Everything, the keys of the gateway included. */
bool authz_is_master(const struct api_user *user);
/* The 403 that says so. Caller owns. */
struct value *authz_refusal(const struct api_user *user, const char *verb,
                            const struct api_ref *ref);
