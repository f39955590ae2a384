#pragma once
/* Default tolerations: how long pods stay on nodes that are not ready or out of reach, where they
 * do not say it themselves. */

#include "controller/admission/rule.h"

struct value *toleration_complete(const struct admission_env *env,
                                  const struct gate_request *request);
