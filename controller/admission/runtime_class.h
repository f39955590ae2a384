#pragma once
/* RuntimeClasses: what running a pod that way costs beside, and where it can be done. */

#include "controller/admission/rule.h"

struct value *runtime_class_complete(const struct admission_env *env,
                                     const struct gate_request *request);
