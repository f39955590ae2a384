/* core/v1 Pod. */

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "common/kinds/pod_mirror.h"
#include "common/kinds/pod_summary.h"
#include "common/kinds/types.h"
#include "common/schema/cell.h"

#include <stdio.h>

#define UPDATE static __attribute__((unused)) /* and of columns, only for the gateway */
#define AT_MIRROR "metadata.annotations[" POD_MIRROR "]"

UPDATE const char *mirror_of(const struct value *pod)
{
    return value_str(value_path(pod, "metadata", "annotations", POD_MIRROR, NULL));
}

UPDATE void check_mirror(const struct value *pod, struct schema_walk *walk)
{
    const char *mirror = mirror_of(pod);
    if (mirror && str_empty(value_str(value_path(pod, "spec", "nodeName", NULL))))
        schema_mistake(walk, pod, AT_MIRROR, CAUSE_INVALID,
                       "\"%.64s\": must set spec.nodeName if mirror pod annotation is set", mirror);
}

static void check_pod(const struct value *pod, struct schema_walk *walk)
{
    void (*const more)(const struct value *, struct schema_walk *) = GATEWAY_ONLY(check_mirror);
    pod_check_mounts(pod, "", NULL, walk);
    if (more)
        more(pod, walk);
}

static const struct schema_type type_pod = {
    .name = "Pod",
    .check = check_pod,
    DOC("Containers that run together on one node."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "spec", OBJECT(type_pod_spec), REQUIRED, DOC("What it is to be.")),
           F(3, "status", GATEWAY_OBJECT(type_pod_status), DOC("What its node tells of it."))),
};

/* ---- updates: only the gateway takes any ---- */

static const char *const container_lists[] = {"containers", "initContainers"};

/* An update may change images, deadlines, tolerations and gates of a pod (as far as the functions
 * below let it), and name its node once. */
UPDATE struct value *without_mutable(const struct value *object)
{
    static const char *const keys[] = {"activeDeadlineSeconds", "tolerations", "schedulingGates"};
    struct value *spec = value_copy(value_get(object, "spec"));
    for (size_t i = 0; i < ARRAY_LEN(container_lists); i++) {
        struct value *list = value_get(spec, container_lists[i]);
        for (size_t n = 0; n < value_len(list); n++)
            value_set_str(value_at(list, n), "image", "");
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        value_del(spec, keys[i]);
    return spec;
}

/* Both lists are bounded by what a pod may hold. */
UPDATE bool stays(const struct value *toleration, const struct value *list)
{
    cleanup(value_free) struct value *old = value_copy(toleration);
    value_del(old, "tolerationSeconds");
    for (size_t i = 0; i < value_len(list); i++) {
        cleanup(value_free) struct value *other = value_copy(value_at(list, i));
        value_del(other, "tolerationSeconds");
        if (value_equal(old, other))
            return true;
    }
    return false;
}

UPDATE void check_tolerations(const struct value *was, const struct value *is,
                              struct schema_walk *walk)
{
    const struct value *old = value_get(was, "tolerations"), *new = value_get(is, "tolerations");
    if (value_equal(old, new))
        return;
    for (size_t i = 0; i < value_len(old); i++) {
        if (stays(value_at(old, i), new) || WEAKENED(POD_TOLERATIONS))
            continue;
        schema_mistake(walk, new, "spec.tolerations", CAUSE_FORBIDDEN,
                       "existing toleration can not be modified except its tolerationSeconds");
        return;
    }
}

UPDATE bool has_gate(const struct value *gates, const char *name)
{
    for (size_t i = 0; i < value_len(gates); i++)
        if (str_eq(value_get_str(value_at(gates, i), "name"), name))
            return true;
    return false;
}

UPDATE void check_gates(const struct value *was, const struct value *is, struct schema_walk *walk)
{
    const struct value *gates = value_get(is, "schedulingGates");
    for (size_t i = 0; i < value_len(gates); i++) {
        const char *name = value_get_str(value_at(gates, i), "name");
        if (has_gate(value_get(was, "schedulingGates"), name))
            continue;
        char sub[64];
        snprintf(sub, sizeof(sub), "spec.schedulingGates[%zu].name", i);
        schema_mistake(walk, value_at(gates, i), sub, CAUSE_FORBIDDEN,
                       "only deletion is allowed, but found new scheduling gate '%.63s'",
                       name ? name : "");
    }
}

UPDATE void check_deadline(const struct value *was, const struct value *is,
                           struct schema_walk *walk)
{
    const char *const key = "activeDeadlineSeconds";
    int64_t old = value_get_int(was, key, 0), new = value_get_int(is, key, 0);
    if (old > 0 && new == 0)
        schema_mistake(walk, is, "spec.activeDeadlineSeconds", CAUSE_INVALID,
                       "must not update from a positive integer to nil value");
    else if (old > 0 && new > old)
        schema_mistake(walk, value_get(is, key), "spec.activeDeadlineSeconds", CAUSE_INVALID,
                       "%lld: must be less than or equal to previous value", (long long)new);
}

/* Whether there are as many as before. */
UPDATE bool check_counts(const struct value *was, const struct value *is, struct schema_walk *walk)
{
    bool same = true;
    for (size_t i = 0; i < ARRAY_LEN(container_lists); i++) {
        const struct value *list = value_get(is, container_lists[i]);
        char sub[32];
        snprintf(sub, sizeof(sub), "spec.%s", container_lists[i]);
        if (value_len(list) == value_len(value_get(was, container_lists[i])))
            continue;
        schema_mistake(walk, list, sub, CAUSE_FORBIDDEN,
                       "pod updates may not add or remove containers");
        same = false;
    }
    return same;
}

UPDATE void check_fixed(const struct value *old, const struct value *object,
                        struct schema_walk *walk)
{
    cleanup(value_free) struct value *was = without_mutable(old);
    cleanup(value_free) struct value *is = without_mutable(object);
    cleanup(buf_done) struct buf before = {0};
    cleanup(buf_done) struct buf after = {0};
    if (str_empty(value_get_str(was, "nodeName")) && !str_empty(value_get_str(is, "nodeName")))
        value_set_str(was, "nodeName", value_get_str(is, "nodeName"));
    (void)schema_canonical(&type_pod_spec, was, &before); /* neither has a cap */
    (void)schema_canonical(&type_pod_spec, is, &after);
    if (strcmp(buf_str(&before), buf_str(&after)) != 0 && !WEAKENED(POD_UPDATE))
        schema_mistake(walk, value_get(object, "spec"), "spec", CAUSE_FORBIDDEN,
                       "pod updates may not change fields other than `spec.containers[*].image`,"
                       "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
                       "`spec.tolerations` (only additions to existing tolerations),"
                       "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
                       "previously negative)");
}

/* One pod is not made into the other. */
UPDATE void check_still_mirror(const struct value *old, const struct value *object,
                               struct schema_walk *walk)
{
    const char *was = mirror_of(old), *is = mirror_of(object);
    if ((was || is) && !str_eq(was, is) && !WEAKENED(POD_MIRROR_STAYS))
        schema_mistake(walk, object, AT_MIRROR, CAUSE_FORBIDDEN,
                       was ? "may not remove or update mirror pod annotation"
                           : "may not add mirror pod annotation");
}

UPDATE void check_update(const struct value *old, const struct value *object,
                         struct schema_walk *walk)
{
    const struct value *was = value_get(old, "spec"), *is = value_get(object, "spec");
    check_still_mirror(old, object, walk);
    if (!check_counts(was, is, walk))
        return;
    check_deadline(was, is, walk);
    check_tolerations(was, is, walk);
    check_gates(was, is, walk);
    check_fixed(old, object, walk);
}

UPDATE bool is_sidecar(const struct value *container)
{
    return str_eq(value_get_str(container, "restartPolicy"), "Always");
}

UPDATE const struct value *init_status(const struct value *object, const struct value *container)
{
    const struct value *statuses = value_path(object, "status", "initContainerStatuses", NULL);
    for (size_t i = 0; i < value_len(statuses); i++)
        if (str_eq(value_get_str(value_at(statuses, i), "name"), value_get_str(container, "name")))
            return value_at(statuses, i);
    return NULL;
}

/* Sidecars count as containers do. */
CELL(cell_ready)
{
    (void)now_wall_ns;
    const struct value *statuses = value_path(object, "status", "containerStatuses", NULL);
    const struct value *inits = value_path(object, "spec", "initContainers", NULL);
    size_t ready = 0, count = value_len(value_path(object, "spec", "containers", NULL));
    for (size_t i = 0; i < value_len(statuses); i++)
        ready += value_get_bool(value_at(statuses, i), "ready", false);
    for (size_t i = 0; i < value_len(inits); i++) {
        const struct value *container = value_at(inits, i);
        count += is_sidecar(container);
        ready +=
            is_sidecar(container) && value_get_bool(init_status(object, container), "ready", false);
    }
    buf_addf(ret, "%zu/%zu", ready, count);
}

struct restarts {
    int64_t count;
    const char *last; /* the end of the latest attempt before the one that runs */
};

UPDATE void add_restarts(struct restarts *restarts, const struct value *status)
{
    const char *end = value_str(value_path(status, "lastState", "terminated", "finishedAt", NULL));
    restarts->count += value_get_int(status, "restartCount", 0);
    if (end && (!restarts->last || strcmp(end, restarts->last) > 0))
        restarts->last = end; /* RFC 3339 in UTC sorts as text */
}

/* Of its init containers as long as it is at them, of its containers after that; of sidecars
 * always. */
CELL(cell_restarts)
{
    const struct value *statuses = value_path(object, "status", "containerStatuses", NULL);
    const struct value *inits = value_path(object, "spec", "initContainers", NULL);
    bool initializing = pod_is_initializing(object);
    struct restarts restarts = {.count = 0};
    for (size_t i = 0; i < value_len(inits); i++)
        if (initializing || is_sidecar(value_at(inits, i)))
            add_restarts(&restarts, init_status(object, value_at(inits, i)));
    for (size_t i = 0; !initializing && i < value_len(statuses); i++)
        add_restarts(&restarts, value_at(statuses, i));
    buf_addf(ret, "%lld", (long long)restarts.count);
    if (restarts.count == 0 || !restarts.last)
        return;
    buf_addstr(ret, " (");
    cell_age(restarts.last, now_wall_ns, ret);
    buf_addstr(ret, " ago)");
}

CELL(cell_status)
{
    (void)now_wall_ns;
    pod_summary(object, ret);
}

CELL(cell_readiness_gates)
{
    (void)now_wall_ns;
    const struct value *gates = value_path(object, "spec", "readinessGates", NULL);
    const struct value *conditions = value_path(object, "status", "conditions", NULL);
    size_t met = 0;
    for (size_t i = 0; i < value_len(gates); i++)
        for (size_t n = 0; n < value_len(conditions); n++)
            met += str_eq(value_get_str(value_at(conditions, n), "status"), "True") &&
                   str_eq(value_get_str(value_at(conditions, n), "type"),
                          value_get_str(value_at(gates, i), "conditionType"));
    if (value_len(gates) > 0)
        buf_addf(ret, "%zu/%zu", met, value_len(gates));
    else
        buf_addstr(ret, "<none>");
}

const struct schema_kind kind_pod = {
    .version = "v1",
    .group = "",
    .kind = "Pod",
    .plural = "pods",
    .singular = "pod",
    .short_names = NAMES("po"),
    .namespaced = true,
    .flags = SCHEMA_KIND_STATUS,
    .type = &type_pod,
    .name = format_dns1123_subdomain,
    .check_update = GATEWAY_ONLY(check_update),
    PROTO("k8s.io.api.core.v1.Pod"),
    CATEGORIES("all"),
    COLUMNS(
        {"Name", "string", .path = "metadata.name"}, {"Ready", "string", .cell = cell_ready},
        {"Status", "string", .cell = cell_status}, {"Restarts", "string", .cell = cell_restarts},
        {"Age", "date", .path = "metadata.creationTimestamp"},
        {"IP", "string", 1, .path = "status.podIP"}, {"Node", "string", 1, .path = "spec.nodeName"},
        {"Nominated Node", "string", 1, .path = "status.nominatedNodeName"},
        {"Readiness Gates", "string", 1, .cell = cell_readiness_gates}),
    SELECTABLE({"spec.nodeName"}, {"spec.restartPolicy"}, {"spec.schedulerName"},
               {"spec.serviceAccountName"}, {"spec.hostNetwork", .none = "false"}, {"status.phase"},
               {"status.podIP"}, {"status.nominatedNodeName"}),
};
