#pragma once
/* What belongs into every namespace so that its pods can speak to the API: pure. */

#include "common/data/value.h"

#define ACCOUNTS_DEFAULT "default"
#define ACCOUNTS_CA "kube-root-ca.crt"
#define ACCOUNTS_CA_KEY "ca.crt"

enum accounts_action {
    ACCOUNTS_MAKE_ACCOUNT = 1 << 0, /* ServiceAccount default */
    ACCOUNTS_MAKE_CA = 1 << 1,      /* ConfigMap kube-root-ca.crt */
    ACCOUNTS_MEND_CA = 1 << 2,      /* it says something else than the CA */
};
/* Bits of enum accounts_action. Objects are NULL where there is none; in a namespace that is not
 * there, or is being deleted, there is nothing to do. */
unsigned accounts_plan(const struct value *ns, const struct value *account,
                       const struct value *config_map, const char *ca_pem);

/* What is to become of a Secret that is to hold a token of a ServiceAccount. */
enum accounts_secret {
    ACCOUNTS_SECRET_KEEP,   /* it is none, or it is filled */
    ACCOUNTS_SECRET_FILL,   /* its token, its namespace or its CA is missing */
    ACCOUNTS_SECRET_DELETE, /* its account is gone */
};
enum accounts_secret accounts_plan_secret(const struct value *secret, const struct value *account);
#define ACCOUNTS_SECRET_TYPE "kubernetes.io/service-account-token"
#define ACCOUNTS_SECRET_NAME "kubernetes.io/service-account.name" /* annotations of such a one */
#define ACCOUNTS_SECRET_UID "kubernetes.io/service-account.uid"
