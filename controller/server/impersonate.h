#pragma once
/* Acting as somebody else (kubectl --as, --as-group, --as-uid): the headers Impersonate-User,
 * Impersonate-Group, Impersonate-Uid and Impersonate-Extra-KEY, each of which asks for the verb
 * "impersonate" (https://kubernetes.io/docs/reference/access-authn-authz/authentication/,
 * user impersonation). */

#include "controller/api/api.h"
#include "controller/auth/who.h"
#include "controller/http/http.h"

/* NULL with *ret (the caller's) whom `user` acts as, untouched where no header asks for it; or the
 * Status that refuses it. */
struct value *impersonate_find(const struct api *api, const struct http_request *request,
                               const struct api_user *user, struct who **ret);

/* The same from headers by themselves: pairs of name and value, ending with NULL. */
struct value *impersonate_read(const struct api *api, const char *const *headers,
                               const struct api_user *user, struct who **ret);
