#pragma once
/* Nobody gives what he has not: who writes a role must have all that it allows, or the verb
 * "escalate" for it; who writes a binding all that its role allows, or the verb "bind" for that;
 * who puts a user into a group must be in it, or have the verb "impersonate" for it; who approves a
 * certificate request, or answers it, needs the verb "approve" or "sign" for its signer.
 * (https://kubernetes.io/docs/reference/access-authn-authz/rbac/, privilege escalation prevention)
 */

#include "controller/api/api.h"

/* Who writes a role, a binding, a user or a certificate request, kept until it is known what. NULL:
 * it is no such object, or he may give everything. The caller's. */
struct escalation;
struct escalation *escalation_new(const struct api_user *user, const struct api_ref *ref);
void escalation_free(struct escalation *escalation);

/* NULL, or the Status that refuses the object as it would be written (stored NULL: it is new). */
struct value *escalation_refusal(const struct api *api, const struct escalation *escalation,
                                 const struct api_ref *ref, const struct value *stored,
                                 const struct value *object);
