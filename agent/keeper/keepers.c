#include "agent/keeper/keepers.h"

#include "agent/keeper/launcher.h"
#include "agent/keeper/proto.h"
#include "agent/runtime/cgroup.h"
#include "agent/runtime/sys.h"
#include "common/base/cleanup.h"
#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define FIRST_REPORT_NS (30 * NS_PER_S) /* of a new keeper, on a slow board */
#define ADOPT_NS (5 * NS_PER_S)         /* of one that runs already */
#define CONNECT_RETRY_NS (50 * NS_PER_MS)
#define REMOVE_NS (20 * NS_PER_S)
#define SWEEP_MIN_NS (1 * NS_PER_MS)
#define SWEEP_MAX_NS (1 * NS_PER_S)
#define START_SWEEP_NS (3 * NS_PER_S) /* in keepers->start; what is left goes on from the loop */
#define PID_FILE_MAX 8192

enum entry_state {
    ENTRY_CONNECTING, /* adopted: its socket does not answer yet */
    ENTRY_LIVE,
    ENTRY_SWEEPING, /* the keeper is gone: its pod is killed and removed */
};

struct impl;

struct entry {
    struct list link;
    struct impl *impl;
    enum entry_state state;
    char *uid;
    char *cgroup, *run_dir, *state_dir; /* state_dir: NULL if unknown */
    bool awaited;                       /* found at start: settled() waits for its first report */
    bool told;                          /* the agent knows of it: gone() is due */
    bool removing;
    bool stop_wanted, go_wanted; /* asked for before there was a connection */
    int64_t stop_grace_ns;
    int pidfd;
    pid_t pid;
    struct loop_child *child;
    int fd;
    struct loop_io *io;
    struct loop_timer *timer; /* state CONNECTING: try again; LIVE: patience; SWEEPING: try again */
    int64_t deadline;         /* boot ns of what the timer is about */
    int64_t wait_ns;
    struct keeper_report *last;
};

struct impl {
    struct keepers keepers;
    struct loop *loop;
    char *run_dir, *cgroup_root;
    int lock_fd;
    struct cgroup_host cgroups;
    struct launcher *launcher;
    const struct keepers_handler *handler;
    struct keepers_handler handler_copy;
    void *ctx;
    struct list entries;
    struct list cleaners;
    size_t awaited; /* entries that settled() waits for */
    struct loop_defer *settle;
};

/* ---- entries ---- */

static struct entry *find(const struct impl *impl, const char *uid)
{
    for (struct list *it = impl->entries.next; it != &impl->entries; it = it->next) {
        struct entry *entry = container_of(it, struct entry, link);
        if (str_eq(entry->uid, uid))
            return entry;
    }
    return NULL;
}

static void settle(void *ctx)
{
    struct impl *impl = ctx;
    impl->settle = NULL;
    if (impl->handler->settled)
        impl->handler->settled(impl->ctx);
}

/* One less to wait for. */
static void no_longer_awaited(struct entry *entry)
{
    struct impl *impl = entry->impl;
    if (!entry->awaited)
        return;
    entry->awaited = false;
    if (--impl->awaited == 0)
        impl->settle = loop_defer(impl->loop, settle, impl);
}

static void disconnect(struct entry *entry)
{
    loop_io_free(entry->io);
    entry->io = NULL;
    if (entry->fd >= 0)
        close(entry->fd);
    entry->fd = -1;
}

static void entry_free(struct entry *entry)
{
    no_longer_awaited(entry);
    disconnect(entry);
    loop_child_free(entry->child);
    loop_timer_free(entry->timer);
    if (entry->pidfd >= 0)
        close(entry->pidfd);
    list_remove(&entry->link);
    keeper_report_free(entry->last);
    free(entry->uid);
    free(entry->cgroup);
    free(entry->run_dir);
    free(entry->state_dir);
    free(entry);
}

static void entry_timer(void *ctx);

static struct entry *entry_new(struct impl *impl, const char *uid)
{
    struct entry *entry = xcalloc(1, sizeof(*entry));
    entry->impl = impl;
    entry->uid = xstrdup(uid);
    entry->cgroup = xasprintf("%s/pod%s", impl->cgroup_root, uid);
    entry->run_dir = xasprintf("%s/%s", impl->run_dir, uid);
    entry->fd = entry->pidfd = -1;
    entry->timer = loop_timer_new(impl->loop, entry_timer, entry);
    list_append(&impl->entries, &entry->link);
    return entry;
}

/* ---- sweeping ---- */

struct cleaner {
    struct list link;
    struct loop_child *child;
};

static void cleaner_free(struct cleaner *cleaner)
{
    loop_child_free(cleaner->child);
    list_remove(&cleaner->link);
    free(cleaner);
}

static void cleaner_done(void *ctx, pid_t pid, int status)
{
    (void)pid;
    (void)status;
    cleaner_free(ctx);
}

/* What a keeper that had to be killed could not remove itself. */
static void remove_layers(struct entry *entry)
{
    struct impl *impl = entry->impl;
    pid_t pid;
    autofree char *rw = entry->state_dir ? xasprintf("%s/rw", entry->state_dir) : NULL;
    if (!entry->removing || !rw || access(rw, F_OK) < 0)
        return;
    struct cleaner *cleaner = xcalloc(1, sizeof(*cleaner));
    list_append(&impl->cleaners, &cleaner->link);
    if (launcher_remove_tree(impl->launcher, entry->state_dir, "rw", &pid, NULL) < 0 ||
        loop_child_new(impl->loop, pid, cleaner_done, cleaner, &cleaner->child, NULL) < 0) {
        log_warn("writable layers left behind pod=%s", entry->uid);
        cleaner_free(cleaner);
    }
}

static int sweep_once(struct entry *entry)
{
    struct impl *impl = entry->impl;
    cgroup_kill(&impl->cgroups, entry->cgroup);
    int r = cgroup_remove(&impl->cgroups, entry->cgroup);
    if (r < 0 && !WEAKENED(SWEEP_UNTIL_EMPTY))
        return r;
    autoclose int dir = open(impl->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? 0 : path_remove_tree(dir, entry->uid);
}

/* gone() is not said before nothing of the pod is left: the agent may start it anew in that moment.
 */
static void sweep(struct entry *entry)
{
    struct impl *impl = entry->impl;
    if (sweep_once(entry) < 0) {
        if (entry->wait_ns == SWEEP_MAX_NS / 2)
            log_warn("a pod's processes do not end pod=%s", entry->uid);
        loop_timer_after(entry->timer, entry->wait_ns);
        entry->wait_ns = entry->wait_ns * 2 < SWEEP_MAX_NS ? entry->wait_ns * 2 : SWEEP_MAX_NS;
        return;
    }
    remove_layers(entry);
    bool told = entry->told;
    bool expected = entry->removing || (entry->last && entry->last->state == KEEPER_ENDED);
    struct keeper_report *last = steal(entry->last);
    char *uid = steal(entry->uid);
    entry_free(entry);
    if (told)
        impl->handler->gone(impl->ctx, uid, expected, last);
    keeper_report_free(last);
    free(uid);
}

static void begin_sweep(struct entry *entry)
{
    disconnect(entry);
    entry->state = ENTRY_SWEEPING;
    entry->wait_ns = SWEEP_MIN_NS;
    loop_timer_stop(entry->timer);
    sweep(entry);
}

/* ---- talking ---- */

static void say(struct entry *entry, enum proto_type type, int64_t value)
{
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, PROTO_MAX_BYTES);
    const struct proto message = {.type = type,
                                  .min = PROTO_MIN,
                                  .max = PROTO_MAX,
                                  .value = value,
                                  .text = type == PROTO_HELLO ? LIMPET_VERSION : NULL};
    if (entry->fd < 0 || proto_encode(&message, &bytes) < 0)
        return;
    /* A keeper that does not read is noticed by whoever waits for the answer. */
    if (send(entry->fd, bytes.data, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EPIPE &&
        errno != ECONNRESET)
        log_warn("keeper does not listen pod=%s error=%s", entry->uid, strerror(errno));
}

static void patience(struct entry *entry, int64_t ns)
{
    entry->deadline = loop_now(entry->impl->loop) + ns;
    loop_timer_at(entry->timer, entry->deadline);
}

static void kill_keeper(struct entry *entry)
{
    if (entry->pidfd >= 0)
        sys_pidfd_kill(entry->pidfd, SIGKILL);
}

static void take_report(struct entry *entry, const struct proto *message)
{
    struct impl *impl = entry->impl;
    struct keeper_report *report;
    struct err err = {0};
    if (keeper_report_decode(message->report, message->report_len, &report, &err) < 0 ||
        !str_eq(report->pod_uid, entry->uid)) {
        log_warn("keeper's report refused pod=%s error=%s", entry->uid, log_quote(err.msg));
        return;
    }
    keeper_report_free(entry->last);
    entry->last = report;
    entry->told = true;
    if (!entry->removing)
        loop_timer_stop(entry->timer);
    if (entry->state != ENTRY_LIVE)
        return;
    no_longer_awaited(entry);
    impl->handler->report(impl->ctx, report);
}

/* The keeper could not make the pod: the agent learns why from gone()'s last report. */
static void take_failure(struct entry *entry, const char *text)
{
    struct keeper_report *report = entry->last;
    for (size_t i = 0; report && i < report->container_count; i++) {
        struct keeper_exit *last = &report->containers[i].last;
        *last = (struct keeper_exit){.valid = true, .code = 128};
        snprintf(last->reason, sizeof(last->reason), "StartError");
        snprintf(last->message, sizeof(last->message), "%s", text ? text : "");
    }
    log_warn("pod could not be set up pod=%s error=%s", entry->uid, log_quote(text ? text : ""));
}

static void take_message(struct entry *entry, const void *data, size_t len)
{
    struct proto message;
    if (proto_decode(data, len, &message) < 0)
        return;
    if (message.type == PROTO_HELLO && proto_agree(&message) < 0)
        log_error("keeper speaks another protocol pod=%s release=%s", entry->uid,
                  log_quote(message.text ? message.text : ""));
    else if (message.type == PROTO_REPORT)
        take_report(entry, &message);
    else if (message.type == PROTO_FAILED)
        take_failure(entry, message.text);
}

/* One message; false when there is none. The handler may have changed the world when it returns. */
static bool receive(struct entry *entry)
{
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, PROTO_MAX_BYTES);
    ssize_t len;
    /* A keeper that ends without having read all from us resets the connection: that comes once,
     * and before what it has said. */
    for (int tries = 0; tries < 2; tries++) {
        len = recv(entry->fd, NULL, 0, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC);
        if (len >= 0 || errno != ECONNRESET)
            break;
    }
    if (len <= 0)
        return false;
    char *to = buf_reserve(&bytes, (size_t)len);
    if (!to) {
        kill_keeper(entry); /* nothing of ours is so large */
        return false;
    }
    len = recv(entry->fd, to, (size_t)len, MSG_DONTWAIT);
    if (len <= 0)
        return false;
    take_message(entry, to, (size_t)len);
    return true;
}

static void entry_ready(void *ctx, int fd, uint32_t events)
{
    struct entry *entry = ctx;
    (void)fd;
    if (events & EPOLLIN)
        if (receive(entry))
            return; /* level-triggered; the entry may be gone */
    if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) {
        /* The process will follow; if it does not, it is of no use without its socket. */
        disconnect(entry);
        if (!entry->removing)
            patience(entry, ADOPT_NS);
    }
}

static void entry_exited(void *ctx, pid_t pid, int status)
{
    struct entry *entry = ctx;
    (void)pid;
    (void)status;
    entry->state = ENTRY_SWEEPING; /* what is still to be read changes `last` only */
    while (entry->fd >= 0 && receive(entry))
        ;
    begin_sweep(entry);
}

static int attach(struct entry *entry, int fd, struct err *err)
{
    int r = loop_io_new(entry->impl->loop, fd, EPOLLIN, entry_ready, entry, &entry->io, err);
    if (r < 0)
        return r;
    entry->fd = fd;
    entry->state = ENTRY_LIVE;
    say(entry, PROTO_HELLO, 0);
    if (entry->go_wanted)
        say(entry, PROTO_GO, 0);
    if (entry->stop_wanted)
        say(entry, PROTO_STOP, entry->stop_grace_ns);
    if (entry->removing)
        say(entry, PROTO_REMOVE, 0);
    return 0;
}

static int watch_process(struct entry *entry, pid_t pid, struct err *err)
{
    entry->pid = pid;
    entry->pidfd = sys_pidfd_open(pid);
    if (entry->pidfd < 0)
        return err_errno(err, errno, "cannot watch keeper %d", (int)pid);
    return loop_child_new(entry->impl->loop, pid, entry_exited, entry, &entry->child, err);
}

/* ---- adopting ---- */

static int connect_to(const char *run_dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/keeper.sock", run_dir);
    if (n < 0 || (size_t)n >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return steal_fd(&fd);
}

static void try_connect(struct entry *entry)
{
    int fd = connect_to(entry->run_dir);
    if (fd >= 0 && attach(entry, fd, NULL) == 0) {
        patience(entry, ADOPT_NS);
        return;
    }
    if (fd >= 0)
        close(fd);
    if (loop_now(entry->impl->loop) >= entry->deadline) {
        log_warn("keeper does not answer pod=%s pid=%d", entry->uid, (int)entry->pid);
        kill_keeper(entry);
        return;
    }
    loop_timer_after(entry->timer, CONNECT_RETRY_NS);
}

static void entry_timer(void *ctx)
{
    struct entry *entry = ctx;
    switch (entry->state) {
    case ENTRY_CONNECTING:
        try_connect(entry);
        return;
    case ENTRY_LIVE:
        log_warn("keeper does not answer and is killed pod=%s pid=%d", entry->uid, (int)entry->pid);
        kill_keeper(entry);
        return;
    case ENTRY_SWEEPING:
        sweep(entry);
        return;
    }
}

/* The process that holds the lock on the pod's pid file; 0: nobody. */
static pid_t lock_holder(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK ? 0 : lock.l_pid;
}

static void read_state_dir(struct entry *entry, int fd)
{
    char text[PID_FILE_MAX];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    if (n <= 0)
        return;
    text[n] = '\0';
    char *line = strchr(text, '\n');
    line = line ? strchr(line + 1, '\n') : NULL;
    if (!line || line[1] != '/')
        return;
    line[1 + strcspn(line + 1, "\n")] = '\0';
    entry->state_dir = xstrdup(line + 1);
}

/* A pod's run folder: adopts its keeper, or leaves the entry to be swept. */
static void adopt(struct impl *impl, const char *uid)
{
    struct entry *entry = entry_new(impl, uid);
    autofree char *path = xasprintf("%s/keeper.pid", entry->run_dir);
    entry->state = ENTRY_SWEEPING;
    autoclose int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    pid_t pid = fd < 0 ? 0 : lock_holder(fd);
    if (fd >= 0)
        read_state_dir(entry, fd);
    /* Asked again when its descriptor is held: it was that process, and not one that got its
     * number. */
    if (pid <= 1 || watch_process(entry, pid, NULL) < 0 || lock_holder(fd) != pid) {
        loop_child_free(entry->child);
        entry->child = NULL;
        return;
    }
    entry->state = ENTRY_CONNECTING;
    entry->awaited = true;
    impl->awaited++;
    entry->deadline = loop_now(impl->loop) + ADOPT_NS;
    try_connect(entry);
}

static int scan_run_dir(struct impl *impl, struct err *err)
{
    DIR *dir = opendir(impl->run_dir);
    if (!dir)
        return err_errno(err, errno, "cannot read %s", impl->run_dir);
    const struct dirent *item;
    while ((item = readdir(dir)))
        if (item->d_name[0] != '.')
            adopt(impl, item->d_name);
    closedir(dir);
    return 0;
}

/* A pod's group without a run folder. */
static void found_group(void *ctx, const char *name)
{
    struct impl *impl = ctx;
    if (!str_has_prefix(name, "pod") || find(impl, name + 3))
        return;
    entry_new(impl, name + 3)->state = ENTRY_SWEEPING;
}

/* Everything that belongs to no keeper, now and for a bounded time; the rest from the loop. */
static void sweep_orphans(struct impl *impl)
{
    int64_t until = loop_now(impl->loop) + START_SWEEP_NS;
    bool left = true;
    for (int64_t wait = SWEEP_MIN_NS; left; wait = wait < 64 * SWEEP_MIN_NS ? wait * 2 : wait) {
        struct list *it, *tmp;
        left = false;
        list_each(it, tmp, &impl->entries)
        {
            struct entry *entry = container_of(it, struct entry, link);
            if (entry->state != ENTRY_SWEEPING)
                continue;
            if (sweep_once(entry) == 0)
                entry_free(entry);
            else
                left = true;
        }
        if (left && loop_now(impl->loop) >= until)
            break;
        const struct timespec pause = {.tv_nsec = wait};
        if (left)
            nanosleep(&pause, NULL);
    }
    struct list *it, *tmp;
    list_each(it, tmp, &impl->entries)
    {
        struct entry *entry = container_of(it, struct entry, link);
        if (entry->state == ENTRY_SWEEPING)
            begin_sweep(entry);
    }
}

static int take_lock(struct impl *impl, struct err *err)
{
    autofree char *path = xasprintf("%s/.lock", impl->run_dir);
    if (mkdir(impl->run_dir, 0700) < 0 && errno != EEXIST)
        return err_errno(err, errno, "cannot make %s", impl->run_dir);
    autoclose int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, errno, "cannot open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return err_set(err, -EBUSY, "another limpetd keeps its pods in %s", impl->run_dir);
    impl->lock_fd = steal_fd(&fd);
    return 0;
}

/* ---- the struct of functions ---- */

static struct impl *impl_of(struct keepers *keepers)
{
    return container_of(keepers, struct impl, keepers);
}

static int keepers_start(struct keepers *keepers, const struct keepers_handler *handler, void *ctx,
                         struct err *err)
{
    struct impl *impl = impl_of(keepers);
    int r = take_lock(impl, err);
    if (r < 0)
        return r;
    impl->handler_copy = *handler;
    impl->handler = &impl->handler_copy;
    impl->ctx = ctx;
    r = scan_run_dir(impl, err);
    if (r < 0)
        return r;
    cgroup_list(&impl->cgroups, impl->cgroup_root, found_group, impl);
    sweep_orphans(impl);
    if (impl->awaited == 0)
        impl->settle = loop_defer(impl->loop, settle, impl);
    return 0;
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
    r = watch_process(entry, pid, err);
    if (r == 0)
        r = attach(entry, ours, err);
    if (r < 0) {
        kill(pid, SIGKILL); /* not reaped yet: the number is still its own */
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return r;
    }
    steal_fd(&ours);
    patience(entry, FIRST_REPORT_NS);
    return 0;
}

static int keepers_spawn(struct keepers *keepers, const char *uid, const void *bytes, size_t len,
                         struct err *err)
{
    struct impl *impl = impl_of(keepers);
    struct launch_plan *plan;
    const struct entry *there = find(impl, uid);
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
    struct entry *entry = find(impl_of(keepers), uid);
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
    say(entry, PROTO_GO, 0);
    return 0;
}

static int keepers_stop(struct keepers *keepers, const char *uid, int64_t grace_s, struct err *err)
{
    struct entry *entry;
    int r = need(keepers, uid, &entry, err);
    if (r < 0)
        return r;
    entry->stop_wanted = true;
    entry->stop_grace_ns = grace_s < INT32_MAX ? grace_s * NS_PER_S : INT32_MAX * NS_PER_S;
    say(entry, PROTO_STOP, entry->stop_grace_ns);
    return 0;
}

static int keepers_remove(struct keepers *keepers, const char *uid, struct err *err)
{
    struct entry *entry;
    int r = need(keepers, uid, &entry, err);
    if (r < 0)
        return r;
    entry->removing = true;
    say(entry, PROTO_REMOVE, 0);
    if (entry->state == ENTRY_LIVE)
        patience(entry, REMOVE_NS);
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

static void keepers_free(struct keepers *keepers)
{
    if (!keepers)
        return;
    struct impl *impl = impl_of(keepers);
    struct list *it, *tmp;
    list_each(it, tmp, &impl->entries) entry_free(container_of(it, struct entry, link));
    if (impl->settle)
        loop_defer_free(impl->settle);
    list_each(it, tmp, &impl->cleaners) cleaner_free(container_of(it, struct cleaner, link));
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
