#pragma once
/* Claims and volumes are held while they are in use: each is born with the finalizer that keeps a
 * deletion from taking it away from under a pod, or from under its claim. */

#include "controller/admission/rule.h"

struct value *storage_protection_complete(const struct admission_env *env,
                                          const struct gate_request *request);
