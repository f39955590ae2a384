#include "agent/pod/plan.h"

#include "common/base/str.h"
#include "common/base/weaken.h"

/* One rule: the first whose condition holds decides. */
struct rule {
    const char *name;
    bool (*holds)(const struct pod_view *v, int64_t now);
    enum pod_action_type action;
};

static bool wanted(const struct pod_view *v)
{
    return v->desired && !v->deleting && !v->changed;
}

static bool can_start(const struct pod_view *v)
{
    return wanted(v) && !v->finished && !v->refused;
}

static bool keeper_is_up(const struct pod_view *v)
{
    return v->keeper >= POD_KEEPER_SANDBOX && v->keeper <= POD_KEEPER_ENDED;
}

static bool gate_due(enum pod_gate gate, int64_t retry_at, int64_t now)
{
    return gate == POD_GATE_CLOSED || (gate == POD_GATE_FAILED && retry_at <= now);
}

/* E: the end of a pod. */

static bool removing(const struct pod_view *v, int64_t now)
{
    (void)now;
    return v->keeper == POD_KEEPER_REMOVING;
}

static bool unwanted_and_gone(const struct pod_view *v, int64_t now)
{
    (void)now;
    return !wanted(v) && v->keeper == POD_KEEPER_NONE;
}

static bool unwanted_spawning(const struct pod_view *v, int64_t now)
{
    (void)now;
    return !wanted(v) && v->keeper == POD_KEEPER_SPAWNING;
}

static bool unwanted_never_ran(const struct pod_view *v, int64_t now)
{
    (void)now;
    return !wanted(v) && (v->keeper == POD_KEEPER_SANDBOX || v->keeper == POD_KEEPER_ENDED);
}

/* A shorter grace may overtake a longer one, never the other way round. */
static bool is_hastened(const struct pod_view *v)
{
    return v->keeper == POD_KEEPER_STOPPING &&
           (v->asked_grace_s < 0 || v->grace_s < v->asked_grace_s);
}

static bool unwanted_running(const struct pod_view *v, int64_t now)
{
    (void)now;
    return !wanted(v) && (v->keeper == POD_KEEPER_RUNNING || is_hastened(v));
}

static bool unwanted_stopping(const struct pod_view *v, int64_t now)
{
    (void)now;
    return !wanted(v) && v->keeper == POD_KEEPER_STOPPING;
}

static bool ended_by_itself(const struct pod_view *v, int64_t now)
{
    (void)now;
    return v->keeper == POD_KEEPER_ENDED || (v->finished && keeper_is_up(v));
}

static bool ended_with_volumes(const struct pod_view *v, int64_t now)
{
    (void)now;
    return v->keeper == POD_KEEPER_NONE && (v->finished || v->refused) && v->volumes_held &&
           !WEAKENED(POD_ENDED_VOLUMES);
}

/* R: refused, though wanted. */

static bool refused_never_ran(const struct pod_view *v, int64_t now)
{
    (void)now;
    return v->refused && (v->keeper == POD_KEEPER_SPAWNING || v->keeper == POD_KEEPER_SANDBOX);
}

static bool refused_running(const struct pod_view *v, int64_t now)
{
    (void)now;
    return v->refused && (v->keeper == POD_KEEPER_RUNNING || is_hastened(v));
}

/* P: standing still. */

static bool pause_due(const struct pod_view *v, int64_t now)
{
    (void)now;
    return v->keeper == POD_KEEPER_RUNNING && v->pause && !v->paused && !v->unpausable;
}

static bool resume_due(const struct pod_view *v, int64_t now)
{
    (void)now;
    return v->keeper == POD_KEEPER_RUNNING && v->paused && !v->pause;
}

/* T: time. */

static bool deadline_due(const struct pod_view *v, int64_t now)
{
    (void)now;
    return (v->keeper == POD_KEEPER_SANDBOX || v->keeper == POD_KEEPER_RUNNING) && v->deadline_due;
}

/* D: ephemeral containers, of a pod that runs. */

static bool takes_debugs(const struct pod_view *v)
{
    return wanted(v) && v->keeper == POD_KEEPER_RUNNING && !v->paused;
}

static bool debug_add_due(const struct pod_view *v, int64_t now)
{
    (void)now;
    return takes_debugs(v) && v->debug_ready;
}

static bool debug_pull_due(const struct pod_view *v, int64_t now)
{
    return takes_debugs(v) && (v->debug_untried || (v->debug_retry_at && v->debug_retry_at <= now));
}

/* C: cpu and memory, of a pod that runs. */

static bool resizes(const struct pod_view *v)
{
    return wanted(v) && v->keeper == POD_KEEPER_RUNNING && !v->paused && v->resizing;
}

static bool resize_due(const struct pod_view *v, int64_t now)
{
    return resizes(v) && v->resize_retry_at <= now;
}

/* A: at rest. */

static bool at_rest(const struct pod_view *v, int64_t now)
{
    (void)now;
    return v->keeper == POD_KEEPER_RUNNING || v->keeper == POD_KEEPER_STOPPING;
}

static bool never_to_start(const struct pod_view *v, int64_t now)
{
    (void)now;
    return !can_start(v) || v->name_taken;
}

/* S: starting. */

static bool images_due(const struct pod_view *v, int64_t now)
{
    return gate_due(v->images, v->images_retry_at, now);
}

static bool volumes_due(const struct pod_view *v, int64_t now)
{
    return gate_due(v->volumes, v->volumes_retry_at, now);
}

static bool spawn_due(const struct pod_view *v, int64_t now)
{
    return v->keeper == POD_KEEPER_NONE && v->images == POD_GATE_OPEN &&
           v->volumes == POD_GATE_OPEN && v->spawn_retry_at <= now;
}

static bool network_due(const struct pod_view *v, int64_t now)
{
    return v->keeper == POD_KEEPER_SANDBOX && gate_due(v->network, v->network_retry_at, now);
}

static bool go_due(const struct pod_view *v, int64_t now)
{
    (void)now;
    return v->keeper == POD_KEEPER_SANDBOX && v->network == POD_GATE_OPEN;
}

static bool otherwise(const struct pod_view *v, int64_t now)
{
    (void)v;
    (void)now;
    return true;
}

static const struct rule rules[] = {
    {"E1", removing, POD_WAIT},
    {"E2", unwanted_and_gone, POD_FORGET},
    {"E3", unwanted_spawning, POD_REMOVE_KEEPER},
    {"E4", unwanted_never_ran, POD_REMOVE_KEEPER},
    {"E5", unwanted_running, POD_STOP},
    {"E6", unwanted_stopping, POD_WAIT},
    {"E7", ended_by_itself, POD_REMOVE_KEEPER},
    {"E8", ended_with_volumes, POD_RELEASE_VOLUMES},
    {"R1", refused_never_ran, POD_REMOVE_KEEPER},
    {"R2", refused_running, POD_STOP},
    {"T1", deadline_due, POD_SET_DEADLINE},
    {"P1", pause_due, POD_PAUSE},
    {"P2", resume_due, POD_RESUME},
    {"C1", resize_due, POD_RESIZE},
    {"D1", debug_add_due, POD_ADD_DEBUG},
    {"D2", debug_pull_due, POD_PULL_DEBUG},
    {"A1", at_rest, POD_WAIT},
    {"A2", never_to_start, POD_WAIT},
    {"S5", network_due, POD_WIRE_NETWORK},
    {"S6", go_due, POD_GO},
    {"S1", images_due, POD_PULL_IMAGES},
    {"S2", volumes_due, POD_PREPARE_VOLUMES},
    {"S4", spawn_due, POD_SPAWN_KEEPER},
    {"S7", otherwise, POD_WAIT},
};

/* The earliest retry among the gates that failed; 0 if there is none. */
static int64_t next_retry(const struct pod_view *v)
{
    const struct {
        bool waits;
        int64_t at;
    } retries[] = {
        {v->images == POD_GATE_FAILED, v->images_retry_at},
        {v->volumes == POD_GATE_FAILED, v->volumes_retry_at},
        {v->network == POD_GATE_FAILED, v->network_retry_at},
        {takes_debugs(v) && v->debug_retry_at, v->debug_retry_at},
        {resizes(v), v->resize_retry_at},
        {v->keeper == POD_KEEPER_NONE && v->spawn_retry_at != 0, v->spawn_retry_at},
    };
    int64_t at = 0;
    for (size_t i = 0; i < ARRAY_LEN(retries); i++)
        if (retries[i].waits && (at == 0 || retries[i].at < at))
            at = retries[i].at;
    return at;
}

struct pod_action pod_plan(const struct pod_view *view, int64_t now)
{
    const struct rule *rule = rules;
    while (!rule->holds(view, now))
        rule++;
    struct pod_action action = {.type = rule->action, .rule = rule->name};
    if (action.type == POD_STOP)
        action.grace_s = view->grace_s;
    if (action.type == POD_WAIT && can_start(view) && !view->name_taken)
        action.at = next_retry(view);
    return action;
}

const char *pod_action_name(enum pod_action_type type)
{
    static const char *const names[] = {
        [POD_WAIT] = "Wait",
        [POD_PULL_IMAGES] = "PullImages",
        [POD_PREPARE_VOLUMES] = "PrepareVolumes",
        [POD_SPAWN_KEEPER] = "SpawnKeeper",
        [POD_WIRE_NETWORK] = "WireNetwork",
        [POD_GO] = "Go",
        [POD_STOP] = "Stop",
        [POD_PAUSE] = "Pause",
        [POD_RESUME] = "Resume",
        [POD_SET_DEADLINE] = "SetDeadline",
        [POD_PULL_DEBUG] = "PullDebug",
        [POD_ADD_DEBUG] = "AddDebug",
        [POD_RESIZE] = "Resize",
        [POD_REMOVE_KEEPER] = "RemoveKeeper",
        [POD_RELEASE_VOLUMES] = "ReleaseVolumes",
        [POD_FORGET] = "Forget",
    };
    return names[type];
}
