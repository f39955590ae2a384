#include "agent/pod/bandwidth.h"
#include "agent/pod/internal.h"
#include "agent/pod/reclaim.h"
#include "agent/pod/selinux.h"
#include "agent/pod/user_ids.h"
#include "agent/volume/giver.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/host_ports.h"

#include <errno.h>

const struct backoff_policy backoff_volume = {1 * NS_PER_S, 60 * NS_PER_S};
/* A token is worth a short wait (tokens.h): looked at again and again until that is over. */
static const struct backoff_policy backoff_token = {1 * NS_PER_S, 1 * NS_PER_S};
const struct backoff_policy backoff_start = {200 * NS_PER_MS, 300 * NS_PER_S};
/* A volume that is given to its pod says when that is over. */
static const struct backoff_policy backoff_given = {60 * NS_PER_S, 60 * NS_PER_S};
#define GIVING "VolumePermissionChangeInProgress"

static void failed(struct pod_record *record, struct setback *setback,
                   const struct backoff_policy *policy, const char *reason, const struct err *err)
{
    bool news = !str_eq(setback->message, err->msg);
    setback_set(setback, policy, agent_now(record->agent), reason, err->msg);
    if (news)
        publish_event(record, "Warning", reason, "%s", err->msg);
}

/* What volumes are made from. */

static const struct value *find_source(void *ctx, const char *kind, const char *ns,
                                       const char *name)
{
    const struct pod_record *record = ctx;
    return manifests_find(record->agent->manifests, kind, ns, name);
}

static int find_token(void *ctx, const char *audience, int64_t expiration_s, const char **ret_text,
                      struct err *err)
{
    const struct pod_record *record = ctx;
    const struct tokens_question question = {record->ns, record->name, record->uid, audience,
                                             expiration_s};
    if (record->is_static)
        return err_set(err, -ENOENT, "a static pod has no service account");
    return tokens_get(record->agent->tokens, &question, ret_text, err);
}

static const char *const *find_layers(void *ctx, const char *volume)
{
    const struct image *image = pull_of_volume(ctx, volume);
    return image ? image->layers : NULL;
}

static int give_volume(void *ctx, const struct gift *gift, struct err *err)
{
    const struct pod_record *record = ctx;
    const struct giver_pod pod = {record->uid, record->ns};
    return giver_give(record->agent->giver, &pod, gift, err);
}

static bool volume_is_given(void *ctx, const struct gift *gift)
{
    const struct pod_record *record = ctx;
    return giver_has_given(record->agent->giver, record->uid, gift);
}

static struct volume_source source_of(struct pod_record *record)
{
    return (struct volume_source){.find = find_source,
                                  .token = find_token,
                                  .layers = find_layers,
                                  .give = record->agent->giver ? give_volume : NULL,
                                  .given = volume_is_given,
                                  .ctx = record};
}

static char *label_of(const struct pod_record *record)
{
    return selinux_shared(record->agent->world.disk, record->spec->object, record->uid);
}

/* The folders of a pod's volumes; state, run and label are the caller's strings. */
static struct volume_spec volume_spec_of(const struct pod_record *record,
                                         const struct volume_source *source, const char *state,
                                         const char *run, const char *label)
{
    const struct value *pod = record->spec ? record->spec->object : NULL;
    const struct value *group = value_path(pod, "spec", "securityContext", "fsGroup", NULL);
    const struct agent *agent = record->agent;
    return (struct volume_spec){
        .pod_ns = record->ns,
        .pod = pod,
        .allocatable = agent->spec.allocatable,
        .disk_dir = state,
        .node_dir = agent->spec.state_dir,
        .tmp_dir = run,
        .source = source,
        .fs_group = value_int(group, -1),
        .user = record->spec ? pod_spec_user(record->spec) : -1,
        .label = label,
        .now_wall_ns = clock_wall(loop_clock(agent->world.loop)),
    };
}

void exec_prepare_volumes(struct pod_record *record, bool runs)
{
    struct agent *agent = record->agent;
    autofree char *state = agent_state_dir(agent, record->uid);
    autofree char *run = agent_volume_dir(agent, record->uid);
    struct volume_source source = source_of(record);
    autofree char *label = label_of(record);
    struct volume_spec spec = volume_spec_of(record, &source, state, run, label);
    struct err err = {0};
    spec.runs = runs;
    struct volume *volumes = NULL;
    size_t count = 0;
    const struct value *list = value_path(record->spec->object, "spec", "volumes", NULL);
    int rc = volumes_prepare(&spec, list, &volumes, &count, &err);
    if (rc == -EAGAIN) /* nothing is wrong: not told */
        setback_set(&record->volumes_setback, &backoff_token, agent_now(agent), "FailedMount",
                    err.msg);
    else if (rc == -EINPROGRESS) /* told in the words of a kubelet */
        failed(record, &record->volumes_setback, &backoff_given, GIVING, &err);
    else if (rc < 0)
        failed(record, &record->volumes_setback, &backoff_volume, "FailedMount", &err);
    if (rc < 0)
        return;
    volumes_free(record->volumes, record->volume_count);
    record->volumes = volumes;
    record->volume_count = count;
    record->volumes_ready = true;
    record->volumes_released = false;
    setback_clear(&record->volumes_setback);
    giver_forget(agent->giver, record->uid);
}

void exec_volumes_given(void *ctx)
{
    const struct agent *agent = ctx;
    void *p;
    for (size_t i = 0; map_next(agent->records, &i, NULL, &p);) {
        struct pod_record *record = p;
        struct setback *setback = &record->volumes_setback;
        if (!setback->retry_at || !str_eq(setback->reason, GIVING))
            continue;
        setback->retry_at = agent_now(agent);
        agent_touch(record);
    }
}

void exec_refresh_volumes(struct pod_record *record)
{
    struct agent *agent = record->agent;
    const struct value *list = value_path(record->spec->object, "spec", "volumes", NULL);
    autofree char *state = agent_state_dir(agent, record->uid);
    autofree char *run = agent_volume_dir(agent, record->uid);
    struct volume_source source = source_of(record);
    autofree char *label = label_of(record);
    struct volume_spec spec = volume_spec_of(record, &source, state, run, label);
    struct err err = {0};
    int rc = volumes_refresh(&spec, list, &err);
    if (rc == -EAGAIN) /* it comes again with the token */
        rc = 0;
    if (rc > 0)
        log_info("files of a pod follow what they are made of: pod=%s/%s volumes=%d", record->ns,
                 record->name, rc);
    if (rc < 0 && !str_eq(record->refresh_problem, err.msg))
        publish_event(record, "Warning", "FailedMount", "%s", err.msg);
    free(record->refresh_problem);
    record->refresh_problem = rc < 0 ? xstrdup(err.msg) : NULL;
}

static int take_user_ids(struct pod_record *record, struct err *err)
{
    const struct agent *agent = record->agent;
    autofree char *pods = xasprintf("%s/pods", agent->spec.state_dir);
    return user_ids_take(agent->world.disk, pods, record->uid, &record->user_base, err);
}

/* What the plan is compiled from beside images and volumes: the pod's address and its files. */
static int prepare_sandbox(struct pod_record *record, struct err *err)
{
    struct net *net = record->agent->world.net;
    int rc = 0;
    if (!record->spec->host_network)
        rc = net->reserve(net, record->uid, &record->address, err);
    if (rc == 0 && record->spec->user_namespace)
        rc = take_user_ids(record, err);
    autofree char *label = label_of(record);
    return rc < 0 ? rc : etc_write(record, label, err);
}

static void spawn_keeper(struct pod_record *record)
{
    struct agent *agent = record->agent;
    struct keepers *keepers = agent->world.keepers;
    cleanup(buf_done) struct buf plan;
    buf_init(&plan, LAUNCH_MAX_BYTES);
    struct err err = {0};
    const char *reason = "FailedCreatePodSandBox";
    int rc = prepare_sandbox(record, &err);
    if (rc == 0) {
        rc = compile_plan(record, &plan, &err);
        if (rc < 0)
            reason = "CreateContainerConfigError";
    }
    if (rc == 0 && !WEAKENED(POD_EXITS_STALE))
        rc = heard_forget_exits(record, &err);
    if (rc == 0)
        rc = keepers->spawn(keepers, record->uid, plan.data, plan.len, &err);
    if (rc < 0) {
        failed(record, &record->spawn_setback, &backoff_start, reason, &err);
        return;
    }
    record->keeper = POD_KEEPER_SPAWNING;
    record->adopted = false;
    record->asked_grace_s = -1;
}

/* What the kernel cannot is told, and the pod goes on without. */
static int shape(const struct pod_record *record, int netns, struct err *err)
{
    struct net *net = record->agent->world.net;
    struct net_rates rates = {0};
    int rc = bandwidth_read(value_path(record->spec->object, "metadata", "annotations", NULL),
                            &rates, err);
    if (rc == 0 && (rates.ingress || rates.egress))
        rc = net->shape(net, record->uid, netns, &rates, err);
    if (rc != -EOPNOTSUPP)
        return rc;
    publish_event(record, "Warning", "BandwidthNotLimited", "%s", err->msg);
    return 0;
}

static void wire_network(struct pod_record *record)
{
    struct agent *agent = record->agent;
    if (record->spec->host_network) {
        record->network_ready = true;
        return;
    }
    autoclose int netns = -1;
    struct err err = {0};
    struct keepers *keepers = agent->world.keepers;
    int rc = keepers->netns(keepers, record->uid, &netns, &err);
    if (rc == 0)
        rc = agent->world.net->attach(agent->world.net, record->uid, netns, &record->address, &err);
    cleanup(host_ports_done) struct host_ports ports = {0};
    host_ports_read(&ports, value_get(record->spec->object, "spec"));
    if (rc == 0)
        rc = shape(record, netns, &err);
    if (rc == 0)
        rc = agent->world.net->expose(agent->world.net, record->uid, netns, &ports, &err);
    if (rc < 0) {
        failed(record, &record->network_setback, &backoff_start, "FailedCreatePodSandBox", &err);
        return;
    }
    record->network_ready = true;
    setback_clear(&record->network_setback);
}

static void go(struct pod_record *record)
{
    struct keepers *keepers = record->agent->world.keepers;
    struct err err = {0};
    if (keepers->go(keepers, record->uid, &err) < 0) {
        log_warn("keeper does not take the start: pod=%s/%s error=%s", record->ns, record->name,
                 log_quote(err.msg));
        record->network_ready = false;
        failed(record, &record->network_setback, &backoff_start, "FailedCreatePodSandBox", &err);
        return;
    }
    record->keeper = POD_KEEPER_RUNNING;
    publish_event(record, "Normal", "Started", "Started pod %s/%s", record->ns, record->name);
}

/* Counted from when this node took the pod, by the clock that no one sets. */
static void set_deadline(struct pod_record *record)
{
    struct agent *agent = record->agent;
    struct keepers *keepers = agent->world.keepers;
    struct err err = {0};
    uint32_t seconds = record->spec->deadline_s;
    int64_t age = clock_wall(loop_clock(agent->world.loop)) - record->accepted_wall_ns;
    int64_t left = seconds * NS_PER_S - (age > 0 ? age : 0);
    int64_t at = seconds ? agent_now(agent) + (left > 0 ? left : 0) : INT64_MAX;
    record->timeless = keepers->deadline(keepers, record->uid, seconds, at, &err) < 0;
    if (record->timeless)
        publish_event(record, "Warning", "FailedDeadline", "%s", err.msg);
    else
        record->report->deadline_s = seconds;
}

static void pause_pod(struct pod_record *record)
{
    struct keepers *keepers = record->agent->world.keepers;
    struct err err = {0};
    record->paused = keepers->freeze(keepers, record->uid, true, &err) == 0;
    record->unpausable = !record->paused;
    if (record->paused)
        publish_event(record, "Normal", "Paused", "Paused pod %s/%s", record->ns, record->name);
    else
        publish_event(record, "Warning", "FailedPause", "%s", err.msg);
}

/* Whatever is to be done to its processes, they must be able to hear of it. */
static void thaw(struct pod_record *record)
{
    struct keepers *keepers = record->agent->world.keepers;
    struct err err = {0};
    if (record->paused && keepers->freeze(keepers, record->uid, false, &err) < 0)
        log_warn("pod not thawed: pod=%s/%s error=%s", record->ns, record->name,
                 log_quote(err.msg));
    record->paused = false;
}

static void resume_pod(struct pod_record *record)
{
    thaw(record);
    publish_event(record, "Normal", "Resumed", "Resumed pod %s/%s", record->ns, record->name);
}

static void stop(struct pod_record *record, int64_t grace_s)
{
    struct keepers *keepers = record->agent->world.keepers;
    struct err err = {0};
    thaw(record);
    bool first = record->asked_grace_s < 0;
    if (keepers->stop(keepers, record->uid, tend_stop_grace(record, grace_s), &err) < 0)
        log_warn("keeper does not take the stop: pod=%s/%s error=%s", record->ns, record->name,
                 log_quote(err.msg));
    record->keeper = POD_KEEPER_STOPPING;
    record->asked_grace_s = grace_s;
    if (first)
        publish_event(record, "Normal", "Killing", "Stopping pod %s/%s (grace %llds)", record->ns,
                      record->name, (long long)grace_s);
}

static void remove_keeper(struct pod_record *record)
{
    struct keepers *keepers = record->agent->world.keepers;
    struct err err = {0};
    thaw(record);
    record->keeper = POD_KEEPER_REMOVING;
    int rc = keepers->remove(keepers, record->uid, &err);
    if (rc == -ENOENT) {
        record->keeper = POD_KEEPER_NONE;
        agent_name_freed(record);
    } else if (rc < 0)
        log_warn("keeper cannot be removed: pod=%s/%s error=%s", record->ns, record->name,
                 log_quote(err.msg));
}

/* They are as they were before they were prepared; what is in them stays. */
static void unprepare_volumes(struct pod_record *record)
{
    volumes_free(record->volumes, record->volume_count);
    record->volumes = NULL;
    record->volume_count = 0;
    record->volumes_ready = false;
    giver_forget(record->agent->giver, record->uid);
}

void exec_close_gates(struct pod_record *record)
{
    pull_release(record);
    debug_release(record);
    unprepare_volumes(record);
    record->network_ready = false;
    setback_clear(&record->volumes_setback);
    setback_clear(&record->network_setback);
    setback_clear(&record->spawn_setback);
}

/* What is in them, and in memory too. Another agent may have begun with it. */
static void release_volumes(struct pod_record *record)
{
    struct agent *agent = record->agent;
    autofree char *state = agent_state_dir(agent, record->uid);
    autofree char *run = agent_volume_dir(agent, record->uid);
    autofree char *disk = xasprintf("%s/volumes", state);
    struct volume_spec spec = volume_spec_of(record, NULL, state, run, NULL);
    unprepare_volumes(record);
    reclaim_take(agent->reclaim, disk, record->uid);
    volumes_remove(&spec);
    record->volumes_released = true;
}

/* Everything of the pod goes. A manifest that is being deleted stays listed until the controller
 * takes it away: the record is kept as forgotten, so that nothing is done twice. */
static bool forget(struct pod_record *record)
{
    struct agent *agent = record->agent;
    exec_close_gates(record);
    agent->world.net->detach(agent->world.net, record->uid);
    tokens_forget(agent->tokens, record->uid);
    release_volumes(record);
    agent_sweep_pod(agent, record->uid, record->ns, record->name);
    if (!record->forgotten)
        publish_status(record, true);
    if (record->spec) {
        record->forgotten = true;
        return false;
    }
    loop_timer_free(record->timer);
    (void)map_del(agent->records, record->uid);
    pod_record_free(record);
    return true;
}

bool exec_action(struct pod_record *record, const struct pod_action *action)
{
    switch (action->type) {
    case POD_WAIT:
        break;
    case POD_PULL_IMAGES:
        pull_start(record);
        break;
    case POD_PREPARE_VOLUMES:
        exec_prepare_volumes(record, false);
        break;
    case POD_SPAWN_KEEPER:
        spawn_keeper(record);
        break;
    case POD_WIRE_NETWORK:
        wire_network(record);
        break;
    case POD_GO:
        go(record);
        break;
    case POD_STOP:
        stop(record, action->grace_s);
        break;
    case POD_PAUSE:
        pause_pod(record);
        break;
    case POD_RESUME:
        resume_pod(record);
        break;
    case POD_REMOVE_KEEPER:
        remove_keeper(record);
        break;
    case POD_SET_DEADLINE:
        set_deadline(record);
        break;
    case POD_PULL_DEBUG:
        debug_pull(record);
        break;
    case POD_ADD_DEBUG:
        debug_add(record);
        break;
    case POD_RESIZE:
        resize_tell(record);
        break;
    case POD_RELEASE_VOLUMES:
        release_volumes(record);
        break;
    case POD_FORGET:
        return forget(record);
    }
    return false;
}
