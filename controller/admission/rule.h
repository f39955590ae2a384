#pragma once
/* The form of admission's functions, and what they share. Each is pure over what it is given: the
 * request (and what its reader shows) and the environment. */

#include "common/base/buf.h"
#include "controller/admission/admission.h"
#include "controller/api/status.h"

struct quotas;

struct admission_env {
    struct admission_config config;
    struct quotas *quotas;
};

/* NULL, or the refusal. */
typedef struct value *admission_fn(const struct admission_env *env,
                                   const struct gate_request *request);

enum admission_operation {
    ADMISSION_CREATE = 1 << 0,
    ADMISSION_UPDATE = 1 << 1,
    ADMISSION_EPHEMERAL = 1 << 2, /* updates of these subresources */
    ADMISSION_RESIZE = 1 << 3,
};

struct admission_rule {
    const char *name;                       /* as Kubernetes calls it */
    const struct schema_kind *const *kinds; /* ends with NULL; NULL: all */
    unsigned operations;                    /* enum admission_operation */
    admission_fn *mutate, *validate;        /* either may be NULL */
};

/* 403: <resource> "<name>" is forbidden: <why> */
struct value *rule_refusal(const struct gate_request *request, const char *fmt, ...)
    printf_like(2, 3);
/* An object by kind and name, in the request's namespace if the kind has them. As gate_reader.see.
 */
const struct value *rule_see(const struct gate_request *request, const struct schema_kind *kind,
                             const char *name);
