/* core/v1 Pod. */

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "common/kinds/pod_summary.h"
#include "common/kinds/types.h"
#include "common/schema/cell.h"

static void check_pod(const struct value *pod, struct schema_walk *walk)
{
    pod_check_mounts(pod, "", NULL, walk);
}

static const struct schema_type type_pod = {
    .name = "Pod",
    .check = check_pod,
    DOC("Containers that run together on one node."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "spec", OBJECT(type_pod_spec), REQUIRED, DOC("What it is to be.")),
           F(3, "status", GATEWAY_OBJECT(type_pod_status), DOC("What its node tells of it."))),
};

/* An update may change images, deadlines, tolerations and gates of a pod, and name its node once.
 */
static struct value *without_mutable(const struct value *object)
{
    static const char *const lists[] = {"containers", "initContainers"};
    static const char *const keys[] = {"activeDeadlineSeconds", "tolerations", "schedulingGates",
                                       "terminationGracePeriodSeconds"};
    struct value *spec = value_copy(value_get(object, "spec"));
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (size_t n = 0; n < value_len(value_get(spec, lists[i])); n++)
            value_set_str(value_at(value_get(spec, lists[i]), n), "image", "");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        value_del(spec, keys[i]);
    return spec;
}

static void check_update(const struct value *old, const struct value *object,
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
                       "pod updates may not change fields other than `spec.containers[*].image`, "
                       "`spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, "
                       "`spec.tolerations`, `spec.schedulingGates`, "
                       "`spec.terminationGracePeriodSeconds`");
}

/* The statuses that stand for the pod's containers: those of the containers, and of sidecars. */
CELL(cell_ready)
{
    (void)now_wall_ns;
    const struct value *statuses = value_path(object, "status", "containerStatuses", NULL);
    size_t ready = 0;
    for (size_t i = 0; i < value_len(statuses); i++)
        ready += value_get_bool(value_at(statuses, i), "ready", false);
    buf_addf(ret, "%zu/%zu", ready, value_len(value_path(object, "spec", "containers", NULL)));
}

CELL(cell_restarts)
{
    const struct value *statuses = value_path(object, "status", "containerStatuses", NULL);
    const char *last = NULL;
    int64_t count = 0;
    for (size_t i = 0; i < value_len(statuses); i++) {
        const struct value *status = value_at(statuses, i);
        const char *end =
            value_str(value_path(status, "lastState", "terminated", "finishedAt", NULL));
        count += value_get_int(status, "restartCount", 0);
        if (end && (!last || strcmp(end, last) > 0)) /* RFC 3339 in UTC sorts as text */
            last = end;
    }
    buf_addf(ret, "%lld", (long long)count);
    if (count == 0 || !last)
        return;
    buf_addstr(ret, " (");
    cell_age(last, now_wall_ns, ret);
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
    .check_update = check_update,
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
