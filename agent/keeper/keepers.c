#include "agent/keeper/keepers.h"

#include "agent/keeper/adopt.h"
#include "agent/keeper/cleaner.h"
#include "agent/keeper/entry.h"
#include "agent/keeper/proto.h"
#include "agent/runtime/sys.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define FIRST_REPORT_NS (30 * NS_PER_S) /* of a new keeper, on a slow board */
#define REMOVE_NS (20 * NS_PER_S)

static struct impl *impl_of(struct keepers *keepers)
{
    return container_of(keepers, struct impl, keepers);
}

static int keepers_start(struct keepers *keepers, const struct keepers_handler *handler, void *ctx,
                         struct err *err)
{
    struct impl *impl = impl_of(keepers);
    impl->handler = *handler;
    impl->ctx = ctx;
    return adopt_all(impl, err);
}

static int check_plan(const struct impl *impl, const char *uid, const struct launch_plan *plan,
                      struct err *err)
{
    autofree char *run_dir = xasprintf("%s/%s", impl->run_dir, uid);
    autofree char *cgroup = xasprintf("%s/pod%s", impl->cgroup_root, uid);
    if (!str_eq(plan->pod_uid, uid))
        return err_set(err, -EINVAL, "launch plan of pod %s given for %s", plan->pod_uid, uid);
    if (!str_eq(plan->run_dir, run_dir))
        return err_set(err, -EINVAL, "launch plan: runDir: must be %s", run_dir);
    if (!str_eq(plan->cgroup, cgroup))
        return err_set(err, -EINVAL, "launch plan: cgroup: must be %s", cgroup);
    return 0;
}

static int launch(struct entry *entry, const struct launch_plan *plan, const void *bytes,
                  size_t len, struct err *err)
{
    int pair[2];
    pid_t pid;
    autofree char *name = xasprintf("%s/%s", plan->pod_ns, plan->pod_name);
    autoclose int plan_fd = launcher_plan_fd(bytes, len, err);
    if (plan_fd < 0)
        return plan_fd;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return err_errno(err, errno, "cannot make a socket");
    autoclose int ours = pair[0];
    autoclose int theirs = pair[1];
    int r = launcher_start(entry->impl->launcher, name, plan_fd, theirs, &pid, err);
    if (r < 0)
        return r;
    r = entry_watch(entry, pid, err);
    if (r == 0)
        r = entry_attach(entry, ours, err);
    if (r < 0) {
        kill(pid, SIGKILL); /* not reaped yet: the number is still its own */
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return r;
    }
    steal_fd(&ours);
    entry_patience(entry, FIRST_REPORT_NS);
    return 0;
}

static int keepers_spawn(struct keepers *keepers, const char *uid, const void *bytes, size_t len,
                         struct err *err)
{
    struct impl *impl = impl_of(keepers);
    struct launch_plan *plan;
    const struct entry *there = entry_find(impl, uid);
    if (there && there->state == ENTRY_SWEEPING)
        return err_set(err, -EBUSY, "what is left of the pod's earlier run is still being removed");
    if (there)
        return err_set(err, -EEXIST, "the pod has a keeper already");
    int r = launch_decode(bytes, len, &plan, err);
    if (r < 0)
        return r;
    r = check_plan(impl, uid, plan, err);
    if (r == 0) {
        struct entry *entry = entry_new(impl, uid);
        entry->told = true;
        entry->state_dir = xstrdup(plan->state_dir);
        r = launch(entry, plan, bytes, len, err);
        if (r < 0)
            entry_free(entry);
    }
    launch_free(plan);
    return r;
}

static int need(struct keepers *keepers, const char *uid, struct entry **ret, struct err *err)
{
    struct entry *entry = entry_find(impl_of(keepers), uid);
    if (!entry || entry->state == ENTRY_SWEEPING)
        return err_set(err, -ENOENT, "pod %s has no keeper", uid);
    *ret = entry;
    return 0;
}

static int keepers_go(struct keepers *keepers, const char *uid, struct err *err)
{
    struct entry *entry;
    int r = need(keepers, uid, &entry, err);
    if (r < 0)
        return r;
    entry->go_wanted = true;
    entry_say(entry, PROTO_GO, 0);
    return 0;
}

static int64_t grace_ns_of(int64_t grace_s)
{
    return grace_s < INT32_MAX ? grace_s * NS_PER_S : INT32_MAX * NS_PER_S;
}

static int keepers_stop(struct keepers *keepers, const char *uid, int64_t grace_s, struct err *err)
{
    struct entry *entry;
    int r = need(keepers, uid, &entry, err);
    if (r < 0)
        return r;
    entry->stop_wanted = true;
    entry->stop_grace_ns = grace_ns_of(grace_s);
    entry_say(entry, PROTO_STOP, entry->stop_grace_ns);
    return 0;
}

static int keepers_remove(struct keepers *keepers, const char *uid, struct err *err)
{
    struct entry *entry;
    int r = need(keepers, uid, &entry, err);
    if (r < 0)
        return r;
    entry->removing = true;
    entry_say(entry, PROTO_REMOVE, 0);
    if (entry->state == ENTRY_LIVE)
        entry_patience(entry, REMOVE_NS);
    return 0;
}

static int keepers_netns(struct keepers *keepers, const char *uid, int *ret_fd, struct err *err)
{
    struct entry *entry;
    char path[64];
    int r = need(keepers, uid, &entry, err);
    if (r < 0)
        return r;
    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)entry->pid);
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "cannot open the network namespace of pod %s", uid);
    if (sys_pidfd_kill(entry->pidfd, 0) < 0) /* alive: the number was its own when it was opened */
        return err_errno(err, errno, "the keeper of pod %s is gone", uid);
    *ret_fd = steal_fd(&fd);
    return 0;
}

static int keepers_exec(struct keepers *keepers, const char *uid, const void *request, size_t len,
                        const int *fds, size_t count, struct err *err)
{
    struct entry *entry;
    int r = need(keepers, uid, &entry, err);
    return r < 0 ? r : entry_exec(entry, request, len, fds, count, err);
}

static int keepers_mark(struct keepers *keepers, const char *uid, const char *container,
                        uint32_t attempt, uint32_t marks, struct err *err)
{
    const struct proto message = {
        .type = PROTO_MARK, .text = container, .min = attempt, .max = marks};
    struct entry *entry;
    int r = need(keepers, uid, &entry, err);
    return r < 0 ? r : entry_tell(entry, &message, -1, err);
}

static int keepers_kill(struct keepers *keepers, const char *uid, const char *container,
                        uint32_t attempt, int64_t grace_s, struct err *err)
{
    const struct proto message = {
        .type = PROTO_KILL, .text = container, .min = attempt, .value = grace_ns_of(grace_s)};
    struct entry *entry;
    int r = need(keepers, uid, &entry, err);
    return r < 0 ? r : entry_tell(entry, &message, -1, err);
}

static int keepers_add(struct keepers *keepers, const char *uid, const void *plan, size_t len,
                       struct err *err)
{
    const struct proto message = {.type = PROTO_ADD};
    struct entry *entry;
    int r = need(keepers, uid, &entry, err);
    if (r < 0)
        return r;
    autoclose int fd = launcher_plan_fd(plan, len, err);
    return fd < 0 ? fd : entry_tell(entry, &message, fd, err);
}

static int keepers_deadline(struct keepers *keepers, const char *uid, uint32_t seconds, int64_t at,
                            struct err *err)
{
    const struct proto message = {.type = PROTO_DEADLINE, .min = seconds, .value = at};
    struct entry *entry;
    int r = need(keepers, uid, &entry, err);
    return r < 0 ? r : entry_tell(entry, &message, -1, err);
}

static int keepers_resize(struct keepers *keepers, const char *uid, const struct sizing *sizing,
                          struct err *err)
{
    cleanup(buf_done) struct buf bytes;
    struct entry *entry;
    buf_init(&bytes, PROTO_MAX_BYTES);
    int r = need(keepers, uid, &entry, err);
    if (r == 0)
        r = sizing_encode(sizing, &bytes);
    const struct proto message = {
        .type = PROTO_RESIZE, .report = bytes.data, .report_len = bytes.len};
    return r < 0 ? r : entry_tell(entry, &message, -1, err);
}

static int keepers_freeze(struct keepers *keepers, const char *uid, bool frozen, struct err *err)
{
    struct entry *entry;
    int r = need(keepers, uid, &entry, err);
    if (r < 0)
        return r;
    r = cgroup_freeze(&entry->impl->cgroups, entry->cgroup, frozen);
    if (r == -ENOTSUP || r == -ENOENT)
        return err_set(err, -ENOTSUP, "this node's control groups cannot freeze");
    return r < 0 ? err_errno(err, -r, "cannot %s the pod", frozen ? "freeze" : "thaw") : 0;
}

static bool keepers_is_frozen(struct keepers *keepers, const char *uid)
{
    const struct impl *impl = impl_of(keepers);
    const struct entry *entry = entry_find(impl, uid);
    return entry && cgroup_is_frozen(&impl->cgroups, entry->cgroup);
}

static int keepers_remove_tree(struct keepers *keepers, const char *parent, const char *name,
                               struct err *err)
{
    return cleaner_start(impl_of(keepers), parent, name, true, err);
}

static void keepers_free(struct keepers *keepers)
{
    if (!keepers)
        return;
    struct impl *impl = impl_of(keepers);
    struct list *it, *tmp;
    list_each(it, tmp, &impl->entries) entry_free(container_of(it, struct entry, link));
    if (impl->settle)
        loop_defer_free(impl->settle);
    cleaners_free(&impl->cleaners);
    launcher_free(impl->launcher);
    /* Goes if no keeper runs. */
    autofree char *group = xasprintf("%s/keepers", impl->cgroup_root);
    cgroup_prune(&impl->cgroups, group);
    if (impl->lock_fd >= 0)
        close(impl->lock_fd);
    free(impl->run_dir);
    free(impl->cgroup_root);
    free(impl);
}

/* The trees, and what of them works for us: a limit that this node cannot keep is said once, here.
 */
static int find_groups(struct impl *impl, struct err *err)
{
    autofree char *group = xasprintf("%s/keepers", impl->cgroup_root);
    int r = cgroup_detect(&impl->cgroups, err);
    if (r == 0)
        r = cgroup_create(&impl->cgroups, group, NULL, err);
    if (r < 0)
        return r;
    cgroup_narrow(&impl->cgroups, group);
    unsigned missing = cgroup_missing(&impl->cgroups);
    if (missing)
        log_warn("limits are not kept here: no such control group controller missing=\"%s\"",
                 cgroup_controller_names(missing));
    return 0;
}

int keepers_new(struct loop *loop, const struct keepers_spec *spec, struct keepers **ret,
                struct err *err)
{
    struct impl *impl = xcalloc(1, sizeof(*impl));
    impl->keepers = (struct keepers){.start = keepers_start,
                                     .spawn = keepers_spawn,
                                     .go = keepers_go,
                                     .stop = keepers_stop,
                                     .remove = keepers_remove,
                                     .netns = keepers_netns,
                                     .exec = keepers_exec,
                                     .mark = keepers_mark,
                                     .kill = keepers_kill,
                                     .add = keepers_add,
                                     .deadline = keepers_deadline,
                                     .resize = keepers_resize,
                                     .freeze = keepers_freeze,
                                     .is_frozen = keepers_is_frozen,
                                     .remove_tree = keepers_remove_tree,
                                     .free = keepers_free};
    impl->loop = loop;
    impl->lock_fd = -1;
    impl->run_dir = xstrdup(spec->run_dir);
    impl->cgroup_root = xstrdup(spec->cgroup_root);
    list_init(&impl->entries);
    list_init(&impl->cleaners);
    int r = find_groups(impl, err);
    if (r == 0)
        r = launcher_new(spec->keeper_path, spec->cgroup_root, &impl->cgroups, &impl->launcher,
                         err);
    if (r < 0) {
        keepers_free(&impl->keepers);
        return r;
    }
    *ret = &impl->keepers;
    return 0;
}
