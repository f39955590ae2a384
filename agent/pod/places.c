/* Where the things of a pod lie, and their end. */

#include "agent/pod/internal.h"

#include "agent/pod/folder.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"

char *agent_state_dir(const struct agent *agent, const char *uid)
{
    return xasprintf("%s/pods/%s", agent->spec.state_dir, uid);
}

char *agent_run_dir(const struct agent *agent, const char *uid)
{
    return xasprintf("%s/pods/%s", agent->spec.run_dir, uid);
}

char *agent_volume_dir(const struct agent *agent, const char *uid)
{
    return xasprintf("%s/volumes/%s", agent->spec.run_dir, uid);
}

char *agent_status_file(const struct agent *agent, const char *uid)
{
    return xasprintf("%s/status/%s.json", agent->spec.run_dir, uid);
}

const char *agent_pod_ip(const struct pod_record *record)
{
    if (record->spec && record->spec->host_network)
        return record->agent->spec.host_ip;
    return record->address.address;
}

static char *log_dir_of(const struct agent *agent, const char *uid, const char *ns,
                        const char *name)
{
    autofree char *folder = folder_of_logs(ns, name, uid);
    return xasprintf("%s/%s", agent->spec.log_dir, folder);
}

char *agent_pod_cgroup(const struct agent *agent, const char *uid)
{
    return xasprintf("%s/pod%s", agent->spec.cgroup_root, uid);
}

char *agent_log_dir(const struct agent *agent, const struct pod_record *record)
{
    return log_dir_of(agent, record->uid, record->ns, record->name);
}

char *agent_log_file(const struct agent *agent, const struct pod_record *record,
                     const char *container)
{
    autofree char *dir = agent_log_dir(agent, record);
    return xasprintf("%s/%s.log", dir, container);
}

void agent_sweep_pod(const struct agent *agent, const char *uid, const char *ns, const char *name)
{
    autofree char *state = agent_state_dir(agent, uid);
    autofree char *run = agent_run_dir(agent, uid);
    autofree char *volumes = agent_volume_dir(agent, uid);
    autofree char *logs = name ? log_dir_of(agent, uid, ns, name) : NULL;
    const char *const dirs[] = {state, run, volumes, logs};
    for (size_t i = 0; i < ARRAY_LEN(dirs) && dirs[i]; i++) {
        struct err err = {0};
        if (agent->world.disk->remove_tree(agent->world.disk, dirs[i], &err) == 0)
            continue;
        log_warn("folder of a pod that is gone stays: pod=%s/%s error=%s", ns ? ns : "?",
                 name ? name : "?", log_quote(err.msg));
        return; /* the logs too: their name tells whose the rest is when it is swept again */
    }
}
