#pragma once
/* Pod security by labels of the namespace (pod-security.kubernetes.io/enforce, warn, audit, each
 * with -version): pods that violate the level are refused or their writers warned, and so are those
 * of workloads; the labels themselves are checked, and who sets them learns which pods would not be
 * let in any more. */

#include "controller/admission/rule.h"

struct value *pod_security_check(const struct admission_env *env,
                                 const struct gate_request *request);
struct value *pod_security_check_workload(const struct admission_env *env,
                                          const struct gate_request *request);
struct value *pod_security_check_namespace(const struct admission_env *env,
                                           const struct gate_request *request);
