/* Into pods that run: other programs in their containers, their network. */

#include "agent/net/netns.h"
#include "agent/pod/internal.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <unistd.h>

static struct pod_record *find(const struct agent *agent, const struct agent_target *target)
{
    void *p;
    for (size_t i = 0; map_next(agent->records, &i, NULL, &p);) {
        struct pod_record *record = p;
        if (str_eq(record->ns, target->ns) && str_eq(record->name, target->name) &&
            record->report && (str_empty(target->uid) || str_eq(record->uid, target->uid)))
            return record;
    }
    return NULL;
}

static int need(const struct agent *agent, const struct agent_target *target,
                struct pod_record **ret, struct err *err)
{
    *ret = find(agent, target);
    if (*ret)
        return 0;
    return err_set(err, -ENOENT, "pod %s/%s is not running on this node", target->ns, target->name);
}

static const char *container_of_pod(const struct keeper_report *report, const char *name)
{
    size_t mains = 0;
    for (size_t i = 0; i < report->container_count; i++)
        mains += report->containers[i].role == LAUNCH_MAIN;
    for (size_t i = 0; i < report->container_count; i++) {
        const struct keeper_container *container = &report->containers[i];
        bool meant = str_empty(name) ? mains == 1 && container->role == LAUNCH_MAIN
                                     : str_eq(container->name, name);
        if (meant && container->pid > 0)
            return container->name;
    }
    return NULL;
}

struct asking {
    struct keepers *keepers;
    const char *uid;
};

static int ask(void *ctx, const void *request, size_t len, const int *fds, size_t count,
               struct err *err)
{
    const struct asking *asking = ctx;
    return asking->keepers->exec(asking->keepers, asking->uid, request, len, fds, count, err);
}

int agent_exec(struct agent *agent, const struct agent_target *target, struct exec_request *request,
               struct exec_client_spec *spec, struct exec_client **ret, struct err *err)
{
    struct pod_record *record;
    int r = need(agent, target, &record, err);
    if (r < 0)
        return r;
    if (record->paused)
        return err_set(err, -EINVAL, "pod %s is paused: resume it first", target->name);
    request->container = container_of_pod(record->report, target->container);
    if (!request->container) /* the kubelet's words */
        return err_set(err, -ENOENT, "container not found (\"%s\")",
                       target->container ? target->container : "");
    struct asking asking = {agent->world.keepers, record->uid};
    spec->loop = agent->world.loop;
    spec->request = request;
    spec->ask = ask;
    spec->ask_ctx = &asking;
    return exec_client_new(spec, ret, err);
}

int agent_socket(struct agent *agent, const struct agent_target *target, int family, int *ret_fd,
                 struct err *err)
{
    struct pod_record *record;
    int netns = -1;
    int r = need(agent, target, &record, err);
    if (r == 0)
        r = agent->world.keepers->netns(agent->world.keepers, record->uid, &netns, err);
    if (r < 0)
        return r;
    r = netns_socket(netns, family, ret_fd, err);
    close(netns);
    return r;
}
