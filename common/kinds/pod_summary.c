#include "common/kinds/pod_summary.h"

#include "common/base/str.h"

/* Of "25%" at the beginning of a text. */
static size_t percent_len(const char *message)
{
    size_t digits = message ? strspn(message, "0123456789") : 0;
    return digits > 0 && digits <= 3 && message[digits] == '%' ? digits + 1 : 0;
}

/* Why a container does not run: "CrashLoopBackOff", "Completed", "ExitCode:3"; false if it runs. */
static bool reason_of(const struct value *status, struct buf *ret)
{
    const struct value *waiting = value_path(status, "state", "waiting", NULL);
    const struct value *terminated = value_path(status, "state", "terminated", NULL);
    const char *reason = value_get_str(waiting ? waiting : terminated, "reason");
    const char *message = value_get_str(waiting, "message");
    size_t percent = str_eq(reason, "Pulling") ? percent_len(message) : 0;
    if (percent > 0)
        buf_addf(ret, "%s:%.*s", reason, (int)percent, message);
    else if (!str_empty(reason))
        buf_addstr(ret, reason);
    else if (terminated && value_get_int(terminated, "signal", 0))
        buf_addf(ret, "Signal:%lld", (long long)value_get_int(terminated, "signal", 0));
    else if (terminated)
        buf_addf(ret, "ExitCode:%lld", (long long)value_get_int(terminated, "exitCode", 0));
    return ret->len > 0;
}

static bool is_initialized(const struct value *object)
{
    const struct value *conditions = value_path(object, "status", "conditions", NULL);
    for (size_t i = 0; i < value_len(conditions); i++)
        if (str_eq(value_get_str(value_at(conditions, i), "type"), "Initialized"))
            return str_eq(value_get_str(value_at(conditions, i), "status"), "True");
    return false;
}

/* "Init:1/3", "Init:CrashLoopBackOff": the first init container that is not done; false if all are.
 */
static bool init_status(const struct value *object, struct buf *ret)
{
    const struct value *statuses = value_path(object, "status", "initContainerStatuses", NULL);
    for (size_t i = 0; i < value_len(statuses) && !is_initialized(object); i++) {
        const struct value *status = value_at(statuses, i);
        const struct value *terminated = value_path(status, "state", "terminated", NULL);
        if ((terminated && value_get_int(terminated, "exitCode", -1) == 0) ||
            value_get_bool(status, "started", false))
            continue;
        cleanup(buf_done) struct buf reason = {0};
        if (reason_of(status, &reason) && strcmp(buf_str(&reason), "PodInitializing") != 0)
            buf_addf(ret, "Init:%s", buf_str(&reason));
        else
            buf_addf(ret, "Init:%zu/%zu", i, value_len(statuses));
        return true;
    }
    return false;
}

bool pod_is_initializing(const struct value *object)
{
    cleanup(buf_done) struct buf status = {0};
    return init_status(object, &status);
}

void pod_summary(const struct value *object, struct buf *ret)
{
    const struct value *status = value_get(object, "status");
    const struct value *containers = value_get(status, "containerStatuses");
    const char *reason = value_get_str(status, "reason"), *phase = value_get_str(status, "phase");
    if (value_str(value_path(object, "metadata", "deletionTimestamp", NULL))) {
        buf_addstr(ret, str_eq(reason, "NodeLost") ? "Unknown" : "Terminating");
        return;
    }
    if (!str_empty(reason)) {
        buf_addstr(ret, reason);
        return;
    }
    if (init_status(object, ret))
        return;
    cleanup(buf_done) struct buf why = {0};
    bool running = false;
    for (size_t i = value_len(containers); i-- > 0;) { /* the first one's reason wins */
        cleanup(buf_done) struct buf of_this = {0};
        const struct value *container = value_at(containers, i);
        if (reason_of(container, &of_this)) {
            buf_drop(&why, why.len);
            buf_addstr(&why, buf_str(&of_this));
        }
        running |= value_path(container, "state", "running", NULL) != NULL;
    }
    if (running && strcmp(buf_str(&why), "Completed") == 0)
        buf_drop(&why, why.len);
    buf_addstr(ret, why.len ? buf_str(&why) : str_empty(phase) ? "Pending" : phase);
}
