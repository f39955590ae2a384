#include "controller/api/pod_ready.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

static struct value *find(const struct value *status, const char *type)
{
    const struct value *list = value_get(status, "conditions");
    for (size_t i = 0; i < value_len(list); i++)
        if (str_eq(value_get_str(value_at(list, i), "type"), type))
            return value_at(list, i);
    return NULL;
}

static bool is_of_node(const char *type)
{
    static const char *const types[] = {
        "PodScheduled",
        "PodReadyToStartContainers",
        "Initialized",
        "ContainersReady",
        "Ready",
        "Paused",
        "PodResizePending",
        "PodResizeInProgress",
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(types[i], type))
            return true;
    return false;
}

struct value *pod_ready_merge(const struct value *before, const struct value *status)
{
    struct value *merged = value_copy(status);
    const struct value *list = value_get(before, "conditions");
    struct value *conditions = value_get(merged, "conditions");
    for (size_t i = 0; value_type(conditions) == VALUE_LIST && i < value_len(list); i++) {
        const struct value *condition = value_at(list, i);
        const char *type = value_get_str(condition, "type");
        if (!is_of_node(type) && !find(status, type) && !WEAKENED(POD_CONDITIONS_OF_OTHERS))
            value_append(conditions, value_copy(condition));
    }
    return merged;
}

/* In the kubelet's words, what keeps a pod from being ready whose containers are; "": nothing. Its
 * time: of the change that decided. */
static void judge_gates(const struct value *gates, const struct value *status, struct buf *ret,
                        const char **ret_time)
{
    for (size_t i = 0; i < value_len(gates); i++) {
        const char *type = value_get_str(value_at(gates, i), "conditionType");
        const struct value *condition = find(status, type);
        const char *is = value_get_str(condition, "status");
        const char *time = value_get_str(condition, "lastTransitionTime");
        if (time && (!*ret_time || strcmp(time, *ret_time) > 0)) /* in UTC, as text */
            *ret_time = time;
        if (str_eq(is, "True"))
            continue;
        (void)buf_addstr(ret, ret->len ? ", " : "");
        if (!condition)
            (void)buf_addf(
                ret, "corresponding condition of pod readiness gate \"%s\" does not exist.", type);
        else
            (void)buf_addf(ret, "the status of pod readiness gate \"%s\" is not \"True\", but %s",
                           type, is ? is : "");
    }
}

void pod_ready_keep(const struct value *stored, struct value *pod)
{
    const struct value *gates = value_path(pod, "spec", "readinessGates", NULL);
    struct value *status = value_get(pod, "status"), *ready = find(status, "Ready");
    const struct value *containers = find(status, "ContainersReady");
    (void)stored;
    if (value_len(gates) == 0 || !ready || !str_eq(value_get_str(containers, "status"), "True"))
        return;
    cleanup(buf_done) struct buf message;
    buf_init(&message, 0);
    const char *time = value_get_str(containers, "lastTransitionTime");
    judge_gates(gates, status, &message, &time);
    autofree char *since = time ? xstrdup(time) : NULL;
    bool held = message.len > 0;
    value_set_str(ready, "status", held ? "False" : "True");
    value_set_str(ready, "reason", held ? "ReadinessGatesNotReady" : NULL);
    value_set_str(ready, "message", held ? buf_str(&message) : NULL);
    value_set_str(ready, "lastTransitionTime", since);
}
