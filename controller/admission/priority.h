#pragma once
/* PriorityClasses: what pods are worth by the class that they name, or by the global default. */

#include "controller/admission/rule.h"

struct value *priority_complete(const struct admission_env *env,
                                const struct gate_request *request);
struct value *priority_class_check(const struct admission_env *env,
                                   const struct gate_request *request);
