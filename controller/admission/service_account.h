#pragma once
/* Service accounts of pods: which, the secrets with which its images are fetched, and its token. */

#include "controller/admission/rule.h"

struct value *service_account_complete(const struct admission_env *env,
                                       const struct gate_request *request);
