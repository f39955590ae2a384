#pragma once
/* LimitRanges: what containers get that do not say what they need, and between which bounds single
 * pods, containers and claims must stay. */

#include "controller/admission/rule.h"

struct value *limit_range_complete(const struct admission_env *env,
                                   const struct gate_request *request);
struct value *limit_range_check(const struct admission_env *env,
                                const struct gate_request *request);
struct value *limit_range_check_claim(const struct admission_env *env,
                                      const struct gate_request *request);
