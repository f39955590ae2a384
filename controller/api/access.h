#pragma once
/* What every call of the API asks first: whether the user may. Builds the question for
 * controller/authz and puts its answer into Kubernetes' words. */

#include "controller/api/api.h"

/* What is asked of objects. */
struct access {
    const char *verb; /* get, list, watch, create, update, patch, delete, deletecollection... */
    struct api_ref ref;
    const char *subresource;    /* NULL or "": of the object itself */
    const char *field_selector; /* of lists and watches; may be NULL: one of metadata.name is a
                                   question about that object alone */
};
/* NULL, or the Status (403) that says why not; the caller's. user NULL: system:anonymous. */
struct value *access_refusal(const struct api *api, const struct api_user *user,
                             const struct access *access);
/* The same without the Status. */
bool access_allows(const struct api *api, const struct api_user *user, const char *verb,
                   const struct api_ref *ref);
/* Of paths that are not objects: "/version", "/apis/apps/v1"... */
struct value *access_path_refusal(const struct api *api, const struct api_user *user,
                                  const char *verb, const char *path);
/* Everything, the keys of the gateway included. */
bool access_is_master(const struct api_user *user);

/* The node that this user is; NULL: none. Borrowed. */
const char *access_node(const struct api_user *user);

struct authz_ask;
struct buf;
struct rbac_grant;
struct rbac_user;
/* Any question, of objects that no kind is known of too. */
bool access_ask(const struct api *api, const struct authz_ask *ask, struct buf *reason);
/* NULL, or the Status (403); of objects alone. */
struct value *access_ask_refusal(const struct api *api, const struct authz_ask *ask);
/* Every rule that somebody has, in that namespace and at the cluster scope; fn ends it by not
 * returning 0. Those of a member of system:masters come from the binding of cluster-admin, as
 * everybody's. */
void access_each_rule(const struct api *api, const struct rbac_user *user, const char *ns,
                      int (*fn)(void *ctx, const struct rbac_grant *grant), void *ctx);
