#pragma once
/* What becomes of a certificate request whose signer is this gateway: pure. */

#include "common/base/err.h"
#include "common/crypto/cert.h"
#include "common/data/value.h"

#define SIGNER_CLIENT "kubernetes.io/kube-apiserver-client"
#define SIGNER_KUBELET "kubernetes.io/kube-apiserver-client-kubelet"
#define SIGNER_SERVING "kubernetes.io/kubelet-serving"
#define SIGNER_MAX_S (INT64_C(365) * 24 * 3600)

enum signer_action {
    SIGNER_WAIT, /* not ours, not approved, or settled */
    SIGNER_SIGN,
    SIGNER_FAIL, /* never: err says why */
};
/* With SIGNER_SIGN: what to sign. */
struct signer_order {
    struct request_info info; /* the caller's */
    int64_t valid_s;          /* for how long */
    bool serving;             /* for a server, with the names that info holds; else for a client */
};
enum signer_action signer_plan(const struct value *csr, struct signer_order *ret, struct err *err);
