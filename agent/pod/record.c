#include "agent/pod/record.h"

#include "agent/pod/health.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdio.h>

void setback_set(struct setback *setback, const struct backoff_policy *policy, int64_t now,
                 const char *reason, const char *message)
{
    free(setback->reason);
    free(setback->message);
    setback->reason = xstrdup(reason);
    setback->message = xstrdup(message);
    setback->retry_at = now + backoff_failed(&setback->backoff, policy);
}

void setback_clear(struct setback *setback)
{
    free(setback->reason);
    free(setback->message);
    *setback = (struct setback){0};
}

struct pod_record *pod_record_new(struct agent *agent, const char *uid, const char *ns,
                                  const char *name)
{
    struct pod_record *record = xcalloc(1, sizeof(*record));
    record->agent = agent;
    snprintf(record->uid, sizeof(record->uid), "%s", uid);
    record->ns = xstrdup(ns);
    record->name = xstrdup(name);
    record->grace_s = 30;
    record->asked_grace_s = -1;
    return record;
}

void pod_record_free(struct pod_record *record)
{
    if (!record)
        return;
    for (size_t i = 0; i < record->image_count; i++)
        setback_clear(&record->containers[i].setback);
    free(record->containers);
    volumes_free(record->volumes, record->volume_count);
    setback_clear(&record->volumes_setback);
    free(record->refresh_problem);
    setback_clear(&record->network_setback);
    setback_clear(&record->spawn_setback);
    setback_clear(&record->resize_setback);
    resize_release(record);
    value_free(record->allocated);
    debug_free(record);
    health_free(record->health);
    keeper_report_free(record->report);
    verdict_free(record->verdict);
    value_free(record->status);
    value_free(record->recalled);
    free(record->ns);
    free(record->name);
    free(record);
}

bool pod_record_is_set_up(const struct pod_record *record)
{
    if (!record->spec || record->keeper == POD_KEEPER_NONE || record->keeper == POD_KEEPER_REMOVING)
        return false;
    return !record->report || str_eq(record->report->spec_hash, record->spec->hash);
}

static enum pod_gate gate_of(bool open, const struct setback *setback)
{
    if (open)
        return POD_GATE_OPEN;
    return setback->retry_at ? POD_GATE_FAILED : POD_GATE_CLOSED;
}

/* All images are one gate: it is as far as its last image, and the earliest retry opens it again.
 */
static void view_images(const struct pod_record *record, struct pod_view *view)
{
    bool all_open = record->image_count > 0, untried = record->image_count == 0;
    bool any_request = false;
    int64_t retry_at = 0;
    for (size_t i = 0; i < record->image_count; i++) {
        const struct record_container *c = &record->containers[i];
        all_open &= c->image != NULL;
        any_request |= c->request != NULL;
        if (c->image || c->request)
            continue;
        untried |= c->setback.retry_at == 0;
        if (c->setback.retry_at && (retry_at == 0 || c->setback.retry_at < retry_at))
            retry_at = c->setback.retry_at;
    }
    view->images_retry_at = retry_at;
    if (all_open)
        view->images = POD_GATE_OPEN;
    else if (untried)
        view->images = POD_GATE_CLOSED;
    else if (retry_at)
        view->images = POD_GATE_FAILED;
    else
        view->images = any_request ? POD_GATE_OPENING : POD_GATE_CLOSED;
}

/* A volume that is an image is not tried before the image is here. */
static enum pod_gate volumes_of(const struct pod_record *record)
{
    for (size_t i = record->container_count; i < record->image_count; i++)
        if (!record->containers[i].image)
            return POD_GATE_OPENING;
    return gate_of(record->volumes_ready, &record->volumes_setback);
}

struct pod_view pod_record_view(const struct pod_record *record, bool name_taken)
{
    const struct pod_spec *spec = record->spec;
    bool planned = record->report && record->keeper != POD_KEEPER_NONE;
    struct pod_view view = {
        .desired = spec != NULL,
        .deleting = spec && spec->deleting,
        .changed = spec && planned && !str_eq(record->report->spec_hash, spec->hash),
        .finished = record->finished,
        .refused = record->verdict != NULL,
        .name_taken = name_taken,
        .pause = spec && spec->paused,
        .paused = record->paused,
        .unpausable = record->unpausable,
        .grace_s = record->verdict && record->verdict->grace_s < record->grace_s
                       ? record->verdict->grace_s
                       : record->grace_s,
        .deadline_due =
            spec && planned && !record->timeless && spec->deadline_s != record->report->deadline_s,
        .keeper = record->keeper,
        .asked_grace_s = record->asked_grace_s,
        .volumes = volumes_of(record),
        .volumes_held = !record->volumes_released,
        .volumes_retry_at = record->volumes_setback.retry_at,
        .network = gate_of(record->network_ready, &record->network_setback),
        .network_retry_at = record->network_setback.retry_at,
        .spawn_retry_at = record->spawn_setback.retry_at,
        .resizing = record->resizing,
        .resize_retry_at = record->resize_setback.retry_at,
    };
    view_images(record, &view);
    debug_view(record, &view);
    return view;
}
