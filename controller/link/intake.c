#include "controller/link/intake.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/local_volume.h"
#include "common/kinds/pod_mirror.h"
#include "controller/api/pod_at_node.h"
#include "controller/api/pod_ready.h"
#include "controller/manifest/local_volume.h"
#include "controller/reconcile/condition.h"
#include "controller/reconcile/volumes_plan.h"

#include <stdlib.h>

struct intake {
    struct api *api;
    intake_settled_fn *settled;
    void *ctx;
    struct map *jobs; /* key -> struct job: under way */
};

/* One write. Of what a node says about one thing only the newest waits while an older one is being
 * written, so that a node that talks fast uses no more memory than one that does not. */
struct job {
    struct intake *intake;
    void (*start)(struct job *job);
    char *key;
    char *name, *node;    /* of the Node object; its id */
    char *uid, *ns, *pod; /* of the pod */
    char *volume;         /* of the volume */
    struct value *status; /* to be written */
    struct value *labels;
    char *pod_cidr;
    bool gone;
    struct job *next; /* waits; not started */
};

static const struct api_user user = {.name = "system:limpet:link"};

static void job_free(void *p)
{
    struct job *job = p;
    if (!job)
        return;
    job_free(job->next);
    char *const strings[] = {job->key, job->name, job->node,   job->uid,
                             job->ns,  job->pod,  job->volume, job->pod_cidr};
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        free(strings[i]);
    value_free(job->status);
    value_free(job->labels);
    free(job);
}

static struct job *job_new(struct intake *intake, void (*start)(struct job *), const char *name,
                           const char *node)
{
    struct job *job = xcalloc(1, sizeof(*job));
    job->intake = intake;
    job->start = start;
    job->name = xstrdup(name);
    job->node = xstrdup(node);
    return job;
}

/* Takes key and job. */
static void job_submit(struct job *job, char *key)
{
    struct map *jobs = job->intake->jobs;
    job->key = key;
    struct job *running = map_get(jobs, key);
    if (running && !WEAKENED(INTAKE_NEWEST)) {
        job_free(running->next);
        running->next = job;
        return;
    }
    (void)map_put(jobs, key, job);
    job->start(job);
}

static void job_end(struct job *job)
{
    struct job *next = job->next;
    job->next = NULL;
    (void)map_del(job->intake->jobs, job->key);
    job_free(job);
    if (!next)
        return;
    (void)map_put(next->intake->jobs, next->key, next);
    next->start(next);
}

struct intake *intake_new(struct api *api, intake_settled_fn *settled, void *ctx)
{
    struct intake *intake = xcalloc(1, sizeof(*intake));
    intake->api = api;
    intake->settled = settled;
    intake->ctx = ctx;
    intake->jobs = map_new();
    return intake;
}

void intake_free(struct intake *intake)
{
    if (!intake)
        return;
    map_free(intake->jobs, job_free);
    free(intake);
}

/* Nodes. */

/* The labels a node may set of itself (NodeRestriction's list, as far as it is used). Pods are
 * bound to nodes by their host's name: none takes another's. */
static bool may_label(const char *key, const char *text, const char *name)
{
    static const char *const allowed[] = {"kubernetes.io/arch", "kubernetes.io/os"};
    if (str_eq(key, "kubernetes.io/hostname"))
        return str_eq(text, name) || WEAKENED(INTAKE_HOSTNAME);
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if (str_eq(allowed[i], key))
            return true;
    return false;
}

static bool set_node_labels(const struct job *job, struct value *node)
{
    struct value *labels = value_make_map(node, "metadata", "labels", NULL);
    bool changed = false;
    for (size_t i = 0; i < value_len(job->labels); i++) {
        const char *key = value_key_at(job->labels, i), *text = value_str(value_at(job->labels, i));
        if (!text || !may_label(key, text, job->name) || str_eq(value_get_str(labels, key), text))
            continue;
        value_set_str(labels, key, text);
        changed = true;
    }
    return changed;
}

/* What it is once told it stays, as in Kubernetes, whatever the node says later. */
static bool set_pod_cidr(const struct job *job, struct value *node)
{
    struct value *spec = value_make_map(node, "spec", NULL);
    bool told =
        value_len(value_get(spec, "podCIDRs")) > 0 || !str_empty(value_get_str(spec, "podCIDR"));
    if (job->pod_cidr && told && !str_eq(value_get_str(spec, "podCIDR"), job->pod_cidr))
        log_warn("a node's podCIDR stays as it was first told: node=%s told=%s", job->name,
                 job->pod_cidr);
    if (!job->pod_cidr || (told && !WEAKENED(INTAKE_CIDR)))
        return false;
    value_set_str(spec, "podCIDR", job->pod_cidr);
    value_append(value_set(spec, "podCIDRs", value_new_list()), value_new_str(job->pod_cidr));
    return true;
}

static int set_node_self(void *ctx, struct value *node)
{
    const struct job *job = ctx;
    bool labelled = set_node_labels(job, node);
    bool placed = set_pod_cidr(job, node);
    return labelled || placed ? 0 : 1;
}

/* Of conditions a node says only what it runs out of: whether it is ready, the gateway knows. Their
 * times are the gateway's: a node's clock may be wrong. */
static void take_conditions(const struct value *told, struct value *node, int64_t now_wall_ns)
{
    static const char *const types[] = {"MemoryPressure", "DiskPressure", "PIDPressure"};
    for (size_t i = 0; i < value_len(told); i++) {
        const struct value *item = value_at(told, i);
        const char *type = value_get_str(item, "type"), *status = value_get_str(item, "status");
        bool known = false;
        for (size_t t = 0; t < ARRAY_LEN(types); t++)
            known |= str_eq(types[t], type);
        if (known && (str_eq(status, "True") || str_eq(status, "False")))
            (void)condition_set(node,
                                &(struct condition){.type = type,
                                                    .status = status,
                                                    .reason = value_get_str(item, "reason"),
                                                    .message = value_get_str(item, "message")},
                                "lastHeartbeatTime", now_wall_ns);
    }
}

/* Of what the node says of itself only these are taken. */
static int set_node_status(void *ctx, struct value *node)
{
    static const char *const taken[] = {"capacity", "allocatable", "addresses",
                                        "nodeInfo", "features",    "runtimeHandlers"};
    const struct job *job = ctx;
    struct value *status = value_make_map(node, "status", NULL);
    cleanup(value_free) struct value *before = value_copy(status);
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        const struct value *item = value_get(job->status, taken[i]);
        if (item)
            value_set(status, taken[i], value_copy(item));
    }
    value_set_str(status, "id", job->node);
    take_conditions(value_get(job->status, "conditions"), node,
                    clock_wall(api_clock(job->intake->api)));
    return value_equal(before, status) ? 1 : 0;
}

static void node_written(void *ctx, const struct api_answer *answer)
{
    struct job *job = ctx;
    if (answer->code >= 400)
        log_warn("node not updated: node=%s code=%d reason=%s", job->node, answer->code,
                 log_quote(value_get_str(answer->object, "message")));
    job_end(job);
}

static void write_node_self(struct job *job)
{
    const struct api_ref ref = {&kind_node, "", job->name};
    api_patch_with(job->intake->api, &user, &ref, 0, set_node_self, node_written, job);
}

static void write_node_status(struct job *job)
{
    const struct api_ref ref = {&kind_node, "", job->name};
    api_patch_with(job->intake->api, &user, &ref, API_STATUS, set_node_status, node_written, job);
}

/* Volumes. */

static int forget_volume(void *ctx, struct value *volume)
{
    const struct job *job = ctx;
    if (!local_volume_is_removed(volume) ||
        (!str_eq(local_volume_node(volume), job->name) && !WEAKENED(INTAKE_VOLUME)))
        return 1;
    return volumes_release(volume, LOCAL_VOLUME_FINALIZER);
}

static void volume_written(void *ctx, const struct api_answer *answer)
{
    struct job *job = ctx;
    if (answer->code < 300 && !answer->unchanged)
        log_info("volume removed node=%s volume=%s", job->node, job->volume);
    else if (answer->code >= 400 && answer->code != 404)
        log_warn("volume not let go: node=%s volume=%s reason=%s", job->node, job->volume,
                 log_quote(value_get_str(answer->object, "message")));
    job_end(job);
}

static void write_volume(struct job *job)
{
    const struct api_ref ref = {&kind_persistent_volume, "", job->volume};
    api_patch_with(job->intake->api, &user, &ref, 0, forget_volume, volume_written, job);
}

/* A node says it until the volume is told to it no more: what is not so is not even queued. */
static void take_volume(struct intake *intake, const char *name, const char *node,
                        const char *volume)
{
    const struct api_ref ref = {&kind_persistent_volume, "", volume};
    const struct value *object = NULL;
    if (!volume || api_see(intake->api, &user, &ref, &object) != 0 ||
        !local_volume_is_removed(object))
        return;
    struct job *job = job_new(intake, write_volume, name, node);
    job->volume = xstrdup(volume);
    job_submit(job, xasprintf("%s volume %s", node, volume));
}

void intake_birth(struct intake *intake, const char *name, const char *node,
                  const struct birth *birth)
{
    if (birth->labels || *birth->pod_cidr) {
        struct job *job = job_new(intake, write_node_self, name, node);
        job->labels = birth->labels ? value_copy(birth->labels) : NULL;
        job->pod_cidr = *birth->pod_cidr ? xstrdup(birth->pod_cidr) : NULL;
        job_submit(job, xasprintf("%s self", node));
    }
    if (birth->status) {
        struct job *job = job_new(intake, write_node_status, name, node);
        job->status = value_copy(birth->status);
        job_submit(job, xasprintf("%s status", node));
    }
    for (size_t i = 0; i < value_len(birth->volumes_gone); i++)
        take_volume(intake, name, node, value_str(value_at(birth->volumes_gone, i)));
}

/* Pods. */

/* The pod must be bound to the node that reports it, and be the one that it means. */
static bool is_its_pod(const struct value *pod, const struct job *job)
{
    return pod_is_of_node(pod, job->name, job->uid);
}

static int set_pod_status(void *ctx, struct value *pod)
{
    const struct job *job = ctx;
    if (!is_its_pod(pod, job))
        return 1;
    const struct value *before = value_get(pod, "status");
    struct value *status = pod_ready_merge(before, job->status);
    bool same = before && value_equal(before, status);
    if (same)
        value_free(status);
    else
        value_set(pod, "status", status);
    return same;
}

static void settle(struct job *job, const struct api_answer *answer)
{
    /* 404, 409: the pod is not there (any more), or is another one of that name. */
    bool settled = answer->code < 300 || answer->code == 404 || answer->code == 409;
    if (!settled)
        log_warn("pod status not taken: node=%s uid=%s code=%d reason=%s", job->node, job->uid,
                 answer->code, log_quote(value_get_str(answer->object, "message")));
    if (settled && job->gone)
        job->intake->settled(job->intake->ctx, job->node, job->uid);
    job_end(job);
}

static void pod_written(void *ctx, const struct api_answer *answer)
{
    settle(ctx, answer);
}

/* The node has nothing of the pod any more: if it was to be deleted, or only showed what ran there,
 * it goes now. */
static void remove_pod(struct job *job, const struct api_ref *ref)
{
    struct intake *intake = job->intake;
    cleanup(value_free) struct value *pod = NULL;
    int rc = api_get(intake->api, &user, ref, &pod);
    bool its = rc == 0 && is_its_pod(pod, job);
    bool deleting = its && (value_path(pod, "metadata", "deletionTimestamp", NULL) != NULL ||
                            object_annotation(pod, POD_MIRROR));
    if (rc != 0 || deleting) {
        const struct api_delete_options options = {.grace_s = 0,
                                                   .uid = its ? object_uid(pod) : job->uid};
        api_delete(intake->api, &user, ref, &options, 0, pod_written, job);
        return;
    }
    /* One of that name that is not this pod, or not this node's: there is nothing left to do for
     * the report. Else it is gone for another reason: the pod stays, its node will run it again. */
    if (!its)
        intake->settled(intake->ctx, job->node, job->uid);
    job_end(job);
}

static void write_report(struct job *job)
{
    const struct api_ref ref = {&kind_pod, job->ns, job->pod};
    if (job->gone)
        remove_pod(job, &ref);
    else
        api_patch_with(job->intake->api, &user, &ref, API_STATUS, set_pod_status, pod_written, job);
}

void intake_report(struct intake *intake, const char *name, const char *node,
                   const struct report *report)
{
    const struct value *meta = value_get(report->pod, "metadata");
    const char *uid = value_get_str(meta, "uid");
    const struct api_ref ref = {&kind_pod, value_get_str(meta, "namespace"),
                                value_get_str(meta, "name")};
    cleanup(value_free) struct value *pod = NULL;
    /* Looked at before it is queued: writes of one pod wait for each other, and no node shall make
     * another wait. */
    if ((api_get(intake->api, &user, &ref, &pod) != 0 || !pod_is_of_node(pod, name, uid)) &&
        !WEAKENED(INTAKE_CROWD)) {
        if (report->gone)
            intake->settled(intake->ctx, node, uid);
        return;
    }
    struct job *job = job_new(intake, write_report, name, node);
    job->uid = xstrdup(uid);
    job->ns = xstrdup(ref.ns);
    job->pod = xstrdup(ref.name);
    job->status = value_copy(value_get(report->pod, "status"));
    job->gone = report->gone;
    job_submit(job, xasprintf("%s pod %s", node, job->uid));
}
