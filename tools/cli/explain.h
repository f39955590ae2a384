#pragma once
/* What an object is waiting for, from the object alone: for `wait`, and for `why` when its node
 * cannot be asked. Pure. */

#include "common/base/buf.h"
#include "common/data/value.h"

enum explain_state {
    EXPLAIN_READY,
    EXPLAIN_NOT_YET,
    EXPLAIN_FAILED, /* for good: it will not become ready */
};

/* One line without a line feed is appended to ret: "app: ImagePullBackOff: reg.local/web:2: ...";
 * nothing when ready. Pods by their status; others by their condition Ready or Available, and what
 * has no such condition is ready when it is there. */
enum explain_state explain_line(const struct value *object, struct buf *ret);
/* The condition of that type is "True" (want NULL) or has the status `want`, any case. */
bool explain_condition(const struct value *object, const char *type, const char *want);

/* Lines about a pod: where it is, each condition that holds it up, each container. node: the Node
 * object it is bound to, NULL if that is not known. */
void explain_pod(const struct value *pod, const struct value *node, struct buf *ret);
/* Lines about a node: its conditions, what keeps pods from being scheduled to it, its room. pods: a
 * list of those that are bound to it. */
void explain_node(const struct value *node, const struct value *pods, struct buf *ret);
/* "Reason: message" of a condition or state, what there is of both; false if there is neither. */
bool explain_reason(const struct value *from, struct buf *ret);
/* "waiting: ErrImagePull: ...", "running since ...", "terminated: Error, exit code 1". */
void explain_container_state(const struct value *state, struct buf *ret);
