/* Cpu and memory of a pod that is here change in place (agent/decisions/0010-resize.md): what its
 * manifest asks for is given when the node has room for it, and until then the pod is as it was;
 * its keeper is told, and told again until its control groups have it. */

#include "agent/pod/allocation.h"
#include "agent/pod/containers.h"
#include "agent/pod/internal.h"
#include "agent/pod/limits.h"
#include "agent/pod/resources.h"
#include "agent/pod/room.h"
#include "agent/pod/state_file.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "common/kinds/resizable.h"

#include <errno.h>

static const struct backoff_policy backoff_resize = {1 * NS_PER_S, 60 * NS_PER_S};

/* ---- what it was given, on disk for as long as its manifest asks for something else ---- */

static const char file[] = "allocation";

static void write_file(struct pod_record *record)
{
    struct err err = {0};
    int rc = state_file_write(record, file, record->allocated, &err);
    if (rc < 0)
        log_warn("allocation not written: pod=%s/%s error=%s", record->ns, record->name,
                 log_quote(err.msg));
    record->allocation_kept = rc == 0;
}

static void remove_file(struct pod_record *record)
{
    struct disk *disk = record->agent->world.disk;
    autofree char *dir = agent_state_dir(record->agent, record->uid);
    autofree char *path = xasprintf("%s/%s", dir, file);
    struct err err = {0};
    if (record->allocation_kept && disk->remove(disk, path, &err) < 0)
        log_warn("allocation not removed: error=%s", log_quote(err.msg));
    record->allocation_kept = false;
}

/* What an agent before this one gave it; NULL: nothing else than the manifest asks for, as far as
 * is known. */
static struct value *recall(struct pod_record *record)
{
    struct value *allocation = state_file_read(record, file);
    record->allocation_kept = allocation != NULL;
    return allocation ? allocation : allocation_told(record->recalled);
}

/* ---- what it is given ---- */

void resize_release(struct pod_record *record)
{
    pod_spec_free(record->held_spec);
    free(record->resize_message);
    record->held_spec = NULL;
    record->resize_reason = NULL;
    record->resize_message = NULL;
}

static void give(struct pod_record *record, struct value *allocation)
{
    value_free(record->allocated);
    record->allocated = allocation;
    record->spec = record->wanted;
    resize_release(record);
    remove_file(record);
}

/* The manifest's, but with what the pod was given. */
static void hold(struct pod_record *record)
{
    struct value *object = value_copy(record->wanted->object);
    struct pod_spec *spec = NULL;
    struct err err = {0};
    allocation_put(value_get(object, "spec"), record->allocated);
    if (pod_spec_new(object, NULL, &spec, &err) < 0)
        return; /* it was read just now */
    pod_spec_free(record->held_spec);
    record->held_spec = spec;
    record->spec = spec;
    if (!record->allocation_kept)
        write_file(record);
}

void resize_take(struct pod_record *record, const struct pod_spec *wanted)
{
    record->spec = record->wanted = wanted;
    if (!wanted || wanted->is_static) {
        resize_release(record);
        return;
    }
    if (!record->allocated)
        record->allocated = recall(record);
    struct value *asked = allocation_of(value_get(wanted->object, "spec"));
    bool settled = !record->allocated || record->finished || record->verdict || record->forgotten ||
                   value_equal(asked, record->allocated);
    if (settled) {
        give(record, asked);
    } else {
        value_free(asked);
        hold(record);
    }
}

/* Why it is not given what its manifest asks for; NULL: it is. */
static const char *judge(const struct pod_record *record, struct buf *ret_message)
{
    const struct agent *agent = record->agent;
    const struct value *spec = value_get(record->wanted->object, "spec");
    cleanup(buf_done) struct buf reason;
    buf_init(&reason, 0);
    if (!allocation_grows(value_get(record->spec->object, "spec"), spec) || WEAKENED(RESIZE_ROOM))
        return NULL;
    if (!allocation_feasible(spec, agent->spec.allocatable, ret_message))
        return "Infeasible";
    const struct value **specs = xcalloc(map_len(agent->records) + 1, sizeof(*specs));
    const struct room room = {agent->spec.allocatable, specs, admit_list(agent, record, specs)};
    bool fits = room_fits(&room, spec, &reason, ret_message);
    free(specs);
    return fits ? NULL : "Deferred";
}

static void decide(struct pod_record *record)
{
    cleanup(buf_done) struct buf message;
    buf_init(&message, 0);
    const char *reason = judge(record, &message);
    if (!reason) {
        give(record, allocation_of(value_get(record->wanted->object, "spec")));
        setback_clear(&record->resize_setback);
        record->token_changed = true; /* files in its volumes tell of it, too */
        agent_touch(record);
    } else if (!str_eq(reason, record->resize_reason) ||
               !str_eq(buf_str(&message), record->resize_message)) {
        free(record->resize_message);
        record->resize_reason = reason;
        record->resize_message = xstrdup(buf_str(&message));
        agent_touch(record);
    }
}

void resize_decide(struct agent *agent)
{
    void *p;
    for (size_t i = 0; map_next(agent->records, &i, NULL, &p);) {
        struct pod_record *record = p;
        if (record->held_spec && record->judged)
            decide(record);
    }
}

/* ---- what its keeper is told ---- */

static void sizing_for(const struct pod_record *record, struct sizing *ret)
{
    const struct value *spec = value_get(record->spec->object, "spec");
    struct launch_plan plan = {0};
    limits_of_pod(spec, &plan);
    ret->pod = sizing_of_pod(&plan);
    ret->count = containers_count(spec);
    if (ret->count > LAUNCH_MAX_CONTAINERS)
        ret->count = LAUNCH_MAX_CONTAINERS;
    for (size_t i = 0; i < ret->count; i++) {
        const struct value *container = containers_at(spec, i, NULL);
        struct launch_container limits = {0};
        limits_of_container(spec, container, record->agent->spec.memory_bytes, &limits);
        ret->containers[i] =
            (struct sizing_container){.name = value_get_str(container, "name"),
                                      .size = sizing_of(&limits),
                                      .oom_score_adj = limits.oom_score_adj,
                                      .renew_cpu = resizable_restarts(container, "cpu"),
                                      .renew_memory = resizable_restarts(container, "memory")};
    }
}

static bool differs(const struct sizing *sizing, const struct keeper_report *report)
{
    bool differs = !keeper_size_equal(&sizing->pod, &report->size);
    for (size_t i = 0; i < sizing->count && !differs; i++)
        for (size_t n = 0; n < report->container_count; n++)
            if (str_eq(report->containers[n].name, sizing->containers[i].name))
                differs |=
                    !keeper_size_equal(&sizing->containers[i].size, &report->containers[n].size);
    return differs;
}

void resize_look(struct pod_record *record)
{
    record->resizing = false;
    if (record->spec && record->report && record->keeper == POD_KEEPER_RUNNING &&
        pod_record_is_set_up(record)) {
        struct sizing sizing;
        sizing_for(record, &sizing);
        record->resizing = differs(&sizing, record->report);
    }
    if (!record->resizing)
        setback_clear(&record->resize_setback);
}

void resize_tell(struct pod_record *record)
{
    struct keepers *keepers = record->agent->world.keepers;
    struct sizing sizing;
    struct err err = {0};
    sizing_for(record, &sizing);
    if (keepers->resize(keepers, record->uid, &sizing, &err) < 0)
        log_warn("keeper does not take the sizes: pod=%s/%s error=%s", record->ns, record->name,
                 log_quote(err.msg));
    setback_set(&record->resize_setback, &backoff_resize, agent_now(record->agent), "Error",
                err.msg);
}
