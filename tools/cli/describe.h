#pragma once
/* An object told at length, for people. Pure. */

#include "common/base/buf.h"
#include "common/data/value.h"

/* Name, labels, what its kind is about (a table: pods, nodes, secrets; others field by field),
 * conditions. now for ages, in nanoseconds since 1970. Values of secrets are told by their size. */
void describe_object(const struct value *object, int64_t now_wall_ns, struct buf *ret);
/* The events of an object, an EventList, as kubectl tells them. */
void describe_events(const struct value *list, int64_t now_wall_ns, struct buf *ret);
