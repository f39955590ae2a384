#pragma once
/* What a pod is told of its own metadata (core/v1 ObjectFieldSelector), in variables and in files:
 * pure. */

#include "common/data/value.h"

/* The text at metadata.name, .namespace, .uid, .labels, .annotations (all of them, a line each in
 * the order of their keys: key="value", quoted as Go quotes) or metadata.labels['KEY'],
 * metadata.annotations['KEY']; "" for what the pod has not. Caller frees; NULL: no such field. */
char *pod_field_text(const struct value *pod, const char *path);
