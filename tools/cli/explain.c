#include "tools/cli/explain.h"

#include "common/base/str.h"

static const struct value *condition(const struct value *object, const char *type)
{
    const struct value *list = value_path(object, "status", "conditions", NULL);
    for (size_t i = 0; i < value_len(list); i++)
        if (str_eq(value_get_str(value_at(list, i), "type"), type))
            return value_at(list, i);
    return NULL;
}

bool explain_condition(const struct value *object, const char *type, const char *want)
{
    const char *status = value_get_str(condition(object, type), "status");
    return status && strcasecmp(status, want ? want : "True") == 0;
}

bool explain_reason(const struct value *from, struct buf *ret)
{
    const char *reason = value_get_str(from, "reason"), *message = value_get_str(from, "message");
    if (str_empty(reason) && str_empty(message))
        return false;
    (void)buf_addf(ret, "%s%s%s", reason ? reason : "",
                   str_empty(reason) || str_empty(message) ? "" : ": ", message ? message : "");
    return true;
}

static void add_exit(const struct value *terminated, struct buf *ret)
{
    const char *reason = value_get_str(terminated, "reason");
    const char *message = value_get_str(terminated, "message");
    (void)buf_addf(ret, "%s, exit code %lld", str_empty(reason) ? "Error" : reason,
                   (long long)value_get_int(terminated, "exitCode", -1));
    if (!str_empty(message))
        (void)buf_addf(ret, ": %s", message);
}

void explain_container_state(const struct value *state, struct buf *ret)
{
    const struct value *waiting = value_get(state, "waiting");
    const struct value *running = value_get(state, "running");
    const struct value *terminated = value_get(state, "terminated");
    if (running) {
        const char *since = value_get_str(running, "startedAt");
        (void)buf_addf(ret, "running since %s", since ? since : "an unknown time");
    } else if (terminated) {
        (void)buf_addstr(ret, "terminated: ");
        add_exit(terminated, ret);
    } else {
        (void)buf_addstr(ret, "waiting");
        (void)buf_addstr(ret, waiting ? ": " : "");
        if (waiting && !explain_reason(waiting, ret))
            (void)buf_addstr(ret, "for a reason that is not known");
    }
}

/* Of the containers of one list, the first that holds the pod up. */
static bool add_container(const struct value *statuses, struct buf *ret)
{
    for (size_t i = 0; i < value_len(statuses); i++) {
        const struct value *status = value_at(statuses, i), *state = value_get(status, "state");
        const struct value *terminated = value_get(state, "terminated");
        const char *name = value_get_str(status, "name");
        bool done = terminated && value_get_int(terminated, "exitCode", -1) == 0;
        if (done || value_get_bool(status, "ready", false))
            continue;
        (void)buf_addf(ret, "%s: ", name ? name : "?");
        if (value_get(state, "running"))
            (void)buf_addstr(ret, "running, not ready yet");
        else if (terminated)
            add_exit(terminated, ret);
        else if (!explain_reason(value_get(state, "waiting"), ret))
            (void)buf_addstr(ret, "waiting");
        return true;
    }
    return false;
}

static void add_pod_reason(const struct value *pod, struct buf *ret)
{
    const struct value *status = value_get(pod, "status");
    const struct value *scheduled = condition(pod, "PodScheduled");
    const char *node = value_str(value_path(pod, "spec", "nodeName", NULL));
    if (value_path(pod, "metadata", "deletionTimestamp", NULL)) {
        (void)buf_addf(ret, "Terminating%s%s", str_empty(node) ? "" : ": its node is ",
                       node ? node : "");
        return;
    }
    if (str_empty(node)) {
        if (!explain_reason(scheduled, ret))
            (void)buf_addstr(ret, "Pending: no node is chosen yet");
        return;
    }
    if (add_container(value_get(status, "initContainerStatuses"), ret) ||
        add_container(value_get(status, "containerStatuses"), ret) || explain_reason(status, ret))
        return;
    const char *phase = value_get_str(status, "phase");
    (void)buf_addf(ret, "%s on %s", str_empty(phase) ? "Pending" : phase, node);
}

static enum explain_state pod_line(const struct value *pod, struct buf *ret)
{
    const char *phase = value_str(value_path(pod, "status", "phase", NULL));
    bool leaving = value_path(pod, "metadata", "deletionTimestamp", NULL) != NULL;
    if (!leaving && (explain_condition(pod, "Ready", NULL) || str_eq(phase, "Succeeded")))
        return EXPLAIN_READY;
    add_pod_reason(pod, ret);
    return str_eq(phase, "Failed") ? EXPLAIN_FAILED : EXPLAIN_NOT_YET;
}

enum explain_state explain_line(const struct value *object, struct buf *ret)
{
    if (str_eq(value_get_str(object, "kind"), "Pod"))
        return pod_line(object, ret);
    if (value_path(object, "metadata", "deletionTimestamp", NULL)) {
        (void)buf_addstr(ret, "Terminating");
        return EXPLAIN_NOT_YET;
    }
    static const char *const types[] = {"Ready", "Available"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        const struct value *found = condition(object, types[i]);
        if (!found)
            continue;
        if (explain_condition(object, types[i], NULL))
            return EXPLAIN_READY;
        if (!explain_reason(found, ret))
            (void)buf_addf(ret, "not %s", types[i]);
        return EXPLAIN_NOT_YET;
    }
    if (str_eq(value_get_str(object, "kind"), "Node")) {
        (void)buf_addstr(ret, "the node has not reported yet");
        return EXPLAIN_NOT_YET;
    }
    return EXPLAIN_READY;
}

static void explain_containers(const char *what, const struct value *statuses, struct buf *ret)
{
    for (size_t i = 0; i < value_len(statuses); i++) {
        const struct value *status = value_at(statuses, i), *last = value_get(status, "lastState");
        const char *name = value_get_str(status, "name");
        (void)buf_addf(ret, "%s %s: ", what, name ? name : "?");
        explain_container_state(value_get(status, "state"), ret);
        int64_t restarts = value_get_int(status, "restartCount", 0);
        if (restarts > 0)
            (void)buf_addf(ret, "; restarted %lld times", (long long)restarts);
        if (value_get(last, "terminated")) {
            (void)buf_addstr(ret, "; before that ");
            add_exit(value_get(last, "terminated"), ret);
        }
        (void)buf_addc(ret, '\n');
    }
}

static void say_node(const char *name, const struct value *node, struct buf *ret)
{
    if (!node) {
        (void)buf_addf(ret, "node %s: nothing is known of it\n", name);
        return;
    }
    const struct value *ready = condition(node, "Ready");
    if (str_eq(value_get_str(ready, "status"), "True")) {
        (void)buf_addf(ret, "node %s: Ready\n", name);
        return;
    }
    (void)buf_addf(ret, "node %s: NotReady: ", name);
    if (!explain_reason(ready, ret))
        (void)buf_addstr(ret, "it has not reported yet");
    (void)buf_addstr(ret, "; what is known of the pod is from before\n");
}

void explain_pod(const struct value *pod, const struct value *node, struct buf *ret)
{
    const struct value *status = value_get(pod, "status");
    const struct value *meta = value_get(pod, "metadata");
    const char *name = value_str(value_path(pod, "spec", "nodeName", NULL));
    const char *phase = value_get_str(status, "phase"), *ns = value_get_str(meta, "namespace");
    const char *leaving = value_get_str(meta, "deletionTimestamp");
    (void)buf_addf(ret, "pod %s/%s: %s\n", ns ? ns : "default", value_get_str(meta, "name"),
                   phase ? phase : "Pending");
    if (leaving)
        (void)buf_addf(ret, "it is being deleted (since %s)\n", leaving);
    if (str_empty(name)) {
        (void)buf_addstr(ret, "no node: ");
        if (!explain_reason(condition(pod, "PodScheduled"), ret))
            (void)buf_addstr(ret, "none is chosen yet");
        (void)buf_addc(ret, '\n');
        return;
    }
    say_node(name, node, ret);
    if (value_get(status, "reason") || value_get(status, "message")) {
        explain_reason(status, ret);
        (void)buf_addc(ret, '\n');
    }
    const struct value *containers = value_get(status, "containerStatuses");
    explain_containers("init container", value_get(status, "initContainerStatuses"), ret);
    explain_containers("container", containers, ret);
    if (value_len(containers) == 0)
        (void)buf_addstr(ret, "the node has said nothing of it yet\n");
}
