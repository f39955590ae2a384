/* What keepers say of their pods, in life and at their end, and what they left on disk. */

#include "agent/pod/internal.h"

#include "agent/keeper/exits.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>

/* A keeper that lived this long died for a reason of its own: its pod is started anew at once. */
#define KEEPER_STABLE_NS (60 * NS_PER_S)
#define KEEPER_DIED "SandboxChanged"

/* The record that its keeper left of a pod that ended for good; -ENOENT. */
static int read_exits(const struct pod_record *record, const char *spec_hash,
                      struct keeper_report **ret, struct err *err)
{
    struct disk *disk = record->agent->world.disk;
    autofree char *dir = agent_state_dir(record->agent, record->uid);
    autofree char *path = xasprintf("%s/exits", dir);
    cleanup(buf_done) struct buf file;
    buf_init(&file, EXITS_MAX_BYTES);
    int rc = disk->read(disk, path, EXITS_MAX_BYTES, &file, err);
    return rc < 0 ? rc : keeper_exits_decode(file.data, file.len, path, spec_hash, ret, err);
}

/* Or because it was told to: by us, or by the agent before us, of which only the record on disk can
 * tell. Whoever was at its end by itself already, when it was told to, has left one too. */
static bool ended_by_itself(const struct pod_record *record, enum pod_keeper before)
{
    struct keeper_report *recorded = NULL;
    struct err err = {0};
    bool told = record->asked_grace_s >= 0 || before == POD_KEEPER_STOPPING;
    if (before != POD_KEEPER_NONE && !told)
        return true;
    int rc = read_exits(record, record->report->spec_hash, &recorded, &err);
    keeper_report_free(recorded);
    return told ? rc == 0 && !WEAKENED(POD_ENDS_AS_TOLD) : rc != -ENOENT;
}

/* What it ran before is of no account any more. */
int heard_forget_exits(const struct pod_record *record, struct err *err)
{
    struct disk *disk = record->agent->world.disk;
    autofree char *dir = agent_state_dir(record->agent, record->uid);
    autofree char *path = xasprintf("%s/exits", dir);
    struct disk_stat stat;
    /* Looked for first: a removal waits for the medium, also where nothing is. */
    int rc = disk->stat(disk, path, &stat, err);
    return rc < 0 ? (rc == -ENOENT ? 0 : rc) : disk->remove(disk, path, err);
}

void heard_recall_exits(struct pod_record *record)
{
    struct err err = {0};
    struct keeper_report *report = NULL;
    int rc = WEAKENED(POD_EXITS) ? -ENOENT : read_exits(record, record->spec->hash, &report, &err);
    if (rc == 0) {
        record->report = report;
        record->finished = true;
    } else if (rc != -ENOENT) {
        log_warn("exit record unreadable, the pod is run: pod=%s/%s error=%s", record->ns,
                 record->name, log_quote(err.msg));
    }
}

/* What a keeper of an earlier agent says first. */
static void adopt(struct pod_record *record)
{
    const struct keeper_report *report = record->report;
    record->adopted = true;
    publish_recall(record);
    record->accepted_wall_ns = report->started_wall_ns;
    record->is_static =
        WEAKENED(POD_STATIC_UID) ||
        pod_uid_is_static(report->pod_uid, report->pod_ns, report->pod_name, report->spec_hash);
    agent_judge(record);
}

void heard_report(void *ctx, const struct keeper_report *report)
{
    static const enum pod_keeper states[] = {
        [KEEPER_SANDBOX] = POD_KEEPER_SANDBOX,
        [KEEPER_RUNNING] = POD_KEEPER_RUNNING,
        [KEEPER_STOPPING] = POD_KEEPER_STOPPING,
        [KEEPER_ENDED] = POD_KEEPER_ENDED,
    };
    struct agent *agent = ctx;
    struct pod_record *record =
        agent_record(agent, report->pod_uid, report->pod_ns, report->pod_name);
    enum pod_keeper state = states[report->state], before = record->keeper;
    if (before == POD_KEEPER_SILENT) {
        log_info("the keeper answers: pod=%s/%s", record->ns, record->name);
        before = POD_KEEPER_NONE;
    }
    keeper_report_free(record->report);
    record->report = keeper_report_copy(report);
    if (before == POD_KEEPER_NONE) {
        adopt(record);
        record->paused = agent->world.keepers->is_frozen(agent->world.keepers, record->uid);
    }
    /* What was asked of the keeper overtakes what it had sent before. */
    bool stale = (record->keeper == POD_KEEPER_RUNNING && state == POD_KEEPER_SANDBOX) ||
                 (record->keeper == POD_KEEPER_STOPPING && state < POD_KEEPER_STOPPING) ||
                 record->keeper == POD_KEEPER_REMOVING;
    if (!stale)
        record->keeper = state;
    /* The sandbox stands: what kept it from being made is over. Deaths are counted on. */
    if (!str_eq(record->spawn_setback.reason, KEEPER_DIED))
        setback_clear(&record->spawn_setback);
    if (report->state == KEEPER_RUNNING && !record->stable_at)
        record->stable_at = agent_now(agent) + KEEPER_STABLE_NS;
    if (report->state == KEEPER_ENDED && ended_by_itself(record, before))
        record->finished = true;
    agent_touch(record);
}

void heard_silent(void *ctx, const char *uid, const char *ns, const char *name)
{
    struct pod_record *record = agent_record(ctx, uid, ns, name);
    record->keeper = POD_KEEPER_SILENT;
    publish_event(record, "Warning", "KeeperSilent",
                  "the pod's keeper lives but does not answer: the pod is left as it is");
}

/* Nobody asked for this end: told, counted, and tried again after a while. The same failure to set
 * the pod up is told once. */
static void count_death(struct pod_record *record, const char *failure)
{
    struct setback *setback = &record->spawn_setback;
    const char *reason = failure ? "FailedCreatePodSandBox" : KEEPER_DIED;
    const char *message =
        failure ? failure : "the pod's keeper died: its containers were killed, it starts anew";
    bool again = failure && str_eq(setback->message, message);
    if (record->stable_at && record->stable_at <= agent_now(record->agent))
        setback_clear(setback);
    setback_set(setback, &backoff_start, agent_now(record->agent), reason, message);
    if (!again)
        publish_event(record, "Warning", reason, "%s", message);
}

void heard_gone(void *ctx, const char *uid, const struct keeper_end *end)
{
    struct agent *agent = ctx;
    struct pod_record *record = map_get(agent->records, uid);
    if (!record)
        return;
    bool unheard = record->keeper == POD_KEEPER_SILENT;
    record->keeper = POD_KEEPER_NONE;
    record->paused = false;
    record->timeless = false;
    record->asked_grace_s = -1;
    record->network_ready = false;
    if (!record->finished && !record->verdict) {
        keeper_report_free(record->report);
        record->report = NULL;
    }
    if (unheard && record->spec && !record->finished) /* it may have been through with its pod */
        heard_recall_exits(record);
    if (!end->expected)
        count_death(record, end->failure);
    record->stable_at = 0;
    agent_name_freed(record);
}
