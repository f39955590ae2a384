#include "agent/keeper/keeper.h"

#include "agent/keeper/container.h"
#include "agent/keeper/control.h"
#include "agent/keeper/execs.h"
#include "agent/keeper/exits.h"
#include "agent/keeper/fdpass.h"
#include "agent/keeper/init.h"
#include "agent/keeper/plans.h"
#include "agent/keeper/resize.h"
#include "agent/keeper/sandbox.h"
#include "agent/keeper/server.h"
#include "agent/keeper/stack.h"
#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A sandbox whose agent is gone before it was used, and that no other asks for. */
#define ORPHAN_NS (60 * NS_PER_S)
/* Between two tries to remove a control group that is not empty yet. */
#define RETRY_NS (1 * NS_PER_MS)
#define RETRY_MAX_NS (500 * NS_PER_MS)

struct keeper {
    struct loop *loop;
    struct plans plans;
    struct sandbox sandbox;
    struct keeper_core *core;
    struct server *server;
    struct container **containers;
    struct execs *execs;
    struct init init; /* of share_pids */
    struct loop_signal *chld, *term;
    struct loop_timer *timer; /* of the core */
    struct loop_timer *orphan;
    struct loop_timer *retry;
    struct loop_defer *prepare, *recording, *resting;
    int64_t retry_ns;
    bool removing;
    bool leave_when_ended; /* told by SIGTERM: nobody will ask for the removal */
};

static int64_t wall(const struct keeper *keeper)
{
    return clock_wall(loop_clock(keeper->loop));
}

/* ---- the end ---- */

static bool has_processes(const struct keeper *keeper)
{
    for (size_t i = 0; i < keeper->plans.whole.container_count; i++)
        if (container_pid(keeper->containers[i]) > 0)
            return true;
    return false;
}

static void try_leave(void *ctx)
{
    struct keeper *keeper = ctx;
    if (has_processes(keeper))
        return;
    if (sandbox_remove_cgroups(&keeper->sandbox) < 0) {
        cgroup_kill(&keeper->sandbox.cgroups, keeper->plans.whole.cgroup);
        loop_timer_after(keeper->retry, keeper->retry_ns);
        keeper->retry_ns =
            keeper->retry_ns * 2 < RETRY_MAX_NS ? keeper->retry_ns * 2 : RETRY_MAX_NS;
        return;
    }
    init_done(&keeper->init);
    sandbox_remove_files(&keeper->sandbox);
    loop_stop(keeper->loop, 0);
}

static void apply(struct keeper *keeper, const struct keeper_actions *actions);

static void begin_remove(void *ctx)
{
    struct keeper *keeper = ctx;
    struct keeper_actions actions = {.count = 0};
    if (keeper->removing)
        return;
    keeper->removing = true;
    keeper->retry_ns = RETRY_NS;
    keeper_core_stop(keeper->core, 0, loop_now(keeper->loop), &actions);
    apply(keeper, &actions);
    for (size_t i = 0; i < keeper->plans.whole.container_count; i++) {
        execs_kill(keeper->execs, i);
        container_signal(keeper->containers[i], SIGKILL); /* those that are being started too */
    }
    try_leave(keeper);
}

/* ---- actions ---- */

/* What starts and ends things goes deep; a keeper that waits then, for months mostly, is small. */
static void rest(void *ctx)
{
    struct keeper *keeper = ctx;
    keeper->resting = NULL;
    stack_trim();
}

static void rest_soon(struct keeper *keeper)
{
    if (!keeper->resting)
        keeper->resting = loop_defer(keeper->loop, rest, keeper);
}

/* After the report of the exits was sent: the medium may take its time. One that fails costs a
 * second run after a reboot, or if the pod was told to stop at the same time; it has ended all the
 * same. */
static void record(void *ctx)
{
    struct keeper *keeper = ctx;
    struct keeper_actions actions = {.count = 0};
    keeper->recording = NULL;
    struct keeper_report final = *keeper_core_report(keeper->core);
    final.state = KEEPER_ENDED;
    bool lost = keeper_exits_write(keeper->plans.whole.state_dir, &final, NULL) < 0;
    (void)lost;
    keeper_core_recorded(keeper->core, &actions);
    apply(keeper, &actions);
}

/* The number of the container of that name; as many as there are: there is none. */
static size_t find(const struct keeper *keeper, const char *name)
{
    const struct keeper_report *report = keeper_core_report(keeper->core);
    size_t i = 0;
    while (i < report->container_count && !str_eq(report->containers[i].name, name))
        i++;
    return i;
}

/* As container_start wants it. */
static pid_t target_of(struct keeper *keeper, size_t i)
{
    const char *name = keeper->plans.whole.containers[i].target;
    if (keeper->plans.whole.share_pids)
        return init_start(&keeper->init, keeper->plans.whole.run_dir,
                          sandbox_userns(&keeper->sandbox), NULL) < 0
                   ? -1
                   : keeper->init.pid;
    if (!name || keeper->plans.whole.host_pid)
        return 0;
    size_t target = find(keeper, name);
    pid_t pid = target < keeper->plans.whole.container_count
                    ? container_pid(keeper->containers[target])
                    : 0;
    return pid > 0 ? pid : -1;
}

static void apply_one(struct keeper *keeper, const struct keeper_action *action)
{
    const struct keeper_report *report = keeper_core_report(keeper->core);
    switch (action->act) {
    case KEEPER_ACT_START:
        container_start(keeper->containers[action->container],
                        target_of(keeper, action->container));
        return;
    case KEEPER_ACT_SIGNAL:
        container_signal(keeper->containers[action->container], action->signal);
        return;
    case KEEPER_ACT_RECORD:
        server_publish(keeper->server, report); /* defers run in order */
        if (!keeper->recording)
            keeper->recording = loop_defer(keeper->loop, record, keeper);
        return;
    case KEEPER_ACT_REPORT:
        server_publish(keeper->server, report);
        return;
    }
}

static void apply_all(struct keeper *keeper, const struct keeper_actions *actions)
{
    for (size_t i = 0; i < actions->count; i++)
        apply_one(keeper, &actions->list[i]);
}

static void apply(struct keeper *keeper, const struct keeper_actions *actions)
{
    /* Before a container that waited for it starts anew. */
    if (!keeper->removing && resize_settle(&keeper->sandbox, keeper->core))
        server_publish(keeper->server, keeper_core_report(keeper->core));
    apply_all(keeper, actions);
    rest_soon(keeper);
    int64_t next = keeper_core_next(keeper->core);
    if (next == INT64_MAX)
        loop_timer_stop(keeper->timer);
    else
        loop_timer_at(keeper->timer, next);
    bool ended = keeper_core_report(keeper->core)->state == KEEPER_ENDED;
    if (ended && keeper->leave_when_ended && !keeper->removing)
        begin_remove(keeper);
}

static void core_timer(void *ctx)
{
    struct keeper *keeper = ctx;
    struct keeper_actions actions = {.count = 0};
    keeper_core_tick(keeper->core, loop_now(keeper->loop), &actions);
    apply(keeper, &actions);
}

/* ---- what happens ---- */

static void on_started(void *ctx, size_t i, pid_t pid)
{
    struct keeper *keeper = ctx;
    struct keeper_actions actions = {.count = 0};
    keeper_core_started(keeper->core, i, pid, loop_now(keeper->loop), wall(keeper), &actions);
    apply(keeper, &actions);
}

static void on_failed(void *ctx, size_t i, int code, const char *reason, const char *message,
                      bool retry)
{
    struct keeper *keeper = ctx;
    struct keeper_actions actions = {.count = 0};
    keeper_core_start_failed(keeper->core, i, code, reason, message, retry, loop_now(keeper->loop),
                             wall(keeper), &actions);
    apply(keeper, &actions);
}

static void on_exited(void *ctx, size_t i, int status, bool oom, const char *said)
{
    struct keeper *keeper = ctx;
    struct keeper_actions actions = {.count = 0};
    keeper_core_exited(keeper->core, i, status, oom, said, loop_now(keeper->loop), wall(keeper),
                       &actions);
    apply(keeper, &actions);
}

/* NULL: it is none. */
static struct container *find_process(const struct keeper *keeper, pid_t pid)
{
    for (size_t i = 0; i < keeper->plans.whole.container_count; i++)
        if (container_pid(keeper->containers[i]) == pid)
            return keeper->containers[i];
    return NULL;
}

static void reap(void *ctx, int signo)
{
    struct keeper *keeper = ctx;
    int status;
    pid_t pid;
    (void)signo;
    while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
        if (init_reaped(&keeper->init, pid) || execs_reaped(keeper->execs, pid, status))
            continue;
        struct container *container = find_process(keeper, pid);
        /* One that has moved may end before we have heard that it did. */
        for (size_t i = 0; !container && i < keeper->plans.whole.container_count; i++) {
            container_listen(keeper->containers[i]);
            container = find_process(keeper, pid);
        }
        if (container)
            container_reaped(container, status);
    }
    if (keeper->removing && !loop_timer_armed(keeper->retry))
        try_leave(keeper);
}

static void on_go(void *ctx)
{
    struct keeper *keeper = ctx;
    struct keeper_actions actions = {.count = 0};
    loop_timer_stop(keeper->orphan);
    keeper_core_go(keeper->core, loop_now(keeper->loop), &actions);
    apply(keeper, &actions);
}

/* Who is frozen hears no signal. */
static void thaw(const struct keeper *keeper)
{
    int r = cgroup_freeze(&keeper->sandbox.cgroups, keeper->plans.whole.cgroup, false);
    (void)r; /* it never was */
}

static void on_stop(void *ctx, int64_t grace_ns)
{
    struct keeper *keeper = ctx;
    struct keeper_actions actions = {.count = 0};
    thaw(keeper);
    keeper_core_stop(keeper->core, grace_ns, loop_now(keeper->loop), &actions);
    apply(keeper, &actions);
}

static void on_alone(void *ctx)
{
    struct keeper *keeper = ctx;
    bool sandbox = keeper_core_report(keeper->core)->state == KEEPER_SANDBOX;
    if (sandbox && !loop_timer_armed(keeper->orphan)) /* who only looks does not put it off */
        loop_timer_after(keeper->orphan, ORPHAN_NS);
}

static void orphan_timer(void *ctx)
{
    struct keeper *keeper = ctx;
    if (keeper_core_report(keeper->core)->state == KEEPER_SANDBOX)
        begin_remove(keeper);
}

/* The machine goes down, or somebody ends the service that we live in. */
static void on_term(void *ctx, int signo)
{
    struct keeper *keeper = ctx;
    (void)signo;
    keeper->leave_when_ended = true;
    on_stop(keeper, keeper->plans.whole.grace_s * NS_PER_S);
}

/* While the agent wires the network. A failure comes again, with its message, at the start. */
static void prepare_groups(void *ctx)
{
    struct keeper *keeper = ctx;
    keeper->prepare = NULL;
    for (size_t i = 0; i < keeper->plans.whole.container_count; i++)
        if (sandbox_make_container(&keeper->sandbox, i, NULL) < 0)
            return;
}

static void on_exec(void *ctx, const struct exec_request *request, const int *fds)
{
    struct keeper *keeper = ctx;
    const struct keeper_report *report = keeper_core_report(keeper->core);
    size_t i = find(keeper, request->container);
    rest_soon(keeper);
    if (i == report->container_count || !exec_request_fits(request, &report->containers[i]) ||
        keeper->removing) {
        autofree char *why = xasprintf("container %s is not running", request->container);
        control_say(fds[0], PROTO_REFUSED, 0, why, -1);
        fdpass_close(fds, exec_request_fds(request));
    } else if (!request->attach &&
               cgroup_is_frozen(&keeper->sandbox.cgroups, keeper->plans.whole.cgroup)) {
        control_say(fds[0], PROTO_REFUSED, 0, "the pod is paused: resume it first", -1);
        fdpass_close(fds, exec_request_fds(request));
    } else if (request->attach) {
        container_attach(keeper->containers[i], request, fds);
    } else {
        execs_start(keeper->execs, request, i, report->containers[i].restarts,
                    container_pid(keeper->containers[i]), fds);
    }
}

static void on_mark(void *ctx, const char *container, uint32_t attempt, uint32_t marks)
{
    struct keeper *keeper = ctx;
    struct keeper_actions actions = {.count = 0};
    keeper_core_mark(keeper->core, find(keeper, container), attempt, marks, loop_now(keeper->loop),
                     &actions);
    apply(keeper, &actions);
}

static void on_hook(void *ctx, size_t i, uint32_t attempt, bool runs)
{
    struct keeper *keeper = ctx;
    struct keeper_actions actions = {.count = 0};
    keeper_core_hook(keeper->core, i, attempt, runs, loop_now(keeper->loop), &actions);
    apply(keeper, &actions);
}

static void on_kill(void *ctx, const char *container, uint32_t attempt, int64_t grace_ns)
{
    struct keeper *keeper = ctx;
    struct keeper_actions actions = {.count = 0};
    keeper_core_kill(keeper->core, find(keeper, container), attempt, grace_ns,
                     loop_now(keeper->loop), &actions);
    apply(keeper, &actions);
}

static void on_deadline(void *ctx, uint32_t seconds, int64_t at)
{
    struct keeper *keeper = ctx;
    struct keeper_actions actions = {.count = 0};
    keeper_core_deadline(keeper->core, seconds, at, loop_now(keeper->loop), &actions);
    apply(keeper, &actions);
}

static void on_resize(void *ctx, const struct sizing *sizing)
{
    struct keeper *keeper = ctx;
    struct keeper_actions actions = {.count = 0};
    bool renew[LAUNCH_MAX_CONTAINERS];
    plans_resize(&keeper->plans, sizing, renew);
    for (size_t i = 0; i < keeper->plans.whole.container_count; i++) {
        actions.count = 0;
        if (renew[i])
            keeper_core_renew(keeper->core, i, keeper->plans.whole.grace_s * NS_PER_S,
                              loop_now(keeper->loop), &actions);
        apply_all(keeper, &actions);
    }
    actions.count = 0;
    apply(keeper, &actions);
}

/* ---- making ---- */

static const struct container_handler container_handler = {
    .started = on_started, .failed = on_failed, .exited = on_exited};

/* Those of the plan from `first` on. */
static void make_containers(struct keeper *keeper, size_t first)
{
    size_t count = keeper->plans.whole.container_count;
    keeper->containers = xrealloc(keeper->containers, count * sizeof(struct container *));
    for (size_t i = first; i < count; i++)
        keeper->containers[i] =
            container_new(keeper->loop, &keeper->sandbox, i, &container_handler, keeper);
}

/* The layers that it runs from are written down before it runs. */
static void on_add(void *ctx, int fd)
{
    struct keeper *keeper = ctx;
    struct keeper_actions actions = {.count = 0};
    size_t first = keeper->plans.whole.container_count;
    if (plans_add(&keeper->plans, fd, NULL) <= 0)
        return;
    make_containers(keeper, first);
    int r = sandbox_write_pidfile(&keeper->sandbox);
    (void)r; /* it is whole no more then: no layer is removed */
    keeper_core_added(keeper->core, loop_now(keeper->loop), &actions);
    apply(keeper, &actions);
}

static void read_boot_id(char *ret, size_t size)
{
    autoclose int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);
    ret[n > 0 ? n : 0] = '\0';
    ret[strcspn(ret, "\n")] = '\0';
}

static const struct server_handler server_handler = {
    .go = on_go,
    .stop = on_stop,
    .remove = begin_remove,
    .exec = on_exec,
    .mark = on_mark,
    .kill = on_kill,
    .deadline = on_deadline,
    .add = on_add,
    .resize = on_resize,
    .alone = on_alone,
};

static int watch(struct keeper *keeper, int agent_fd, struct err *err)
{
    autofree char *socket = xasprintf("%s/keeper.sock", keeper->plans.whole.run_dir);
    keeper->timer = loop_timer_new(keeper->loop, core_timer, keeper);
    keeper->orphan = loop_timer_new(keeper->loop, orphan_timer, keeper);
    keeper->retry = loop_timer_new(keeper->loop, try_leave, keeper);
    keeper->prepare = loop_defer(keeper->loop, prepare_groups, keeper);
    int r = loop_signal_new(keeper->loop, SIGCHLD, reap, keeper, &keeper->chld, err);
    if (r == 0)
        r = loop_signal_new(keeper->loop, SIGTERM, on_term, keeper, &keeper->term, err);
    if (r == 0)
        r = server_new(keeper->loop, socket, agent_fd, &server_handler, keeper, &keeper->server,
                       err);
    return r;
}

/* The orphans of containers in the host's PID namespace come to us to be reaped. */
static void be_reaper(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

int keeper_new(struct loop *loop, const struct launch_plan *plan, const char *cgroups, int agent_fd,
               struct keeper **ret, struct err *err)
{
    char boot_id[40];
    struct keeper *keeper = xcalloc(1, sizeof(*keeper));
    keeper->loop = loop;
    plans_init(&keeper->plans, plan);
    init_init(&keeper->init);
    keeper->sandbox.lock_fd = -1;
    be_reaper();
    int r = sandbox_make(&keeper->plans.whole, cgroups, &keeper->sandbox, err);
    read_boot_id(boot_id, sizeof(boot_id));
    keeper->core = keeper_core_new(&keeper->plans.whole, boot_id, getpid(), wall(keeper));
    make_containers(keeper, 0);
    keeper->execs = execs_new(loop, &keeper->sandbox, on_hook, keeper);
    if (r == 0)
        r = watch(keeper, agent_fd, err);
    if (r == 0) {
        server_publish(keeper->server, keeper_core_report(keeper->core));
        *ret = keeper;
        return 0;
    }
    /* Without the lock it is another keeper's. */
    if (keeper->sandbox.lock_fd >= 0 && sandbox_remove_cgroups(&keeper->sandbox) == 0)
        sandbox_remove_files(&keeper->sandbox);
    keeper_free(keeper);
    return r;
}

void keeper_free(struct keeper *keeper)
{
    if (!keeper)
        return;
    server_free(keeper->server);
    execs_free(keeper->execs);
    for (size_t i = 0; i < keeper->plans.whole.container_count; i++)
        container_free(keeper->containers[i]);
    free(keeper->containers);
    loop_signal_free(keeper->chld);
    loop_signal_free(keeper->term);
    loop_timer_free(keeper->timer);
    loop_timer_free(keeper->orphan);
    loop_timer_free(keeper->retry);
    loop_defer_free(keeper->prepare);
    loop_defer_free(keeper->recording);
    loop_defer_free(keeper->resting);
    keeper_core_free(keeper->core);
    init_done(&keeper->init);
    sandbox_done(&keeper->sandbox);
    plans_done(&keeper->plans);
    free(keeper);
}
