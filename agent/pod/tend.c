/* A pod's probes and hooks (health.h) and the rest of its record: what it is asked, and what it
 * asks of the pod's keeper. */

#include "agent/pod/health.h"
#include "agent/pod/internal.h"

#include "common/base/str.h"

static void view(void *ctx, struct health_view *ret)
{
    const struct pod_record *record = ctx;
    const struct keeper_report *report =
        record->keeper >= POD_KEEPER_RUNNING && record->keeper <= POD_KEEPER_STOPPING
            ? record->report
            : NULL;
    const char *address = agent_pod_ip(record);
    if (record->spec && record->spec->host_network && str_empty(address))
        address = "127.0.0.1"; /* a node that knows no address of its own */
    bool same = record->spec && report && str_eq(report->spec_hash, record->spec->hash);
    *ret = (struct health_view){
        .spec = same ? value_get(record->spec->object, "spec") : NULL,
        .report = report,
        .address = address,
        .grace_s = record->asked_grace_s >= 0 ? record->asked_grace_s : record->grace_s,
        .adopted = record->adopted,
        .paused = record->paused,
        .stopping = record->keeper == POD_KEEPER_STOPPING,
    };
}

static void event(void *ctx, const char *type, const char *reason, const char *message)
{
    publish_event(ctx, type, reason, "%s", message);
}

static void changed(void *ctx)
{
    agent_touch(ctx);
}

static int mark(void *ctx, const char *container, uint32_t attempt, uint32_t marks, struct err *err)
{
    const struct pod_record *record = ctx;
    struct keepers *keepers = record->agent->world.keepers;
    return keepers->mark(keepers, record->uid, container, attempt, marks, err);
}

static int end(void *ctx, const char *container, uint32_t attempt, int64_t grace_s, struct err *err)
{
    const struct pod_record *record = ctx;
    struct keepers *keepers = record->agent->world.keepers;
    return keepers->kill(keepers, record->uid, container, attempt, grace_s, err);
}

static int ask(void *ctx, const void *request, size_t len, const int *fds, size_t count,
               struct err *err)
{
    const struct pod_record *record = ctx;
    struct keepers *keepers = record->agent->world.keepers;
    return keepers->exec(keepers, record->uid, request, len, fds, count, err);
}

void tend(struct pod_record *record)
{
    static const struct health_handler handler = {
        .view = view, .event = event, .changed = changed, .mark = mark, .kill = end, .exec = ask};
    if (record->keeper == POD_KEEPER_NONE) {
        health_free(record->health);
        record->health = NULL;
        return;
    }
    if (!record->health && record->report)
        record->health =
            health_new(record->agent->world.loop, record->agent->world.rng, &handler, record);
    if (record->health)
        health_look(record->health);
}

int64_t tend_stop_grace(const struct pod_record *record, int64_t grace_s)
{
    return grace_s > 0 && health_holds(record->health) ? grace_s + HEALTH_LEAST_GRACE_S : grace_s;
}
