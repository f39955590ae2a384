#pragma once
/* Tells what happens as Event objects: creates them, or counts on what is there. Nobody waits for
 * an event, and none is worth a retry: what cannot be written is dropped, and that is said once. */

#include "common/base/clock.h"
#include "controller/reconcile/event.h"
#include "controller/api/api.h"

struct recorder;

#define RECORDER_MAX                                                                               \
    1024 /* different events whose writes are under way; what is more is dropped                   \
          */

struct recorder *recorder_new(struct api *api, const struct clock *clock);
/* In the same turn of the loop as api_stop, before it. NULL is fine. */
void recorder_free(struct recorder *recorder);

/* It happened now, once. recorder NULL: nobody keeps events. */
void recorder_event(struct recorder *recorder, const struct event *event);
/* It happened so many times, the latest of them then (ns since 1970). */
void recorder_count(struct recorder *recorder, const struct event *event, int64_t count,
                    int64_t wall_ns);
