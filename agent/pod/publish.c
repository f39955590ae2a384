#include "agent/pod/containers.h"
#include "agent/pod/health.h"
#include "agent/pod/internal.h"
#include "agent/pod/status.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define EVENT_MAX 1024
#define STATUS_MAX ((size_t)1024 * 1024)

void publish_event(const struct pod_record *record, const char *type, const char *reason,
                   const char *fmt, ...)
{
    char message[EVENT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    const struct agent *agent = record->agent;
    log_write(str_eq(type, "Warning") ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
              "event pod=%s/%s reason=%s message=%s", record->ns, record->name, reason,
              log_quote(message));
    agent->handler.event(agent->ctx, record->ns, record->name, record->uid, type, reason, message);
}

/* Of the first volume whose image cannot be had; NULL: none. */
static const struct setback *volume_image_setback(const struct pod_record *record)
{
    for (size_t i = record->container_count; i < record->image_count; i++)
        if (record->containers[i].setback.reason)
            return &record->containers[i].setback;
    return NULL;
}

/* What keeps a container from starting, beside the keeper: its own image, else a gate of the whole
 * pod. */
static struct pod_container_facts facts_of(const struct pod_record *record,
                                           const struct record_container *c)
{
    struct pod_container_facts facts = {.image_id = c && c->image ? c->image->digest : NULL};
    if (c && c->request && c->progress.text[0]) {
        facts.waiting_reason = "Pulling";
        facts.waiting_message = c->progress.text;
        return facts;
    }
    const struct setback *setbacks[] = {
        c ? &c->setback : NULL, volume_image_setback(record), &record->volumes_setback,
        &record->spawn_setback, &record->network_setback,
    };
    for (size_t s = 0; s < ARRAY_LEN(setbacks) && !facts.waiting_reason; s++) {
        if (!setbacks[s] || !setbacks[s]->reason)
            continue;
        bool again = s <= 1 && setbacks[s]->backoff.failures > 1 &&
                     str_eq(setbacks[s]->reason, "ErrImagePull");
        facts.waiting_reason = again ? "ImagePullBackOff" : setbacks[s]->reason;
        facts.waiting_message = setbacks[s]->message;
    }
    return facts;
}

/* What is held for container i of its spec, of the given role. */
static const struct record_container *held(const struct pod_record *record, size_t i,
                                           const struct value *container, enum launch_role role)
{
    if (role == LAUNCH_DEBUG)
        return debug_find(record, value_get_str(container, "name"));
    return i < record->container_count ? &record->containers[i] : NULL;
}

static struct value *status_of(const struct pod_record *record)
{
    const struct value *spec = record->spec ? value_get(record->spec->object, "spec") : NULL;
    size_t count = containers_count_all(spec);
    autofree struct pod_container_facts *containers =
        xcalloc(count ? count : 1, sizeof(*containers));
    for (size_t i = 0; i < count; i++) {
        enum launch_role role;
        const struct value *container = containers_at(spec, i, &role);
        containers[i] = facts_of(record, held(record, i, container, role));
        containers[i].spent =
            role == LAUNCH_DEBUG && debug_is_spent(record, value_get_str(container, "name"));
        containers[i].ready_known = health_of(record->health, value_get_str(container, "name"),
                                              &containers[i].started, &containers[i].ready);
    }
    return pod_status(&(struct pod_facts){
        .spec = spec,
        .report = record->report,
        .finished = record->finished,
        .refused_reason = record->verdict ? record->verdict->reason : NULL,
        .refused_message = record->verdict ? record->verdict->message : NULL,
        .refused_ran = record->verdict && record->verdict->ran,
        .disrupted = record->verdict && record->verdict->disrupted,
        .paused = record->paused,
        .resize_reason = record->resize_reason,
        .resize_message = record->resize_message,
        .resizing = record->resizing,
        .containers = containers,
        .container_count = count,
        .pod_ip = agent_pod_ip(record),
        .host_ip = record->agent->spec.host_ip,
        .start_wall_ns = record->accepted_wall_ns,
        .now_wall_ns = clock_wall(loop_clock(record->agent->world.loop)),
        .previous = record->status ? record->status : record->recalled,
    });
}

/* A Pod object with nothing but identity and status; takes status. */
static struct value *pod_object(const struct pod_record *record, struct value *status)
{
    struct value *pod = value_new_map();
    value_set_str(pod, "apiVersion", "v1");
    value_set_str(pod, "kind", "Pod");
    struct value *meta = value_set(pod, "metadata", value_new_map());
    value_set_str(meta, "name", record->name);
    value_set_str(meta, "namespace", record->ns);
    value_set_str(meta, "uid", record->uid);
    value_set(pod, "status", status);
    return pod;
}

/* For `limpetd ps` and `why`: what the agent knows stands on tmpfs. Without an agent it is put
 * right by what the keepers say (lone.c). */
static void write_status_file(const struct pod_record *record, const struct value *pod)
{
    struct disk *disk = record->agent->world.disk;
    autofree char *path = agent_status_file(record->agent, record->uid);
    cleanup(value_free) struct value *copy = value_copy(pod);
    cleanup(buf_done) struct buf why;
    buf_init(&why, 0);
    if (agent_why(record->agent, record->ns, record->name, &why) == 0)
        value_set_str(copy, "why", buf_str(&why));
    struct pod_view view = pod_record_view(record, false);
    bool unwanted = view.deleting || (!view.desired && !record->held);
    if (unwanted || view.keeper == POD_KEEPER_STOPPING)
        value_set_bool(copy, "stopping", true);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    (void)json_write(copy, &text);
    struct err err = {0};
    if (disk->replace(disk, path, text.data, text.len, 0600, &err) < 0)
        log_warn("status file not written: error=%s", log_quote(err.msg));
}

void publish_recall(struct pod_record *record)
{
    struct disk *disk = record->agent->world.disk;
    autofree char *path = agent_status_file(record->agent, record->uid);
    cleanup(value_free) struct value *pod = NULL;
    cleanup(buf_done) struct buf text;
    struct err err = {0};
    buf_init(&text, STATUS_MAX);
    if (disk->read(disk, path, STATUS_MAX, &text, &err) < 0 ||
        json_parse(text.data, text.len, &pod, &err) < 0)
        return; /* it is told of anew */
    value_free(record->recalled);
    record->recalled = value_take(pod, "status");
}

void publish_status(struct pod_record *record, bool gone)
{
    struct agent *agent = record->agent;
    struct value *status = status_of(record);
    bool same = record->status && value_equal(status, record->status);
    value_free(record->status);
    record->status = value_copy(status);
    value_free(steal(record->recalled));
    cleanup(value_free) struct value *pod = pod_object(record, status);
    if (gone) {
        struct err err = {0};
        autofree char *path = agent_status_file(record->agent, record->uid);
        if (agent->world.disk->remove(agent->world.disk, path, &err) < 0)
            log_warn("status file not removed: error=%s", log_quote(err.msg));
    } else {
        write_status_file(record, pod); /* what stands in the way may change without the status */
    }
    if (gone || !same)
        agent->handler.status(agent->ctx, pod, gone);
}

int agent_each_pod(struct agent *agent, agent_each_fn *fn, void *ctx)
{
    void *p;
    for (size_t i = 0; map_next(agent->records, &i, NULL, &p);) {
        const struct pod_record *record = p;
        if (!record->status || record->forgotten)
            continue;
        cleanup(value_free) struct value *pod = pod_object(record, value_copy(record->status));
        int rc = fn(ctx, pod);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int agent_static_pod(struct agent *agent, const char *uid, struct buf *ret)
{
    const struct pod_spec *spec = uid ? manifests_pod(agent->manifests, uid) : NULL;
    const struct pod_record *record = uid ? map_get(agent->records, uid) : NULL;
    if (!spec || !spec->is_static || !record || !record->status)
        return -ENOENT;
    cleanup(value_free) struct value *pod = value_copy(spec->object);
    value_set(pod, "status", value_copy(record->status));
    return json_write(pod, ret);
}
