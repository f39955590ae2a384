#pragma once
/* Join tokens: Secrets of type bootstrap.kubernetes.io/token in kube-system, as Kubernetes keeps
 * bootstrap tokens (data token-id, token-secret = 64 hex digits, expiration,
 * usage-bootstrap-authentication). The projection of one: pure. */

#include "common/bus/enroll.h"
#include "common/data/value.h"

#define TOKEN_NAMESPACE "kube-system"
#define TOKEN_TYPE "bootstrap.kubernetes.io/token"
#define TOKEN_NAME_PREFIX "bootstrap-token-"
#define TOKEN_USED_BY "limpet.io/used-by" /* annotation: the id of the one node that it let in */

struct token {
    char id[33];
    uint8_t secret[ENROLL_SECRET_LEN];
    int64_t expires_ns;               /* wall; INT64_MAX: never */
    char used_by[TOPIC_NODE_MAX + 1]; /* "" = by nobody yet */
};
/* False if the object is not a join token, or a malformed one. */
bool token_read(const struct value *secret, struct token *ret);
