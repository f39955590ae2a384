#pragma once
/* Something that happened to an object, as an Event of core/v1. The same thing again has the same
 * name, so that it is counted, not kept twice. Pure. */

#include "common/data/value.h"

/* Strings are borrowed and never NULL; "" where there is nothing to say. */
struct event {
    const char *kind, *ns, *name, *uid; /* of the object it is about; ns "": of the cluster */
    const char *type;                   /* "Normal" or "Warning" */
    const char *reason, *message;
    const char *component, *host; /* who says so: "default-scheduler"; "limpetd" of a node */
};

/* The namespace that it stands in: its object's; "default" for what is in none. */
const char *event_namespace(const struct event *event);
/* "<object>.<hash>", of all that makes it the same thing. Caller frees. */
char *event_name(const struct event *event);
/* The object, that has not happened yet (count 0, no times). The caller's. */
struct value *event_object(const struct event *event);
/* It happened so many times more, the first and the last of them then (ns since 1970). */
void event_count(struct value *object, int64_t count, int64_t first_wall_ns, int64_t last_wall_ns);
