#pragma once
/* What a ServiceAccount's token says (Kubernetes' claims): made, and read back. Pure. */

#include "common/data/value.h"

#define SA_ISSUER "https://kubernetes.default.svc"
#define SA_PREFIX "system:serviceaccount:"
#define SA_GROUP "system:serviceaccounts"

/* What the token is bound to: it dies with it. */
struct sa_bound {
    const char *kind; /* "Pod", "Secret"; NULL: nothing */
    const char *name, *uid;
};

/* Strings are borrowed. */
struct sa_claims {
    const char *ns, *name, *uid; /* of the ServiceAccount */
    struct sa_bound bound;
    const char *node, *node_uid;   /* of a pod that has one; NULL: none */
    const char *id;                /* jti; NULL: none */
    const struct value *audiences; /* a list of texts */
    int64_t issued_s, expires_s;   /* expires_s 0: never */
};
/* The caller's. */
struct value *sa_claims_write(const struct sa_claims *claims);
/* ret borrows from claims. False if they are not those of a ServiceAccount of ours, or contradict
 * themselves. The times are not looked at (jwt_check_times). */
bool sa_claims_read(const struct value *claims, struct sa_claims *ret);
