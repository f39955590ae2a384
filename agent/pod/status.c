#include "agent/pod/status.h"

#include "agent/pod/container_id.h"
#include "agent/pod/containers.h"
#include "agent/pod/mount.h"
#include "agent/pod/resources.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/utf8.h"
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

/* The last try made none, in Kubernetes' eyes: its user, say, is none that it may have. */
static bool never_made(const struct keeper_container *c)
{
    return c->last.valid && str_eq(c->last.reason, "CreateContainerConfigError");
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
    bool any = false, any_failed = false, any_new = false;
    for (size_t i = 0; i < report->container_count; i++) {
        const struct keeper_container *c = &report->containers[i];
        if (c->role != LAUNCH_MAIN)
            continue;
        any = true;
        any_failed |= !c->last.valid || c->last.code != 0;
        any_new |= c->state == KEEPER_WAITING && (!c->last.valid || never_made(c));
    }
    if (ended && report->reason[0])
        return "Failed";
    if (ended)
        return any_failed ? "Failed" : "Succeeded";
    return any && !any_new ? "Running" : "Pending";
}

static struct value *running_state(const struct keeper_container *c)
{
    struct value *state = value_new_map();
    set_time(value_set(state, "running", value_new_map()), "startedAt", c->started_wall_ns);
    return state;
}

/* What a container says may be anything. */
static void set_text(struct value *map, const char *key, const char *text)
{
    cleanup(buf_done) struct buf valid;
    size_t len = strlen(text), seq;
    buf_init(&valid, 0);
    for (size_t i = 0; i < len; i += seq ? seq : 1) {
        seq = utf8_seq(text + i, len - i);
        (void)buf_add(&valid, seq ? text + i : "\xef\xbf\xbd", seq ? seq : 3);
    }
    value_set_str(map, key, buf_str(&valid));
}

/* One container, and what is known of it. */
struct view {
    const struct pod_facts *facts;
    const struct value *container;
    enum launch_role role;
    const struct pod_container_facts *known; /* NULL: nothing */
    const struct keeper_container *c;        /* NULL: the keeper does not have it */
};

/* uid: of its pod; NULL or "": not known. */
static struct value *terminated_state(const struct keeper_exit *exit, const char *said,
                                      const char *uid, const char *name)
{
    struct value *state = value_new_map();
    struct value *t = value_set(state, "terminated", value_new_map());
    value_set_int(t, "exitCode", exit->code);
    if (exit->signal)
        value_set_int(t, "signal", exit->signal);
    value_set_str(t, "reason", exit->reason[0] ? exit->reason : exit->code ? "Error" : "Completed");
    if (said || exit->message[0])
        set_text(t, "message", said ? said : exit->message);
    set_time(t, "startedAt", exit->started_wall_ns);
    set_time(t, "finishedAt", exit->finished_wall_ns);
    autofree char *id = container_id(uid, name, exit->started_wall_ns);
    value_set_str(t, "containerID", id);
    return state;
}

/* How it ended for the last time. */
static struct value *last_exit(const struct view *view)
{
    const struct keeper_report *report = view->facts->report;
    const char *uid = report && !never_made(view->c) ? report->pod_uid : NULL;
    return terminated_state(&view->c->last, view->c->said, uid, view->c->name);
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
    if (never_made(c))
        return waiting_state(c->last.reason, c->last.message);
    autofree char *message = xasprintf("back-off restarting failed container \"%s\"", c->name);
    return waiting_state("CrashLoopBackOff", message);
}

/* What became of it was forgotten: in the kubelet's words. */
static const struct keeper_exit unknown = {
    .valid = true,
    .code = 137,
    .reason = "ContainerStatusUnknown",
    .message = "The container could not be located when the pod was terminated"};

static const struct value *find_status(const struct value *status, const char *list,
                                       const char *name)
{
    const struct value *all = value_get(status, list);
    for (size_t i = 0; i < value_len(all); i++)
        if (str_eq(value_get_str(value_at(all, i), "name"), name))
            return value_at(all, i);
    return NULL;
}

/* An ephemeral container that ran under a keeper that died is not run again (the kubelet's words).
 * NULL: it has never run. */
static struct value *lost_state(const struct view *view)
{
    if (view->role != LAUNCH_DEBUG)
        return NULL;
    const struct value *before = find_status(view->facts->previous, container_kinds[2].statuses,
                                             value_get_str(view->container, "name"));
    const struct value *state = value_get(before, "state");
    if (value_get(state, "terminated"))
        return value_copy(state);
    if (!value_get(state, "running") && !(view->known && view->known->spent))
        return NULL;
    return terminated_state(&unknown, NULL, NULL, NULL);
}

static bool has_inits(const struct pod_facts *facts)
{
    return value_len(value_get(facts->spec, container_kinds[0].list)) > 0;
}

/* Of a pod that this node has ended for good. */
static struct value *refused_state(const struct view *view)
{
    const struct pod_facts *facts = view->facts;
    if (view->c && view->c->state == KEEPER_STARTED)
        return running_state(view->c);
    if (view->c && view->c->last.valid && !never_made(view->c))
        return last_exit(view);
    if (facts->refused_ran)
        return terminated_state(&unknown, NULL, NULL, NULL);
    return waiting_state(facts->refused_reason, facts->refused_message);
}

/* The container's state now. */
static struct value *container_state(const struct view *view)
{
    const struct pod_facts *facts = view->facts;
    const struct keeper_container *c = view->c;
    const struct pod_container_facts *known = view->known;
    if (facts->refused_reason)
        return refused_state(view);
    if (c && c->state == KEEPER_STARTED && !facts->finished)
        return running_state(c);
    if (c && c->last.valid && (c->state == KEEPER_TERMINATED || facts->finished))
        return last_exit(view);
    if (c && c->last.valid)
        return backoff_state(c);
    struct value *lost = c ? NULL : lost_state(view);
    if (lost)
        return lost;
    if (known && known->waiting_reason)
        return waiting_state(known->waiting_reason, known->waiting_message);
    bool waits = view->role != LAUNCH_DEBUG && has_inits(facts);
    return waiting_state(waits ? "PodInitializing" : "ContainerCreating", NULL);
}

/* By its probes and hooks; where only what was told of it before is known, by that, as long as it
 * is the same attempt. */
static struct pod_container_facts said_readiness(const struct view *view)
{
    const struct pod_container_facts all = {.ready = true, .started = true};
    const struct value *told = view->container;
    if (view->known && view->known->ready_known)
        return *view->known;
    if (!value_get(told, "started") || !view->c ||
        value_get_int(told, "restartCount", -1) != view->c->restarts)
        return all;
    return (struct pod_container_facts){.ready = value_get_bool(told, "ready", true),
                                        .started = value_get_bool(told, "started", true)};
}

/* Only what runs on has started: an init container is ready when it has succeeded, an ephemeral one
 * never. */
static void set_readiness(struct value *status, const struct view *view, const struct value *state)
{
    bool running = value_get(state, "running") != NULL, ready = false, started = false;
    const struct value *end = value_get(state, "terminated");
    if (view->role == LAUNCH_MAIN || view->role == LAUNCH_SIDECAR) {
        struct pod_container_facts said = said_readiness(view);
        started = running && said.started;
        ready = started && said.ready;
    } else if (view->role == LAUNCH_INIT) {
        ready = end && value_get_int(end, "exitCode", -1) == 0;
    }
    value_set_bool(status, "ready", ready);
    value_set_bool(status, "started", started);
}

/* An agent that finds a pod running has not looked for its images: it is as it was told before. */
static const char *image_id_of(const struct view *view)
{
    const char *name = value_get_str(view->container, "name");
    const char *id = view->known ? view->known->image_id : NULL;
    if (!id) /* of a pod without a manifest */
        id = value_get_str(view->container, "imageID");
    if (!id && view->c)
        id = value_get_str(
            find_status(view->facts->previous, containers_kind(view->role)->statuses, name),
            "imageID");
    return id ? id : "";
}

/* Of the attempt that runs, else of the last that did. */
static char *id_of(const struct view *view)
{
    const struct keeper_container *c = view->c;
    if (!c || !view->facts->report)
        return NULL;
    bool runs = c->state == KEEPER_STARTED && !view->facts->finished;
    if (!runs && never_made(c))
        return NULL;
    return container_id(view->facts->report->pod_uid, c->name,
                        runs ? c->started_wall_ns : c->last.started_wall_ns);
}

static struct value *container_status(const struct view *view)
{
    const struct keeper_container *c = view->c;
    struct value *status = value_new_map();
    value_set_str(status, "name", value_get_str(view->container, "name"));
    struct value *state = container_state(view);
    value_set(status, "state", state);
    value_set(status, "lastState",
              c && c->last.valid && !never_made(c) && !value_get(state, "terminated")
                  ? last_exit(view)
                  : value_new_map());
    set_readiness(status, view, state);
    value_set_int(status, "restartCount", c ? (int64_t)c->restarts : 0);
    value_set_str(status, "image", value_get_str(view->container, "image"));
    value_set_str(status, "imageID", image_id_of(view));
    autofree char *id = id_of(view);
    value_set_str(status, "containerID", id);
    resources_status(status, view->container, value_get(state, "running") && c ? &c->size : NULL);
    struct value *mounts = mount_status(view->container);
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

/* The kubelet's; there are such conditions only as long as they hold. */
static void add_passing(struct value *conditions, const struct pod_facts *facts)
{
    const char *misfit = facts->report ? facts->report->misfit : "";
    const struct {
        bool holds;
        const char *type, *reason, *message;
    } all[] = {
        {facts->resize_reason, "PodResizePending", facts->resize_reason, facts->resize_message},
        {facts->resizing, "PodResizeInProgress", *misfit ? "Error" : NULL, *misfit ? misfit : NULL},
        {facts->disrupted, "DisruptionTarget", "TerminationByKubelet", facts->refused_message},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (!all[i].holds)
            continue;
        add_condition(conditions, facts, all[i].type, true, NULL, NULL);
        struct value *condition = value_at(conditions, value_len(conditions) - 1);
        value_set_str(condition, "reason", all[i].reason);
        value_set_str(condition, "message", all[i].message);
    }
}

/* What the containers come to, for the conditions (the kubelet's status/generate.go). */
struct sums {
    struct buf unready, uninitialized; /* names */
    bool main_started;
};

static void add_name(struct buf *names, const char *name)
{
    (void)buf_addf(names, "%s%s", names->len ? " " : "", name);
}

static void sum_up(struct sums *sums, const struct view *view, const struct value *status)
{
    const char *name = value_get_str(view->container, "name");
    bool ready = value_get_bool(status, "ready", false);
    bool started = value_get_bool(status, "started", false);
    if (!ready && (view->role == LAUNCH_MAIN || view->role == LAUNCH_SIDECAR))
        add_name(&sums->unready, name);
    if ((view->role == LAUNCH_INIT && !ready) || (view->role == LAUNCH_SIDECAR && !started))
        add_name(&sums->uninitialized, name);
    if (view->role == LAUNCH_MAIN && view->c)
        sums->main_started |= view->c->state == KEEPER_STARTED || view->c->last.valid;
}

/* A false one's reason and message. */
static const char *unready_because(const struct pod_facts *facts, const char *phase,
                                   const struct buf *unready, char **ret_message)
{
    *ret_message = NULL;
    if (str_eq(phase, "Succeeded"))
        return "PodCompleted";
    if (str_eq(phase, "Failed") && !facts->refused_reason)
        return "PodFailed";
    *ret_message = facts->paused
                       ? xstrdup("the pod is paused")
                       : xasprintf("containers with unready status: [%s]", buf_str(unready));
    return facts->paused ? "Paused" : "ContainersNotReady";
}

static struct value *conditions_of(const struct pod_facts *facts, struct sums *sums,
                                   const char *phase)
{
    autofree char *message = NULL;
    bool all_ready = sums->unready.len == 0 && str_eq(phase, "Running") && !facts->paused;
    bool initialized =
        sums->uninitialized.len == 0 || sums->main_started || str_eq(phase, "Succeeded");
    bool sandbox = facts->report && !facts->finished && facts->report->state != KEEPER_SANDBOX &&
                   facts->report->state != KEEPER_ENDED;
    const char *reason = unready_because(facts, phase, &sums->unready, &message);
    autofree char *incomplete =
        xasprintf("containers with incomplete status: [%s]", buf_str(&sums->uninitialized));
    struct value *conditions = value_new_list();
    add_condition(conditions, facts, "PodReadyToStartContainers", sandbox, NULL, NULL);
    add_condition(conditions, facts, "PodScheduled", true, NULL, NULL);
    add_condition(conditions, facts, "Initialized", initialized, "ContainersNotInitialized",
                  incomplete);
    if (str_eq(phase, "Succeeded")) /* the kubelet's: a reason though it is true */
        value_set_str(value_at(conditions, value_len(conditions) - 1), "reason", "PodCompleted");
    add_condition(conditions, facts, "ContainersReady", all_ready, reason, message);
    add_condition(conditions, facts, "Ready", all_ready, reason, message);
    if (facts->paused)
        add_condition(conditions, facts, "Paused", true, NULL, NULL);
    add_passing(conditions, facts);
    return conditions;
}

/* An address as `key`, and as all of the list. */
static void set_address(struct value *status, const char *key, const char *list,
                        const char *address)
{
    if (str_empty(address))
        return;
    value_set_str(status, key, address);
    struct value *ip = value_new_map();
    value_set_str(ip, "ip", address);
    value_append(value_set(status, list, value_new_list()), ip);
}

/* As much of the manifest as a status is made of, when that is gone: as was told of last, else by
 * the keeper's report. */
static struct value *made_spec(const struct pod_facts *facts)
{
    const struct keeper_report *report = facts->report;
    struct value *spec = value_new_map();
    bool told = value_len(value_get(facts->previous, container_kinds[1].statuses)) > 0;
    for (size_t k = 0; k < CONTAINER_KINDS; k++) {
        struct value *list = value_copy(value_get(facts->previous, container_kinds[k].statuses));
        value_set(spec, container_kinds[k].list, list && told ? list : value_new_list());
        if (!told)
            value_free(list);
    }
    for (size_t i = 0; report && !told && i < report->container_count; i++) {
        const struct keeper_container *c = &report->containers[i];
        struct value *container = value_new_map();
        value_set_str(container, "name", c->name);
        value_append(value_get(spec, containers_kind(c->role)->list), container);
    }
    return spec;
}

/* The statuses of all containers, list by list, into `status`. */
static void set_containers(struct value *status, const struct pod_facts *facts, struct sums *sums)
{
    struct view view = {.facts = facts};
    value_set(status, container_kinds[1].statuses, value_new_list());
    for (size_t i = 0; (view.container = containers_at(facts->spec, i, &view.role)); i++) {
        view.c = find_container(facts->report, value_get_str(view.container, "name"));
        view.known = i < facts->container_count ? &facts->containers[i] : NULL;
        if (view.c && view.c->role == LAUNCH_SIDECAR)
            view.role = LAUNCH_SIDECAR;
        struct value *one = container_status(&view);
        sum_up(sums, &view, one);
        const char *list = containers_kind(view.role)->statuses;
        if (!value_get(status, list))
            value_set(status, list, value_new_list());
        value_append(value_get(status, list), one);
    }
}

static struct value *status_by(const struct pod_facts *facts)
{
    const char *phase = pod_phase(facts);
    struct sums sums = {.main_started = false};
    buf_init(&sums.unready, 0);
    buf_init(&sums.uninitialized, 0);
    struct value *status = value_new_map();
    set_containers(status, facts, &sums);
    value_set_str(status, "phase", phase);
    value_set_str(status, "reason", facts->paused ? "Paused" : facts->refused_reason);
    value_set_str(status, "message", facts->refused_message);
    if (facts->report && facts->report->reason[0] && str_eq(phase, "Failed")) { /* the kubelet's */
        value_set_str(status, "reason", facts->report->reason);
        value_set_str(status, "message",
                      "Pod was active on the node longer than the specified deadline");
    }
    value_set(status, "conditions", conditions_of(facts, &sums, phase));
    set_address(status, "hostIP", "hostIPs", facts->host_ip);
    set_address(status, "podIP", "podIPs", facts->pod_ip);
    set_time(status, "startTime", facts->start_wall_ns);
    buf_done(&sums.unready);
    buf_done(&sums.uninitialized);
    return status;
}

struct value *pod_status(const struct pod_facts *facts)
{
    cleanup(value_free) struct value *made = facts->spec ? NULL : made_spec(facts);
    struct pod_facts known = *facts;
    if (made)
        known.spec = made;
    struct value *status = status_by(&known);
    value_set_str(status, "qosClass",
                  facts->spec ? pod_qos_name(pod_qos(facts->spec))
                              : value_get_str(facts->previous, "qosClass"));
    return status;
}

int pod_status_has_run(const struct value *status, const char *pod, const char *container,
                       bool previous, struct err *err)
{
    const struct value *found = NULL;
    for (size_t k = 0; !found && k < CONTAINER_KINDS; k++)
        found = find_status(status, container_kinds[k].statuses, container);
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
