#include "agent/pod/lone.h"

#include "agent/pod/containers.h"
#include "agent/pod/status.h"
#include "agent/pod/why.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#define DIED "its keeper died, and no agent is there to start it anew"

static const struct value *written_containers(const struct lone *lone)
{
    return value_path(lone->written, "status", "containerStatuses", NULL);
}

/* A keeper that died takes its count with it; people want to see it. */
static void keep_restarts(const struct lone *lone, struct value *status)
{
    const struct value *before = written_containers(lone);
    struct value *now = value_get(status, "containerStatuses");
    for (size_t i = 0; !lone->report && i < value_len(now); i++)
        value_set_int(value_at(now, i), "restartCount",
                      value_get_int(value_at(before, i), "restartCount", 0));
}

static size_t count_containers(const struct lone *lone)
{
    size_t count = lone->report ? lone->report->container_count : 0;
    const struct value *before = value_get(lone->written, "status");
    for (size_t k = 0; k < CONTAINER_KINDS; k++)
        count += value_len(value_get(before, container_kinds[k].statuses));
    return count;
}

static struct value *status_of(const struct lone *lone)
{
    const struct value *before = value_get(lone->written, "status");
    size_t count = count_containers(lone);
    autofree struct pod_container_facts *facts = xcalloc(count ? count : 1, sizeof(*facts));
    for (size_t i = 0; i < count && !lone->report; i++)
        facts[i] =
            (struct pod_container_facts){.waiting_reason = "KeeperDied", .waiting_message = DIED};
    const char *ip = value_get_str(before, "podIP"), *host_ip = value_get_str(before, "hostIP");
    struct value *status = pod_status(&(struct pod_facts){.report = lone->report,
                                                          .containers = facts,
                                                          .container_count = count,
                                                          .pod_ip = ip,
                                                          .host_ip = host_ip,
                                                          .now_wall_ns = lone->wall_ns,
                                                          .previous = before});
    value_set_str(status, "startTime", value_get_str(before, "startTime"));
    keep_restarts(lone, status);
    return status;
}

static void say_report(const struct lone *lone, struct buf *ret)
{
    const struct keeper_report *report = lone->report;
    if (report->state == KEEPER_SANDBOX)
        (void)buf_addstr(ret, "its sandbox waits for the agent, which does not run\n");
    if (report->state == KEEPER_STOPPING)
        (void)buf_addstr(ret, "it is being stopped\n");
    for (size_t i = 0; i < report->container_count; i++)
        why_container(&report->containers[i], lone->boot_ns, ret);
    if (ret->len == 0)
        (void)buf_addstr(ret, "it runs\n");
}

/* Only a keeper makes a pod Running. */
static bool had_keeper(const struct lone *lone)
{
    return str_eq(value_str(value_path(lone->written, "status", "phase", NULL)), "Running");
}

static void say_written(const struct lone *lone, bool pending, struct buf *ret)
{
    const char *why = value_get_str(lone->written, "why");
    (void)buf_addstr(ret, why ? why : "");
    if (lone->silent)
        (void)buf_addstr(ret,
                         "its keeper lives but does not answer: this is what was known last\n");
    else if (pending)
        (void)buf_addstr(ret, "no agent runs: nothing is tried until one does\n");
}

static struct value *identity_of(const struct keeper_report *report)
{
    struct value *pod = value_new_map();
    value_set_str(pod, "apiVersion", "v1");
    value_set_str(pod, "kind", "Pod");
    struct value *meta = value_set(pod, "metadata", value_new_map());
    value_set_str(meta, "name", report->pod_name);
    value_set_str(meta, "namespace", report->pod_ns);
    value_set_str(meta, "uid", report->pod_uid);
    return pod;
}

struct value *lone_pod(const struct lone *lone)
{
    struct value *pod = lone->written ? value_copy(lone->written) : identity_of(lone->report);
    bool died = !lone->report && !lone->silent && had_keeper(lone);
    cleanup(buf_done) struct buf why;
    buf_init(&why, 0);
    if (lone->report || died)
        value_set(pod, "status", status_of(lone));
    if (lone->report)
        say_report(lone, &why);
    else if (died)
        (void)buf_addstr(&why, DIED "\n");
    else
        say_written(lone, str_eq(value_str(value_path(pod, "status", "phase", NULL)), "Pending"),
                    &why);
    value_set_str(pod, "why", buf_str(&why));
    return pod;
}
