#pragma once
/* What becomes of a certificate request whose signer is this gateway: pure. */

#include "common/base/err.h"
#include "common/crypto/cert.h"
#include "common/data/value.h"

#define SIGNER_CLIENT "kubernetes.io/kube-apiserver-client"
#define SIGNER_KUBELET "kubernetes.io/kube-apiserver-client-kubelet"
#define SIGNER_MAX_S (INT64_C(365) * 24 * 3600)

enum signer_action {
    SIGNER_WAIT, /* not ours, not approved, or settled */
    SIGNER_SIGN,
    SIGNER_FAIL, /* never: err says why */
};
/* With SIGNER_SIGN, *ret (the caller's) is what to sign and *ret_valid_s for how long. */
enum signer_action signer_plan(const struct value *csr, struct request_info *ret,
                               int64_t *ret_valid_s, struct err *err);
