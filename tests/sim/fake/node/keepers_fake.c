#include "tests/sim/fake/node/keepers_fake.h"

#include "agent/keeper/core.h"
#include "agent/keeper/exits.h"
#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* A wait status as from waitpid(2). */
#define STATUS_EXIT(code) (((code)&0xff) << 8)
#define STATUS_SIGNAL(signo) (signo)

struct process {
    struct pod *pod;
    size_t index;
    struct loop_timer *timer; /* what happens to it next */
    enum { IDLE, STARTING, ALIVE } state;
    bool missing, stubborn;
    int64_t lives_ns; /* -1: for ever */
    int code;         /* of its own end */
    int status;       /* of its next end */
    pid_t pid;
};

struct pod {
    struct keepers_fake *fake;
    struct list link;
    void *bytes;
    struct launch_plan *plan; /* points into bytes; no containers are added in the simulator */
    struct keeper_core *core;
    struct process *processes;
    struct loop_timer *tick, *tell, *leave;
    bool sandbox; /* made, and reported */
    bool removing;
    bool mute; /* lives, and says nothing */
    bool frozen;
};

struct keepers_fake {
    struct keepers keepers;
    struct keepers_fake_spec spec;
    char *boot_id;
    struct list pods;
    pid_t last_pid;
    uint64_t starts;
    int refuse;
    char *failure; /* of new keepers to set their pod up */
    /* The agent that listens; NULL: none does. */
    const struct keepers_handler *handler;
    void *ctx;
    struct loop_timer *settle, *removed;
    bool settled;
};

static bool is_cut(const struct keepers_fake *fake)
{
    return fake->spec.cut && fake->spec.cut(fake->spec.cut_ctx);
}

static bool hears(const struct keepers_fake *fake)
{
    return fake->handler && !is_cut(fake);
}

static int64_t chance_ns(struct keepers_fake *fake, int64_t min_ms, int64_t max_ms)
{
    return (min_ms + (int64_t)rng_below(fake->spec.rng, (uint64_t)(max_ms - min_ms + 1))) *
           NS_PER_MS;
}

static int64_t now_of(const struct pod *pod)
{
    return loop_now(pod->fake->spec.loop);
}

static int64_t wall_of(const struct pod *pod)
{
    return clock_wall(loop_clock(pod->fake->spec.loop));
}

static struct pod *find(const struct keepers_fake *fake, const char *uid)
{
    struct list *it, *tmp;
    list_each(it, tmp, &fake->pods)
    {
        struct pod *pod = container_of(it, struct pod, link);
        if (str_eq(pod->plan->pod_uid, uid))
            return pod;
    }
    return NULL;
}

static struct pod *find_name(const struct keepers_fake *fake, const char *ns, const char *name)
{
    struct list *it, *tmp;
    list_each(it, tmp, &fake->pods)
    {
        struct pod *pod = container_of(it, struct pod, link);
        if (str_eq(pod->plan->pod_ns, ns) && str_eq(pod->plan->pod_name, name))
            return pod;
    }
    return NULL;
}

static void pod_free(struct pod *pod)
{
    list_remove(&pod->link);
    for (size_t i = 0; i < pod->plan->container_count; i++)
        loop_timer_free(pod->processes[i].timer);
    free(pod->processes);
    loop_timer_free(pod->tick);
    loop_timer_free(pod->tell);
    loop_timer_free(pod->leave);
    keeper_core_free(pod->core);
    launch_free(pod->plan);
    free(pod->bytes);
    free(pod);
}

/* Carrying out what the core decides. */

static void carry_out(struct pod *pod, const struct keeper_actions *actions);

static void record_exits(struct pod *pod)
{
    struct disk *disk = pod->fake->spec.disk;
    autofree char *path = xasprintf("%s/exits", pod->plan->state_dir);
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, 0);
    struct err err = {0};
    if (keeper_exits_encode(keeper_core_report(pod->core), &bytes, &err) == 0 &&
        disk->mkdirs(disk, pod->plan->state_dir, 0700, &err) == 0)
        (void)disk->replace(disk, path, bytes.data, bytes.len, 0600, &err);
    struct keeper_actions actions = {.count = 0};
    keeper_core_recorded(pod->core, &actions);
    carry_out(pod, &actions);
}

static void send_signal(struct process *process, int signo)
{
    if (process->state != ALIVE || (signo != SIGKILL && process->stubborn))
        return;
    process->status = STATUS_SIGNAL(signo);
    loop_timer_after(process->timer, signo == SIGKILL ? 1 : chance_ns(process->pod->fake, 1, 900));
}

static void carry_out(struct pod *pod, const struct keeper_actions *actions)
{
    for (size_t i = 0; i < actions->count; i++) {
        const struct keeper_action *action = &actions->list[i];
        struct process *process = &pod->processes[action->container];
        switch (action->act) {
        case KEEPER_ACT_START:
            process->state = STARTING;
            loop_timer_after(process->timer, chance_ns(pod->fake, 1, 50));
            break;
        case KEEPER_ACT_SIGNAL:
            send_signal(process, action->signal);
            break;
        case KEEPER_ACT_RECORD:
            record_exits(pod);
            break;
        case KEEPER_ACT_REPORT:
            loop_timer_after(pod->tell, chance_ns(pod->fake, 0, 3));
            break;
        }
    }
    int64_t next = keeper_core_next(pod->core);
    if (next == INT64_MAX)
        loop_timer_stop(pod->tick);
    else
        loop_timer_at(pod->tick, next);
}

static void started(struct process *process)
{
    struct pod *pod = process->pod;
    struct keeper_actions actions = {.count = 0};
    if (process->missing) {
        process->state = IDLE;
        keeper_core_start_failed(pod->core, process->index, 127, "StartError",
                                 "exec: no such file or directory", false, now_of(pod),
                                 wall_of(pod), &actions);
    } else {
        process->state = ALIVE;
        pod->fake->starts++;
        process->pid = ++pod->fake->last_pid;
        process->status = STATUS_EXIT(process->code);
        if (process->lives_ns >= 0)
            loop_timer_after(process->timer, process->lives_ns);
        keeper_core_started(pod->core, process->index, process->pid, now_of(pod), wall_of(pod),
                            &actions);
    }
    carry_out(pod, &actions);
}

static void ended(struct process *process)
{
    struct pod *pod = process->pod;
    struct keeper_actions actions = {.count = 0};
    process->state = IDLE;
    process->pid = 0;
    keeper_core_exited(pod->core, process->index, process->status, false, NULL, now_of(pod),
                       wall_of(pod), &actions);
    carry_out(pod, &actions);
}

static void process_due(void *ctx)
{
    struct process *process = ctx;
    if (process->state == STARTING)
        started(process);
    else if (process->state == ALIVE)
        ended(process);
}

static void tick_due(void *ctx)
{
    struct pod *pod = ctx;
    struct keeper_actions actions = {.count = 0};
    keeper_core_tick(pod->core, now_of(pod), &actions);
    carry_out(pod, &actions);
}

/* Telling the agent. */

static void end_pod(struct pod *pod, bool expected, const char *failure)
{
    struct keepers_fake *fake = pod->fake;
    autofree char *uid = xstrdup(pod->plan->pod_uid);
    struct keeper_report *last =
        pod->sandbox ? keeper_report_copy(keeper_core_report(pod->core)) : NULL;
    pod_free(pod);
    if (hears(fake))
        fake->handler->gone(fake->ctx, uid, &(struct keeper_end){expected, failure, last});
    keeper_report_free(last);
}

static void tell_due(void *ctx)
{
    struct pod *pod = ctx;
    struct keepers_fake *fake = pod->fake;
    if (!pod->sandbox && fake->failure) {
        end_pod(pod, pod->removing, fake->failure);
        return;
    }
    pod->sandbox = true;
    if (hears(fake) && !pod->removing && !pod->mute)
        fake->handler->report(fake->ctx, keeper_core_report(pod->core));
}

static void leave_due(void *ctx)
{
    end_pod(ctx, true, NULL);
}

static void settle_due(void *ctx)
{
    struct keepers_fake *fake = ctx;
    if (!hears(fake))
        return;
    fake->settled = true;
    struct list *it, *tmp;
    list_each(it, tmp, &fake->pods)
    {
        struct pod *pod = container_of(it, struct pod, link);
        const struct keeper_report *report = keeper_core_report(pod->core);
        if (pod->sandbox && !pod->removing && pod->mute)
            fake->handler->silent(fake->ctx, report->pod_uid, report->pod_ns, report->pod_name);
        else if (pod->sandbox && !pod->removing)
            fake->handler->report(fake->ctx, report);
    }
    fake->handler->settled(fake->ctx);
}

/* What the agent asks. */

static struct keepers_fake *fake_of(struct keepers *keepers)
{
    return (struct keepers_fake *)keepers; /* its first member */
}

static int fake_start(struct keepers *keepers, const struct keepers_handler *handler, void *ctx,
                      struct err *err)
{
    struct keepers_fake *fake = fake_of(keepers);
    if (is_cut(fake))
        return err_set(err, -EIO, "dead");
    fake->handler = handler;
    fake->ctx = ctx;
    fake->settled = false;
    /* What was being made or removed when the last agent died is swept. */
    struct list *it, *tmp;
    list_each(it, tmp, &fake->pods)
    {
        struct pod *pod = container_of(it, struct pod, link);
        if (!pod->sandbox || pod->removing)
            pod_free(pod);
    }
    loop_timer_after(fake->settle, chance_ns(fake, 1, 200));
    return 0;
}

static void read_program(struct process *process, const char *const *argv)
{
    process->lives_ns = -1;
    process->missing = str_eq(argv[0], "missing");
    process->stubborn = str_eq(argv[0], "stubborn");
    if (!str_eq(argv[0], "exit") || !argv[1] || !argv[2])
        return;
    process->code = atoi(argv[1]);
    process->lives_ns = atoi(argv[2]) * NS_PER_S;
}

static int fake_spawn(struct keepers *keepers, const char *uid, const void *plan, size_t len,
                      struct err *err)
{
    struct keepers_fake *fake = fake_of(keepers);
    if (is_cut(fake))
        return err_set(err, -EIO, "dead");
    if (!fake->settled || find(fake, uid))
        abort(); /* nothing is spawned before settled, and no pod twice */
    if (fake->refuse)
        return err_set(err, fake->refuse, "no keeper can be started");
    struct pod *pod = xcalloc(1, sizeof(*pod));
    pod->fake = fake;
    pod->bytes = xmemdup(plan, len);
    if (launch_decode(pod->bytes, len, &pod->plan, err) < 0)
        abort(); /* the agent's own plan */
    pod->core = keeper_core_new(pod->plan, fake->boot_id, ++fake->last_pid, wall_of(pod));
    pod->processes = xcalloc(pod->plan->container_count, sizeof(*pod->processes));
    for (size_t i = 0; i < pod->plan->container_count; i++) {
        struct process *process = &pod->processes[i];
        process->pod = pod;
        process->index = i;
        process->timer = loop_timer_new(fake->spec.loop, process_due, process);
        read_program(process, pod->plan->containers[i].argv);
    }
    pod->tick = loop_timer_new(fake->spec.loop, tick_due, pod);
    pod->tell = loop_timer_new(fake->spec.loop, tell_due, pod);
    pod->leave = loop_timer_new(fake->spec.loop, leave_due, pod);
    list_append(&fake->pods, &pod->link);
    loop_timer_after(pod->tell, chance_ns(fake, 1, 40));
    return 0;
}

static int pod_of(struct keepers_fake *fake, const char *uid, struct pod **ret, struct err *err)
{
    if (is_cut(fake))
        return err_set(err, -EIO, "dead");
    *ret = find(fake, uid);
    if (*ret && (*ret)->mute)
        abort(); /* nothing is asked of who does not answer */
    return *ret ? 0 : err_set(err, -ENOENT, "pod %s has no keeper", uid);
}

static int fake_go(struct keepers *keepers, const char *uid, struct err *err)
{
    struct pod *pod = NULL;
    int r = pod_of(fake_of(keepers), uid, &pod, err);
    if (r < 0)
        return r;
    struct keeper_actions actions = {.count = 0};
    keeper_core_go(pod->core, now_of(pod), &actions);
    carry_out(pod, &actions);
    return 0;
}

static void say_ending(struct pod *pod, const char *by)
{
    bool alive = false;
    for (size_t i = 0; i < pod->plan->container_count; i++)
        alive |= pod->processes[i].state == ALIVE;
    if (alive && pod->fake->spec.ending)
        pod->fake->spec.ending(pod->fake->spec.ctx, keeper_core_report(pod->core), by);
}

static int fake_stop(struct keepers *keepers, const char *uid, int64_t grace_s, struct err *err)
{
    struct pod *pod = NULL;
    int r = pod_of(fake_of(keepers), uid, &pod, err);
    if (r < 0)
        return r;
    say_ending(pod, "stop");
    struct keeper_actions actions = {.count = 0};
    keeper_core_stop(pod->core, grace_s * NS_PER_S, now_of(pod), &actions);
    carry_out(pod, &actions);
    return 0;
}

static int fake_remove(struct keepers *keepers, const char *uid, struct err *err)
{
    struct pod *pod = NULL;
    int r = pod_of(fake_of(keepers), uid, &pod, err);
    if (r < 0)
        return r;
    say_ending(pod, "remove");
    pod->removing = true;
    for (size_t i = 0; i < pod->plan->container_count; i++) {
        pod->processes[i].state = IDLE;
        loop_timer_stop(pod->processes[i].timer);
    }
    loop_timer_stop(pod->tick);
    loop_timer_after(pod->leave, chance_ns(pod->fake, 1, 30));
    return 0;
}

static int fake_netns(struct keepers *keepers, const char *uid, int *ret_fd, struct err *err)
{
    struct pod *pod = NULL;
    int r = pod_of(fake_of(keepers), uid, &pod, err);
    if (r < 0)
        return r;
    *ret_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return *ret_fd < 0 ? err_errno(err, errno, "/dev/null") : 0;
}

static int fake_exec(struct keepers *keepers, const char *uid, const void *request, size_t len,
                     const int *fds, size_t count, struct err *err)
{
    struct pod *pod;
    (void)request;
    (void)len;
    (void)fds;
    (void)count;
    int r = pod_of(fake_of(keepers), uid, &pod, err);
    return r < 0 ? r : err_set(err, -EPROTONOSUPPORT, "no programs run in a simulated pod");
}

static size_t index_of(const struct pod *pod, const char *container)
{
    size_t i = 0;
    while (i < pod->plan->container_count && !str_eq(pod->plan->containers[i].name, container))
        i++;
    return i;
}

static int fake_mark(struct keepers *keepers, const char *uid, const char *container,
                     uint32_t attempt, uint32_t marks, struct err *err)
{
    struct pod *pod = NULL;
    int r = pod_of(fake_of(keepers), uid, &pod, err);
    if (r < 0)
        return r;
    struct keeper_actions actions = {.count = 0};
    keeper_core_mark(pod->core, index_of(pod, container), attempt, marks, now_of(pod), &actions);
    carry_out(pod, &actions);
    return 0;
}

static int fake_kill(struct keepers *keepers, const char *uid, const char *container,
                     uint32_t attempt, int64_t grace_s, struct err *err)
{
    struct pod *pod = NULL;
    int r = pod_of(fake_of(keepers), uid, &pod, err);
    if (r < 0)
        return r;
    struct keeper_actions actions = {.count = 0};
    keeper_core_kill(pod->core, index_of(pod, container), attempt, grace_s * NS_PER_S, now_of(pod),
                     &actions);
    carry_out(pod, &actions);
    return 0;
}

static int fake_deadline(struct keepers *keepers, const char *uid, uint32_t seconds, int64_t at,
                         struct err *err)
{
    struct pod *pod = NULL;
    int r = pod_of(fake_of(keepers), uid, &pod, err);
    if (r < 0)
        return r;
    struct keeper_actions actions = {.count = 0};
    keeper_core_deadline(pod->core, seconds, at, now_of(pod), &actions);
    carry_out(pod, &actions);
    return 0;
}

/* There are no control groups: what is asked for holds at once. */
static int fake_resize(struct keepers *keepers, const char *uid, const struct sizing *sizing,
                       struct err *err)
{
    struct pod *pod = NULL;
    int r = pod_of(fake_of(keepers), uid, &pod, err);
    if (r < 0)
        return r;
    struct keeper_actions actions = {.count = 0};
    keeper_core_sized(pod->core, SIZING_POD, &sizing->pod);
    for (size_t i = 0; i < sizing->count; i++) {
        size_t at = index_of(pod, sizing->containers[i].name);
        const struct keeper_report *report = keeper_core_report(pod->core);
        if (at >= report->container_count)
            continue;
        const struct keeper_size before = report->containers[at].size;
        const struct keeper_size *to = &sizing->containers[i].size;
        bool cpu = before.cpu_quota_us != to->cpu_quota_us || before.cpu_shares != to->cpu_shares;
        bool memory = before.memory_bytes != to->memory_bytes;
        keeper_core_sized(pod->core, at, to);
        if ((cpu && sizing->containers[i].renew_cpu) ||
            (memory && sizing->containers[i].renew_memory))
            keeper_core_renew(pod->core, at, 0, now_of(pod), &actions);
    }
    carry_out(pod, &actions);
    loop_timer_after(pod->tell, chance_ns(pod->fake, 0, 3));
    return 0;
}

static int fake_add(struct keepers *keepers, const char *uid, const void *plan, size_t len,
                    struct err *err)
{
    struct pod *pod;
    (void)plan;
    (void)len;
    int r = pod_of(fake_of(keepers), uid, &pod, err);
    return r < 0 ? r : err_set(err, -EPROTONOSUPPORT, "nothing is added to a simulated pod");
}

static int fake_freeze(struct keepers *keepers, const char *uid, bool frozen, struct err *err)
{
    struct pod *pod;
    int r = pod_of(fake_of(keepers), uid, &pod, err);
    if (r == 0)
        pod->frozen = frozen;
    return r;
}

static bool fake_is_frozen(struct keepers *keepers, const char *uid)
{
    const struct pod *pod = find(fake_of(keepers), uid);
    return pod && pod->frozen;
}

/* At once; told from the loop. */
static int fake_remove_tree(struct keepers *keepers, const char *parent, const char *name,
                            struct err *err)
{
    struct keepers_fake *fake = fake_of(keepers);
    autofree char *path = xasprintf("%s/%s", parent, name);
    if (is_cut(fake))
        return err_set(err, -EIO, "dead");
    int rc = fake->spec.disk->remove_tree(fake->spec.disk, path, err);
    loop_timer_after(fake->removed, 0);
    return rc;
}

static void removed_due(void *ctx)
{
    struct keepers_fake *fake = ctx;
    if (fake->handler && !is_cut(fake))
        fake->handler->removed(fake->ctx);
}

static void close_life(struct keepers *keepers)
{
    struct keepers_fake *fake = fake_of(keepers);
    fake->handler = NULL;
    fake->settled = false;
    loop_timer_stop(fake->settle);
    loop_timer_stop(fake->removed);
}

/* The node's side. */

struct keepers_fake *keepers_fake_new(const struct keepers_fake_spec *spec, const char *boot_id)
{
    struct keepers_fake *fake = xcalloc(1, sizeof(*fake));
    fake->keepers = (struct keepers){.start = fake_start,
                                     .spawn = fake_spawn,
                                     .go = fake_go,
                                     .stop = fake_stop,
                                     .remove = fake_remove,
                                     .netns = fake_netns,
                                     .exec = fake_exec,
                                     .mark = fake_mark,
                                     .kill = fake_kill,
                                     .add = fake_add,
                                     .deadline = fake_deadline,
                                     .resize = fake_resize,
                                     .freeze = fake_freeze,
                                     .is_frozen = fake_is_frozen,
                                     .remove_tree = fake_remove_tree,
                                     .free = close_life};
    fake->spec = *spec;
    fake->boot_id = xstrdup(boot_id);
    fake->settle = loop_timer_new(spec->loop, settle_due, fake);
    fake->removed = loop_timer_new(spec->loop, removed_due, fake);
    list_init(&fake->pods);
    return fake;
}

static void end_all(struct keepers_fake *fake)
{
    struct list *it, *tmp;
    list_each(it, tmp, &fake->pods) pod_free(container_of(it, struct pod, link));
}

void keepers_fake_free(struct keepers_fake *fake)
{
    if (!fake)
        return;
    end_all(fake);
    loop_timer_free(fake->settle);
    loop_timer_free(fake->removed);
    free(fake->boot_id);
    free(fake->failure);
    free(fake);
}

struct keepers *keepers_fake_open(struct keepers_fake *fake)
{
    return &fake->keepers;
}

void keepers_fake_reboot(struct keepers_fake *fake, const char *boot_id)
{
    end_all(fake);
    free(fake->boot_id);
    fake->boot_id = xstrdup(boot_id);
}

bool keepers_fake_kill(struct keepers_fake *fake, const char *ns, const char *name)
{
    struct pod *pod = find_name(fake, ns, name);
    if (pod)
        end_pod(pod, false, NULL);
    return pod != NULL;
}

bool keepers_fake_mute(struct keepers_fake *fake, const char *ns, const char *name, bool mute)
{
    struct pod *pod = find_name(fake, ns, name);
    if (!pod)
        return false;
    pod->mute = mute;
    if (!mute)
        loop_timer_after(pod->tell, chance_ns(fake, 1, 40));
    return true;
}

bool keepers_fake_exit(struct keepers_fake *fake, const char *ns, const char *name,
                       const char *container, int status)
{
    struct pod *pod = find_name(fake, ns, name);
    for (size_t i = 0; pod && i < pod->plan->container_count; i++) {
        struct process *process = &pod->processes[i];
        if (process->state != ALIVE || !str_eq(pod->plan->containers[i].name, container))
            continue;
        process->status = status;
        loop_timer_stop(process->timer);
        ended(process);
        return true;
    }
    return false;
}

void keepers_fake_refuse(struct keepers_fake *fake, int error)
{
    fake->refuse = error;
}

void keepers_fake_fail(struct keepers_fake *fake, const char *why)
{
    free(fake->failure);
    fake->failure = why ? xstrdup(why) : NULL;
}

void keepers_fake_each(const struct keepers_fake *fake, keepers_fake_each_fn *fn, void *ctx)
{
    struct list *it, *tmp;
    list_each(it, tmp, &fake->pods)
    {
        const struct pod *pod = container_of(it, struct pod, link);
        for (size_t i = 0; i < pod->plan->container_count; i++) {
            if (pod->processes[i].state != ALIVE)
                continue;
            const struct keepers_fake_process process = {
                .uid = pod->plan->pod_uid,
                .ns = pod->plan->pod_ns,
                .name = pod->plan->pod_name,
                .container = pod->plan->containers[i].name,
                .env = pod->plan->containers[i].env,
                .pid = pod->processes[i].pid,
            };
            fn(ctx, &process);
        }
    }
}

uint64_t keepers_fake_starts(const struct keepers_fake *fake)
{
    return fake->starts;
}

size_t keepers_fake_count(const struct keepers_fake *fake)
{
    size_t count = 0;
    for (const struct list *it = fake->pods.next; it != &fake->pods; it = it->next)
        count++;
    return count;
}
