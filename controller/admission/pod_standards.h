#pragma once
/* The Pod Security Standards (kubernetes.io/docs/concepts/security/pod-security-standards): what
 * pods may not ask for at the levels baseline and restricted, as a table of small checks. Pure. */

#include "common/base/buf.h"
#include "common/data/value.h"

enum pod_level { POD_PRIVILEGED, POD_BASELINE, POD_RESTRICTED };

#define POD_STANDARDS_LATEST 1000 /* the minor version that is "latest" */

/* Judges a pod, or the template of some, at a level as it was in version 1.<minor>. ret_reasons
 * gets "hostPort, privileged", ret_details the same with what is wrong in parentheses, in
 * Kubernetes' words; both are empty, and false is returned, where nothing is. */
bool pod_standards_violated(enum pod_level level, int minor, const struct value *meta,
                            const struct value *spec, struct buf *ret_reasons,
                            struct buf *ret_details);
