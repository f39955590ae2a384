#pragma once
/* What claims and Ingresses get that name no class: the one that is marked as the default. */

#include "controller/admission/rule.h"

struct value *storage_class_complete(const struct admission_env *env,
                                     const struct gate_request *request);
struct value *ingress_class_complete(const struct admission_env *env,
                                     const struct gate_request *request);
