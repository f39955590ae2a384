#include "agent/keeper/resize.h"

#include "agent/keeper/sizing.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdio.h>

/* Each group's twice at most: the pod's grows and shrinks. */
#define WRITES_MAX (2 * (LAUNCH_MAX_CONTAINERS + 1))

static char *group_of(const struct sandbox *sandbox, size_t i)
{
    return i == SIZING_POD ? xstrdup(sandbox->plan->cgroup) : sandbox_container_cgroup(sandbox, i);
}

static int64_t bytes_of(const struct sandbox *sandbox, size_t i)
{
    struct cgroup_usage usage;
    autofree char *group = group_of(sandbox, i);
    cgroup_usage(&sandbox->cgroups, group, &usage);
    return usage.memory_bytes;
}

static bool is_settled(const struct launch_plan *plan, const struct keeper_report *report)
{
    struct keeper_size want = sizing_of_pod(plan);
    bool settled = keeper_size_equal(&want, &report->size);
    for (size_t i = 0; i < report->container_count && settled; i++) {
        want = sizing_of(&plan->containers[i]);
        settled = keeper_size_equal(&want, &report->containers[i].size);
    }
    return settled;
}

static int write_size(const struct sandbox *sandbox, const struct sizing_write *write,
                      struct err *err)
{
    autofree char *group = group_of(sandbox, write->group);
    const struct cgroup_limits limits = {.memory_bytes = write->size.memory_bytes,
                                         .cpu_quota_us = write->size.cpu_quota_us,
                                         .cpu_shares = write->size.cpu_shares,
                                         .dies_whole =
                                             write->group != SIZING_POD || sandbox->one_group};
    return cgroup_limit(&sandbox->cgroups, group, &limits, err);
}

/* The one group of a pod of one container is both. */
static void note(const struct sandbox *sandbox, struct keeper_core *core,
                 const struct sizing_write *write)
{
    const struct keeper_size pod = sizing_of_pod(sandbox->plan);
    const struct keeper_size only = sizing_of(&sandbox->plan->containers[0]);
    if (!sandbox->one_group) {
        keeper_core_sized(core, write->group, &write->size);
        return;
    }
    keeper_core_sized(core, SIZING_POD, &pod);
    keeper_core_sized(core, 0, &only);
}

bool resize_settle(const struct sandbox *sandbox, struct keeper_core *core)
{
    const struct keeper_report *report = keeper_core_report(core);
    bool waits[LAUNCH_MAX_CONTAINERS];
    int64_t bytes[LAUNCH_MAX_CONTAINERS];
    char problem[sizeof(report->misfit)] = "";
    struct sizing_write write;
    struct err err = {0};
    bool changed = false;
    if (is_settled(sandbox->plan, report) && !report->misfit[0])
        return false;
    for (size_t i = 0; i < report->container_count; i++) {
        waits[i] = keeper_core_renews(core, i);
        bytes[i] = bytes_of(sandbox, i);
    }
    const struct sizing_view view = {.plan = sandbox->plan,
                                     .report = report,
                                     .one_group = sandbox->one_group,
                                     .waits = waits,
                                     .pod_bytes = bytes_of(sandbox, SIZING_POD),
                                     .bytes = bytes};
    for (int i = 0; i < WRITES_MAX && sizing_next(&view, &write, problem, sizeof(problem)); i++) {
        if (write_size(sandbox, &write, &err) < 0) {
            snprintf(problem, sizeof(problem), "%.*s", (int)sizeof(problem) - 1, err.msg);
            break;
        }
        note(sandbox, core, &write);
        changed = true;
    }
    changed |= !str_eq(problem, report->misfit);
    keeper_core_misfit(core, problem);
    return changed;
}
