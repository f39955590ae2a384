#include "agent/pod/internal.h"
#include "agent/pod/reclaim.h"
#include "agent/runtime/caps.h"
#include "agent/volume/giver.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>

/* Steps of one pod in one round; each changes the view, so more than this is a loop in the table.
 */
#define MAX_STEPS 12

bool agent_name_taken(const struct agent *agent, const struct pod_record *record)
{
    void *p;
    for (size_t i = 0; map_next(agent->records, &i, NULL, &p);) {
        const struct pod_record *other = p;
        if (other != record && other->keeper != POD_KEEPER_NONE && str_eq(other->ns, record->ns) &&
            str_eq(other->name, record->name) && !WEAKENED(POD_NAME_TAKEN))
            return true;
    }
    return false;
}

/* Mounted, or about to be: by the manifest that we know. */
static bool has_volumes(const struct pod_record *record)
{
    if (pod_record_is_set_up(record))
        return true;
    return record->spec && record->volumes_ready &&
           str_eq(record->planned_hash, record->spec->hash);
}

void agent_name_freed(const struct pod_record *freed)
{
    const struct agent *agent = freed->agent;
    void *p;
    for (size_t i = 0; map_next(agent->records, &i, NULL, &p);) {
        struct pod_record *record = p;
        if (str_eq(record->ns, freed->ns) && str_eq(record->name, freed->name))
            agent_touch(record);
    }
}

/* Rounds: every dirty record is planned until it waits. */

/* The gates were opened for another manifest, and nothing runs that needs them: begin anew. */
static void refresh_gates(struct pod_record *record)
{
    if (!record->spec || record->keeper != POD_KEEPER_NONE)
        return;
    if (record->finished && !str_eq(record->report->spec_hash, record->spec->hash)) {
        record->finished = false; /* that was another manifest's end */
        keeper_report_free(record->report);
        record->report = NULL;
    }
    if (str_eq(record->planned_hash, record->spec->hash))
        return;
    exec_close_gates(record);
    strcpy(record->planned_hash, record->spec->hash);
}

static void run_record(struct pod_record *record)
{
    struct agent *agent = record->agent;
    record->dirty = false;
    if (record->token_changed && has_volumes(record))
        exec_refresh_volumes(record);
    record->token_changed = false;
    if (record->held || record->keeper == POD_KEEPER_SILENT || (record->forgotten && record->spec))
        return;
    for (int step = 0; step < MAX_STEPS; step++) {
        refresh_gates(record);
        admit(record);
        resize_look(record);
        struct pod_view view = pod_record_view(record, agent_name_taken(agent, record));
        struct pod_action action = pod_plan(&view, agent_now(agent));
        log_debug("plan pod=%s/%s rule=%s action=%s", record->ns, record->name, action.rule,
                  pod_action_name(action.type));
        if (exec_action(record, &action) || record->forgotten)
            return;
        if (action.type != POD_WAIT)
            continue;
        if (action.at)
            loop_timer_at(record->timer, action.at);
        else
            loop_timer_stop(record->timer);
        break;
    }
    tend(record);
    publish_status(record, false);
}

static void tell_ready(struct agent *agent)
{
    agent->told_ready = true;
    log_info("agent ready pods=%zu", map_len(agent->records));
    if (agent->handler.ready)
        agent->handler.ready(agent->ctx);
}

static void run_round(void *ctx)
{
    struct agent *agent = ctx;
    agent->round = NULL;
    void *p;
    for (size_t i = 0; map_next(agent->records, &i, NULL, &p);)
        if (((struct pod_record *)p)->dirty)
            run_record(p);
    resize_decide(agent);
    reclaim_round(agent->reclaim);
    if (!agent->told_ready)
        tell_ready(agent);
}

void agent_touch(struct pod_record *record)
{
    struct agent *agent = record->agent;
    record->dirty = true;
    if (!agent->round && agent->started)
        agent->round = loop_defer(agent->world.loop, run_round, agent);
}

static void retry_due(void *ctx)
{
    agent_touch(ctx);
}

struct pod_record *agent_record(struct agent *agent, const char *uid, const char *ns,
                                const char *name)
{
    struct pod_record *record = map_get(agent->records, uid);
    if (record)
        return record;
    record = pod_record_new(agent, uid, ns, name);
    record->timer = loop_timer_new(agent->world.loop, retry_due, record);
    record->accepted_wall_ns = clock_wall(loop_clock(agent->world.loop));
    (void)map_put(agent->records, uid, record);
    return record;
}

void agent_judge(struct pod_record *record)
{
    record->held = !record->spec && manifests_may_want(record->agent->manifests, record->ns,
                                                       record->name, record->is_static);
}

/* Manifests. */

static void manifest_problem(void *ctx, const char *file, const char *message)
{
    struct agent *agent = ctx;
    log_error("manifest left out, the last good one stays in force: file=%s problem=%s",
              log_quote(file), log_quote(message));
    agent->handler.event(agent->ctx, "", agent->spec.node_name, "", "Warning", "InvalidManifest",
                         message);
}

static void read_manifests(struct agent *agent)
{
    manifests_read(agent->manifests);
    const struct pod_spec *spec;
    for (size_t i = 0; (spec = manifests_pod_at(agent->manifests, i)); i++) {
        bool known = map_get(agent->records, spec->uid) != NULL;
        struct pod_record *record = agent_record(agent, spec->uid, spec->ns, spec->name);
        resize_take(record, spec);
        record->is_static = spec->is_static;
        record->grace_s = spec->grace_s;
        if (!known) {
            heard_recall_exits(record);
            debug_recall(record);
        }
    }
    void *p;
    for (size_t i = 0; map_next(agent->records, &i, NULL, &p);) {
        struct pod_record *record = p;
        if (record->wanted != manifests_pod(agent->manifests, record->uid))
            resize_take(record, manifests_pod(agent->manifests, record->uid));
        record->unpausable = record->unpausable && record->spec && record->spec->paused;
        agent_judge(record);
        /* What a volume lacked may have come. */
        if (record->volumes_setback.retry_at)
            record->volumes_setback.retry_at = agent_now(agent);
        if (agent->started && has_volumes(record))
            exec_refresh_volumes(record);
        agent_touch(record);
    }
    if (agent->started)
        leftovers_sweep(agent->leftovers);
    reclaim_look(agent->reclaim);
}

void agent_reload(struct agent *agent)
{
    read_manifests(agent);
}

void agent_node_files_changed(struct agent *agent)
{
    if (agent->started)
        etc_refresh(agent);
}

void agent_set_host_ip(struct agent *agent, const char *host_ip)
{
    free((char *)agent->spec.host_ip);
    agent->spec.host_ip = xstrdup(host_ip);
    void *p;
    for (size_t i = 0; map_next(agent->records, &i, NULL, &p);)
        agent_touch(p);
}

static int make_dirs(struct agent *agent, struct err *err)
{
    const struct {
        const char *parent, *name;
        mode_t mode;
    } dirs[] = {
        {agent->spec.state_dir, "/pods", 0700},
        {agent->spec.run_dir, "/pods", 0700},
        {agent->spec.run_dir, "/status", 0700},
        {agent->spec.log_dir, "", 0755},
    };
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        autofree char *path = xasprintf("%s%s", dirs[i].parent, dirs[i].name);
        int rc = agent->world.disk->mkdirs(agent->world.disk, path, dirs[i].mode, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Every keeper has reported: from now on pods may be started. */
static void keepers_settled(void *ctx)
{
    struct agent *agent = ctx;
    const char **uids = xcalloc(map_len(agent->records) + 1, sizeof(*uids));
    size_t count = 0;
    const char *uid;
    for (size_t i = 0; map_next(agent->records, &i, &uid, NULL);)
        uids[count++] = uid;
    struct err err = {0};
    if (agent->world.net->start(agent->world.net, uids, &err) < 0)
        log_error("pod network not ready: error=%s", log_quote(err.msg));
    free(uids);
    void *p;
    for (size_t i = 0; map_next(agent->records, &i, &uid, &p);)
        (void)agent->world.net->get(agent->world.net, uid, &((struct pod_record *)p)->address);
    agent->started = true;
    read_manifests(agent);
    etc_refresh(agent); /* the node's files may have changed while no agent looked */
    if (!agent->round)  /* no pods: ready all the same */
        agent->round = loop_defer(agent->world.loop, run_round, agent);
}

static void tree_removed(void *ctx)
{
    const struct agent *agent = ctx;
    reclaim_removed(agent->reclaim);
}

int agent_start(struct agent *agent, struct err *err)
{
    static const struct keepers_handler handler = {
        .report = heard_report,
        .gone = heard_gone,
        .silent = heard_silent,
        .settled = keepers_settled,
        .removed = tree_removed,
    };
    int rc = make_dirs(agent, err);
    if (rc < 0)
        return rc;
    return agent->world.keepers->start(agent->world.keepers, &handler, agent, err);
}

/* Tokens. */

/* A pod that waits for one need not wait any more; one that runs gets the new one (in the next
 * round: not from inside of what tells us). */
static void token_changed(void *ctx, const char *uid)
{
    const struct agent *agent = ctx;
    struct pod_record *record = map_get(agent->records, uid);
    if (!record)
        return;
    if (record->volumes_setback.retry_at)
        record->volumes_setback.retry_at = agent_now(agent);
    record->token_changed = true;
    agent_touch(record);
}

static void token_refused(void *ctx, const char *uid, const char *message)
{
    const struct agent *agent = ctx;
    const struct pod_record *record = map_get(agent->records, uid);
    if (record)
        publish_event(record, "Warning", "FailedMount", "failed to fetch token: %s", message);
}

static struct tokens *make_tokens(struct agent *agent)
{
    return tokens_new(&(struct tokens_spec){.loop = agent->world.loop,
                                            .rng = agent->world.rng,
                                            .renew_percent = agent->spec.token_renew_percent,
                                            .changed = token_changed,
                                            .refused = token_refused,
                                            .ctx = agent});
}

struct tokens *agent_tokens(struct agent *agent)
{
    return agent->tokens;
}

static struct agent_spec copy_spec(const struct agent_spec *spec)
{
    return (struct agent_spec){
        .node_name = xstrdup(spec->node_name),
        .host_name = xstrdup(spec->host_name),
        .static_dir = xstrdup(spec->static_dir),
        .state_dir = xstrdup(spec->state_dir),
        .run_dir = xstrdup(spec->run_dir),
        .log_dir = xstrdup(spec->log_dir),
        .cgroup_root = xstrdup(spec->cgroup_root),
        .host_ip = xstrdup(spec->host_ip ? spec->host_ip : ""),
        .boot_id = xstrdup(spec->boot_id),
        .resolv_conf = xstrdup(spec->resolv_conf),
        .seccomp_dir = xstrdup(spec->seccomp_dir ? spec->seccomp_dir : AGENT_SECCOMP_DIR),
        .allocatable = value_copy(spec->allocatable),
        .memory_bytes = spec->memory_bytes,
        .user_namespaces = spec->user_namespaces,
        .unsafe_sysctls = spec->unsafe_sysctls,
        .desired = spec->desired,
        .token_renew_percent = spec->token_renew_percent,
    };
}

static void free_spec(struct agent_spec *spec)
{
    const char *strings[] = {spec->node_name, spec->host_name,   spec->static_dir,  spec->state_dir,
                             spec->run_dir,   spec->log_dir,     spec->cgroup_root, spec->host_ip,
                             spec->boot_id,   spec->resolv_conf, spec->seccomp_dir};
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        free((char *)strings[i]);
    value_free((struct value *)spec->allocatable);
}

int agent_new(const struct agent_world *world, const struct agent_spec *spec,
              const struct agent_handler *handler, void *ctx, struct agent **ret, struct err *err)
{
    struct agent *agent = xcalloc(1, sizeof(*agent));
    agent->world = *world;
    agent->spec = copy_spec(spec);
    agent->handler = *handler;
    agent->ctx = ctx;
    agent->records = map_new();
    agent->filters = filters_new();
    agent->leftovers = leftovers_new(agent);
    agent->reclaim = reclaim_new(agent);
    agent->tokens = make_tokens(agent);
    agent->giver = giver_new(world->loop, gift_give, exec_volumes_given, agent);
    agent->manifests = manifests_new(&(struct manifests_spec){
        .disk = world->disk,
        .static_dir = agent->spec.static_dir,
        .node_name = agent->spec.node_name,
        .desired = spec->desired,
        .problem = manifest_problem,
        .ctx = agent,
    });
    /* The one that nearly every container has: a broken filter compiler shows now, not at the first
     * pod. */
    const void *filter;
    size_t len;
    int rc = filters_get(agent->filters, caps_default(), &filter, &len, err);
    if (rc < 0) {
        agent_free(agent);
        return rc;
    }
    *ret = agent;
    return 0;
}

void agent_free(struct agent *agent)
{
    if (!agent)
        return;
    void *p;
    for (size_t i = 0; map_next(agent->records, &i, NULL, &p);) {
        struct pod_record *record = p;
        exec_close_gates(record);
        loop_timer_free(record->timer);
        pod_record_free(record);
    }
    map_free(agent->records, NULL);
    leftovers_free(agent->leftovers);
    reclaim_free(agent->reclaim);
    tokens_free(agent->tokens);
    giver_free(agent->giver);
    if (agent->round)
        loop_defer_free(agent->round);
    manifests_free(agent->manifests);
    free_spec(&agent->spec);
    filters_free(agent->filters);
    free(agent);
}
