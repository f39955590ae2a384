#pragma once
/* Kubernetes' bootstrap tokens, "abcdef.0123456789abcdef": a Secret of type
 * bootstrap.kubernetes.io/token in kube-system, read at each use. Its user is system:bootstrap:ID
 * in system:bootstrappers and its auth-extra-groups. (A node's join token is such a Secret too,
 * with a secret of another form: it lets a node in over the bus, and nobody into the API.) */

#include "common/base/clock.h"
#include "controller/auth/who.h"

/* What such a Secret makes of the secret part of a token at that time. NULL: nobody. Pure. */
struct who *bootstrap_tokens_judge(const struct value *secret, const char *id, const char *given,
                                   int64_t now_wall_ns);

/* An authn_token_fn; ctx is the struct api. */
int bootstrap_tokens_check(void *ctx, const char *token, struct who **ret);
