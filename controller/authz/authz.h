#pragma once
/* Who may do what: the one place that decides, for HTTP, the bus and the gateway's own controllers.
 * Follows the roles and bindings in the store as they change. Answers from memory. */

#include "controller/authz/rbac_index.h"
#include "controller/store/store.h"

struct authz;
/* Reads what is stored before it returns. The store is borrowed and must outlive it, or be closed
 * first. */
struct authz *authz_new(struct store *store);
void authz_free(struct authz *authz);

struct authz_ask {
    struct rbac_user user; /* groups NULL: one of the gateway's own controllers, if its name says
                              so too: whoever comes from outside is at least in one group */
    struct rbac_ask what;
    const char *bound_to; /* of lists of pods: what spec.nodeName must be; NULL: anything */
};
/* reason (may be NULL) gets why, in Kubernetes' words; nothing where nothing stands for it. */
bool authz_allows(struct authz *authz, const struct authz_ask *ask, struct buf *reason);
/* Everything, the keys of the gateway included: a member of system:masters. */
bool authz_is_master(const struct rbac_user *user);
/* For reviews and checks of what somebody may hand on. */
const struct rbac_index *authz_index(const struct authz *authz);
