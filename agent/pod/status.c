#include "agent/pod/status.h"

#include "agent/pod/mount.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/pod_qos.h"

#include <errno.h>

static const struct keeper_container *find_container(const struct keeper_report *report,
                                                     const char *name)
{
    for (size_t i = 0; report && i < report->container_count; i++)
        if (str_eq(report->containers[i].name, name))
            return &report->containers[i];
    return NULL;
}

static void set_time(struct value *map, const char *key, int64_t wall_ns)
{
    if (wall_ns <= 0)
        return;
    char text[CLOCK_RFC3339_LEN];
    clock_format(wall_ns, 0, text);
    value_set_str(map, key, text);
}

/* The phase (Pod Lifecycle, "Pod phase"). */
const char *pod_phase(const struct pod_facts *facts)
{
    const struct keeper_report *report = facts->report;
    if (facts->refused_reason)
        return "Failed";
    if (!report || report->state == KEEPER_SANDBOX)
        return "Pending";
    bool ended = facts->finished || report->state == KEEPER_ENDED;
    bool any_failed = false, any_started = false;
    for (size_t i = 0; i < report->container_count; i++) {
        const struct keeper_container *c = &report->containers[i];
        any_started |= c->state != KEEPER_WAITING || c->last.valid;
        any_failed |= !c->last.valid || c->last.code != 0;
    }
    if (ended)
        return any_failed ? "Failed" : "Succeeded";
    return any_started ? "Running" : "Pending";
}

static struct value *running_state(const struct keeper_container *c)
{
    struct value *state = value_new_map();
    set_time(value_set(state, "running", value_new_map()), "startedAt", c->started_wall_ns);
    return state;
}

static struct value *terminated_state(const struct keeper_exit *exit)
{
    struct value *state = value_new_map();
    struct value *t = value_set(state, "terminated", value_new_map());
    value_set_int(t, "exitCode", exit->code);
    if (exit->signal)
        value_set_int(t, "signal", exit->signal);
    value_set_str(t, "reason", exit->reason[0] ? exit->reason : exit->code ? "Error" : "Completed");
    if (exit->message[0])
        value_set_str(t, "message", exit->message);
    set_time(t, "startedAt", exit->started_wall_ns);
    set_time(t, "finishedAt", exit->finished_wall_ns);
    return state;
}

static struct value *waiting_state(const char *reason, const char *message)
{
    struct value *state = value_new_map();
    struct value *waiting = value_set(state, "waiting", value_new_map());
    value_set_str(waiting, "reason", reason);
    value_set_str(waiting, "message", message);
    return state;
}

/* Without the seconds left: a status changes only when something happens. */
static struct value *backoff_state(const struct keeper_container *c)
{
    autofree char *message = xasprintf("back-off restarting failed container \"%s\"", c->name);
    return waiting_state("CrashLoopBackOff", message);
}

/* Of a pod that this node has ended for good. What became of a container may have been forgotten
 * since: it is said in a kubelet's words. */
static struct value *refused_state(const struct pod_facts *facts, const struct keeper_container *c)
{
    static const struct keeper_exit unknown = {
        .valid = true,
        .code = 137,
        .reason = "ContainerStatusUnknown",
        .message = "The container could not be located when the pod was terminated",
    };
    if (c && c->state == KEEPER_STARTED)
        return running_state(c);
    if (c && c->last.valid)
        return terminated_state(&c->last);
    if (facts->refused_ran)
        return terminated_state(&unknown);
    return waiting_state(facts->refused_reason, facts->refused_message);
}

/* A container's state now; *ret_ready tells whether it serves. */
static struct value *container_state(const struct pod_facts *facts, size_t i,
                                     const struct keeper_container *c, bool *ret_ready)
{
    const struct pod_container_facts *known =
        i < facts->container_count ? &facts->containers[i] : NULL;
    *ret_ready = false;
    if (facts->refused_reason)
        return refused_state(facts, c);
    if (c && c->state == KEEPER_STARTED && !facts->finished) {
        *ret_ready = !known || !known->ready_known || (known->started && known->ready);
        return running_state(c);
    }
    if (c && c->last.valid && (c->state == KEEPER_TERMINATED || facts->finished))
        return terminated_state(&c->last);
    if (c && c->last.valid)
        return backoff_state(c);
    if (known && known->waiting_reason)
        return waiting_state(known->waiting_reason, known->waiting_message);
    return waiting_state("ContainerCreating", NULL);
}

static struct value *container_status(const struct pod_facts *facts, size_t i,
                                      const struct value *container, bool *ret_ready)
{
    const char *name = value_get_str(container, "name");
    const struct keeper_container *c = find_container(facts->report, name);
    struct value *status = value_new_map();
    value_set_str(status, "name", name);
    struct value *state = container_state(facts, i, c, ret_ready);
    bool running = value_get(state, "running") != NULL;
    value_set(status, "state", state);
    value_set(status, "lastState",
              c && c->last.valid && !value_get(state, "terminated") ? terminated_state(&c->last)
                                                                    : value_new_map());
    value_set_bool(status, "ready", *ret_ready);
    bool known = i < facts->container_count && facts->containers[i].ready_known;
    value_set_bool(status, "started", running && (!known || facts->containers[i].started));
    value_set_int(status, "restartCount", c ? (int64_t)c->restarts : 0);
    value_set_str(status, "image", value_get_str(container, "image"));
    const char *image_id = i < facts->container_count ? facts->containers[i].image_id
                                                      : value_get_str(container, "imageID");
    value_set_str(status, "imageID", image_id ? image_id : "");
    struct value *mounts = mount_status(container);
    if (mounts)
        value_set(status, "volumeMounts", mounts);
    return status;
}

/* The time of a condition's last change: kept while its status stays the same. */
static void set_transition(struct value *condition, const struct pod_facts *facts)
{
    const struct value *before = value_get(facts->previous, "conditions");
    for (size_t i = 0; i < value_len(before); i++) {
        const struct value *old = value_at(before, i);
        if (!str_eq(value_get_str(old, "type"), value_get_str(condition, "type")))
            continue;
        const char *time = value_get_str(old, "lastTransitionTime");
        if (time && str_eq(value_get_str(old, "status"), value_get_str(condition, "status"))) {
            value_set_str(condition, "lastTransitionTime", time);
            return;
        }
    }
    set_time(condition, "lastTransitionTime", facts->now_wall_ns);
}

static void add_condition(struct value *conditions, const struct pod_facts *facts, const char *type,
                          bool is_true, const char *reason, const char *message)
{
    struct value *condition = value_new_map();
    value_set_str(condition, "type", type);
    value_set_str(condition, "status", is_true ? "True" : "False");
    if (!is_true) {
        value_set_str(condition, "reason", reason);
        value_set_str(condition, "message", message);
    }
    set_transition(condition, facts);
    value_append(conditions, condition);
}

static struct value *conditions_of(const struct pod_facts *facts, const char *unready,
                                   const char *phase)
{
    bool succeeded = str_eq(phase, "Succeeded");
    bool all_ready = str_empty(unready) && str_eq(phase, "Running") && !facts->paused;
    const char *reason = succeeded       ? "PodCompleted"
                         : facts->paused ? "Paused"
                                         : "ContainersNotReady";
    autofree char *message = succeeded ? NULL
                             : facts->paused
                                 ? xstrdup("the pod is paused")
                                 : xasprintf("containers with unready status: [%s]", unready);
    struct value *conditions = value_new_list();
    add_condition(conditions, facts, "PodScheduled", true, NULL, NULL);
    add_condition(conditions, facts, "Initialized", true, NULL, NULL);
    add_condition(conditions, facts, "ContainersReady", all_ready, reason, message);
    add_condition(conditions, facts, "Ready", all_ready, reason, message);
    if (facts->paused)
        add_condition(conditions, facts, "Paused", true, NULL, NULL);
    return conditions;
}

static void set_addresses(struct value *status, const struct pod_facts *facts)
{
    value_set_str(status, "hostIP", facts->host_ip);
    if (str_empty(facts->pod_ip))
        return;
    value_set_str(status, "podIP", facts->pod_ip);
    struct value *ips = value_set(status, "podIPs", value_new_list());
    struct value *ip = value_new_map();
    value_set_str(ip, "ip", facts->pod_ip);
    value_append(ips, ip);
}

/* Name and image of each container: by the manifest; when that is gone, as they were last told of,
 * else by the keeper's report. *ret_made is the caller's. */
static const struct value *containers_of(const struct pod_facts *facts, struct value **ret_made)
{
    const struct value *before = value_get(facts->previous, "containerStatuses");
    const struct keeper_report *report = facts->report;
    if (facts->spec)
        return value_get(facts->spec, "containers");
    if (value_len(before) > 0)
        return before;
    *ret_made = value_new_list();
    for (size_t i = 0; report && i < report->container_count; i++) {
        struct value *container = value_new_map();
        value_set_str(container, "name", report->containers[i].name);
        value_append(*ret_made, container);
    }
    return *ret_made;
}

struct value *pod_status(const struct pod_facts *facts)
{
    cleanup(value_free) struct value *made = NULL;
    const struct value *containers = containers_of(facts, &made);
    const char *phase = pod_phase(facts);
    struct value *list = value_new_list();
    cleanup(buf_done) struct buf unready;
    buf_init(&unready, 0);
    for (size_t i = 0; i < value_len(containers); i++) {
        bool ready = false;
        const struct value *container = value_at(containers, i);
        value_append(list, container_status(facts, i, container, &ready));
        if (!ready)
            (void)buf_addf(&unready, "%s%s", unready.len ? " " : "",
                           value_get_str(container, "name"));
    }
    struct value *status = value_new_map();
    value_set_str(status, "phase", phase);
    value_set_str(status, "reason", facts->paused ? "Paused" : facts->refused_reason);
    value_set_str(status, "message", facts->refused_message);
    value_set(status, "conditions", conditions_of(facts, buf_str(&unready), phase));
    set_addresses(status, facts);
    set_time(status, "startTime", facts->start_wall_ns);
    value_set(status, "containerStatuses", list);
    value_set_str(status, "qosClass",
                  facts->spec ? pod_qos_name(pod_qos(facts->spec))
                              : value_get_str(facts->previous, "qosClass"));
    return status;
}

int pod_status_has_run(const struct value *status, const char *pod, const char *container,
                       bool previous, struct err *err)
{
    const struct value *list = value_get(status, "containerStatuses"), *found = NULL;
    for (size_t i = 0; i < value_len(list); i++)
        if (str_eq(value_get_str(value_at(list, i), "name"), container))
            found = value_at(list, i);
    const struct value *state = value_get(found, "state"), *waiting = value_get(state, "waiting");
    bool before = value_path(found, "lastState", "terminated", NULL) != NULL;
    if (before || (!previous && found && !waiting))
        return 0;
    if (previous)
        return err_set(err, -EINVAL, "previous terminated container \"%s\" in pod \"%s\" not found",
                       container, pod);
    const char *reason = value_get_str(waiting, "reason");
    return err_set(err, -EINVAL, "container \"%s\" in pod \"%s\" is waiting to start: %s",
                   container, pod, reason ? reason : "ContainerCreating");
}
