#pragma once
/* The controller that gives every namespace its ServiceAccount `default` and the ConfigMap
 * kube-root-ca.crt, and fills the Secrets that are to hold a token (accounts_plan.h). */

#include "controller/api/api.h"
#include "controller/auth/sa_tokens.h"

struct accounts;
struct accounts_spec {
    struct loop *loop;
    struct api *api;
    struct sa_tokens *tokens;
    const char *ca_pem;
};
/* All borrowed. */
nodiscard int accounts_new(const struct accounts_spec *spec, struct accounts **ret,
                           struct err *err);
void accounts_free(struct accounts *accounts);
