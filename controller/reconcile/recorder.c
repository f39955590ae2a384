#include "controller/reconcile/recorder.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdlib.h>

#define TRIES 4 /* it may come and go while we look */

struct recorder {
    struct api *api;
    const struct clock *clock;
    struct map *jobs; /* "namespace/name" -> struct job: under way */
    uint64_t dropped; /* in a row */
};

/* How often, from when to when. */
struct times {
    int64_t count, first, last;
};

/* An event that is being written. The same one again is counted here until that is done. */
struct job {
    struct recorder *recorder;
    char *key;
    struct value *object; /* as it would be created */
    struct times now, next;
    int tries;
};

static const struct api_user user = {.name = "system:limpet:events"};

static void job_free(void *p)
{
    struct job *job = p;
    value_free(job->object);
    free(job->key);
    free(job);
}

struct recorder *recorder_new(struct api *api, const struct clock *clock)
{
    struct recorder *recorder = xcalloc(1, sizeof(*recorder));
    recorder->api = api;
    recorder->clock = clock;
    recorder->jobs = map_new();
    return recorder;
}

void recorder_free(struct recorder *recorder)
{
    if (!recorder)
        return;
    map_free(recorder->jobs, job_free);
    free(recorder);
}

static void drop(struct recorder *recorder, const char *why)
{
    log_write(recorder->dropped == 0 ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "event dropped: reason=%s",
              log_quote(why));
    recorder->dropped++;
}

static void times_add(struct times *times, int64_t count, int64_t wall_ns)
{
    if (times->count == 0 || wall_ns < times->first)
        times->first = wall_ns;
    if (times->count == 0 || wall_ns > times->last)
        times->last = wall_ns;
    times->count += count;
}

static int count_on(void *ctx, struct value *object)
{
    const struct job *job = ctx;
    event_count(object, job->now.count, job->now.first, job->now.last);
    return 0;
}

static void written(void *ctx, const struct api_answer *answer);

/* Creates it if it is not there, else counts on. */
static void begin(struct job *job)
{
    struct api *api = job->recorder->api;
    const struct api_ref ref = {&kind_event, object_namespace(job->object),
                                object_name(job->object)};
    cleanup(value_free) struct value *present = NULL;
    job->tries++;
    if (api_get(api, &user, &ref, &present) == 0) {
        api_patch_with(api, &user, &ref, 0, count_on, written, job);
        return;
    }
    cleanup(value_free) struct value *object = value_copy(job->object);
    event_count(object, job->now.count, job->now.first, job->now.last);
    api_create(api, &user, &ref, object, 0, written, job);
}

static void written(void *ctx, const struct api_answer *answer)
{
    struct job *job = ctx;
    struct recorder *recorder = job->recorder;
    bool crossed = answer->code == 404 || answer->code == 409;
    if (crossed && job->tries < TRIES) {
        begin(job);
        return;
    }
    if (answer->code < 300)
        recorder->dropped = 0;
    else if (!crossed && answer->code != 403) /* those: its namespace goes, or is gone */
        drop(recorder, value_get_str(answer->object, "message"));
    if (job->next.count > 0) {
        job->now = job->next;
        job->next = (struct times){0};
        job->tries = 0;
        begin(job);
        return;
    }
    (void)map_del(recorder->jobs, job->key);
    job_free(job);
}

void recorder_count(struct recorder *recorder, const struct event *event, int64_t count,
                    int64_t wall_ns)
{
    if (!recorder)
        return;
    autofree char *name = event_name(event);
    autofree char *key = xasprintf("%s/%s", event_namespace(event), name);
    struct job *job = map_get(recorder->jobs, key);
    if (job) {
        times_add(&job->next, count, wall_ns);
        return;
    }
    if (map_len(recorder->jobs) >= RECORDER_MAX) {
        drop(recorder, "the store is slow, too many wait for it");
        return;
    }
    job = xcalloc(1, sizeof(*job));
    job->recorder = recorder;
    job->key = steal(key);
    job->object = event_object(event);
    times_add(&job->now, count, wall_ns);
    (void)map_put(recorder->jobs, job->key, job);
    begin(job);
}

void recorder_event(struct recorder *recorder, const struct event *event)
{
    if (recorder)
        recorder_count(recorder, event, 1, clock_wall(recorder->clock));
}
