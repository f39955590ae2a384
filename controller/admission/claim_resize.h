#pragma once
/* A claim that has its volume grows only if its class lets volumes grow. */

#include "controller/admission/rule.h"

struct value *claim_resize_check(const struct admission_env *env,
                                 const struct gate_request *request);
