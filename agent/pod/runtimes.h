#pragma once
/* What runs containers on this node: the handlers that a RuntimeClass may name. */

#include "common/base/buf.h"
#include "common/data/value.h"

#include <stdbool.h>

/* False with the reason appended if the pod's runtimeClassName leads to a handler that this node
 * has not, or that cannot do what the pod asks for. The gateway has looked the handler up:
 * RUNTIME_HANDLER_ANNOTATION. user_namespaces: hostUsers: false works here. */
bool runtimes_allow(const struct value *pod, bool user_namespaces, struct buf *ret_message);
/* The Node's status.runtimeHandlers; the caller's. */
struct value *runtimes_status(bool user_namespaces);
