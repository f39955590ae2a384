#include "agent/keeper/entry.h"

#include "agent/keeper/cleaner.h"
#include "agent/keeper/fdpass.h"
#include "agent/keeper/proto.h"
#include "agent/keeper/rundir.h"
#include "agent/keeper/silence.h"
#include "agent/runtime/sys.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ADOPT_NS (5 * NS_PER_S) /* of one that runs already */
#define CONNECT_RETRY_NS (50 * NS_PER_MS)
#define SILENCE_LOOK_NS (1 * NS_PER_S)
#define HUNG_NS (30 * NS_PER_S) /* silent, and awake all the time */
#define SWEEP_MIN_NS (1 * NS_PER_MS)
#define SWEEP_MAX_NS (1 * NS_PER_S)

struct entry *entry_find(const struct impl *impl, const char *uid)
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
    if (impl->handler.settled)
        impl->handler.settled(impl->ctx);
}

void entry_settle(struct impl *impl)
{
    if (impl->awaited == 0)
        impl->settle = loop_defer(impl->loop, settle, impl);
}

/* One less to wait for. */
static void no_longer_awaited(struct entry *entry)
{
    struct impl *impl = entry->impl;
    if (!entry->awaited)
        return;
    entry->awaited = false;
    impl->awaited--;
    entry_settle(impl);
}

/* It was found, and has not reported yet. */
static bool is_unheard(const struct entry *entry)
{
    return entry->awaited || entry->silent;
}

static void disconnect(struct entry *entry)
{
    loop_io_free(entry->io);
    entry->io = NULL;
    if (entry->fd >= 0)
        close(entry->fd);
    entry->fd = -1;
}

void entry_free(struct entry *entry)
{
    no_longer_awaited(entry);
    disconnect(entry);
    loop_child_free(entry->child);
    loop_timer_free(entry->timer);
    if (entry->pidfd >= 0)
        close(entry->pidfd);
    list_remove(&entry->link);
    keeper_report_free(entry->last);
    free(entry->failure);
    free(entry->uid);
    free(entry->cgroup);
    free(entry->run_dir);
    free(entry->state_dir);
    free(entry);
}

static void entry_timer(void *ctx);

struct entry *entry_new(struct impl *impl, const char *uid)
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

/* What a keeper that had to be killed could not remove itself. */
static void remove_layers(struct entry *entry)
{
    autofree char *rw = entry->state_dir ? xasprintf("%s/rw", entry->state_dir) : NULL;
    if (!entry->removing || !rw || access(rw, F_OK) < 0)
        return;
    if (cleaner_start(entry->impl, entry->state_dir, "rw", false, NULL) < 0)
        log_warn("writable layers left behind pod=%s", entry->uid);
}

int entry_sweep_once(struct entry *entry)
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
    if (entry_sweep_once(entry) < 0) {
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
    autofree char *failure = steal(entry->failure);
    autofree char *uid = steal(entry->uid);
    entry_free(entry);
    if (told)
        impl->handler.gone(impl->ctx, uid, &(struct keeper_end){expected, failure, last});
    keeper_report_free(last);
}

void entry_begin_sweep(struct entry *entry)
{
    disconnect(entry);
    entry->state = ENTRY_SWEEPING;
    entry->wait_ns = SWEEP_MIN_NS;
    loop_timer_stop(entry->timer);
    sweep(entry);
}

/* ---- talking ---- */

void entry_say(struct entry *entry, int type, int64_t value)
{
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, PROTO_MAX_BYTES);
    const struct proto message = {.type = (enum proto_type)type,
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

static int refuse(struct err *err)
{
    return err_set(err, -EPROTONOSUPPORT,
                   "not supported by the keeper of this pod; restart the pod");
}

static int tell(struct entry *entry, int since, const struct proto *message, const int *fds,
                size_t count, struct err *err)
{
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, PROTO_MAX_BYTES);
    if (entry->version < since)
        return refuse(err);
    int r = proto_encode(message, &bytes);
    if (r == 0)
        r = fdpass_send(entry->fd, bytes.data, bytes.len, fds, count);
    return r < 0 ? err_errno(err, -r, "the pod's keeper does not listen") : 0;
}

int entry_exec(struct entry *entry, const void *request, size_t len, const int *fds, size_t count,
               struct err *err)
{
    const struct proto message = {.type = PROTO_EXEC, .report = request, .report_len = len};
    return tell(entry, PROTO_EXEC_SINCE, &message, fds, count, err);
}

int entry_tell(struct entry *entry, const struct proto *message, int fd, struct err *err)
{
    int since = message->type >= PROTO_RESIZE ? PROTO_SIZES_SINCE : PROTO_ORDER_SINCE;
    /* It would pass over a plan that it cannot read, without a word. */
    if (message->type == PROTO_ADD && entry->launch_version != LAUNCH_VERSION &&
        !WEAKENED(ADD_VERSION))
        return refuse(err);
    return tell(entry, since, message, &fd, fd < 0 ? 0 : 1, err);
}

void entry_patience(struct entry *entry, int64_t ns)
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
    entry->silent = false;
    if (!entry->removing)
        loop_timer_stop(entry->timer);
    if (entry->state != ENTRY_LIVE)
        return;
    no_longer_awaited(entry);
    impl->handler.report(impl->ctx, report);
}

/* The keeper could not set the pod up and ends: gone() tells the agent why. */
static void take_failure(struct entry *entry, const char *text)
{
    struct err cut = {0};
    err_set(&cut, -EIO, "%s", str_empty(text) ? "its keeper does not say why" : text);
    free(entry->failure);
    entry->failure = xstrdup(cut.msg);
}

static void take_message(struct entry *entry, const void *data, size_t len)
{
    struct proto message;
    if (proto_decode(data, len, &message) < 0)
        return;
    if (message.type == PROTO_HELLO)
        entry->launch_version = message.value;
    if (message.type == PROTO_HELLO && (entry->version = proto_agree(&message)) < 0)
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

static int64_t connect_retry_ns(const struct entry *entry)
{
    return entry->silent ? SILENCE_LOOK_NS : CONNECT_RETRY_NS;
}

static void entry_ready(void *ctx, int fd, uint32_t events)
{
    struct entry *entry = ctx;
    (void)fd;
    if (events & EPOLLIN)
        if (receive(entry))
            return; /* level-triggered; the entry may be gone */
    if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) {
        disconnect(entry);
        if (entry->removing)
            return;
        if (is_unheard(entry)) { /* it may only have had too many connections */
            entry->state = ENTRY_CONNECTING;
            loop_timer_after(entry->timer, connect_retry_ns(entry));
            return;
        }
        /* The process will follow; if it does not, it is of no use without its socket. */
        entry_patience(entry, ADOPT_NS);
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
    entry_begin_sweep(entry);
}

int entry_attach(struct entry *entry, int fd, struct err *err)
{
    int r = loop_io_new(entry->impl->loop, fd, EPOLLIN, entry_ready, entry, &entry->io, err);
    if (r < 0)
        return r;
    entry->fd = fd;
    entry->state = ENTRY_LIVE;
    entry_say(entry, PROTO_HELLO, 0);
    if (entry->go_wanted)
        entry_say(entry, PROTO_GO, 0);
    if (entry->stop_wanted)
        entry_say(entry, PROTO_STOP, entry->stop_grace_ns);
    if (entry->removing)
        entry_say(entry, PROTO_REMOVE, 0);
    return 0;
}

int entry_watch(struct entry *entry, pid_t pid, struct err *err)
{
    entry->pid = pid;
    entry->pidfd = sys_pidfd_open(pid);
    if (entry->pidfd < 0)
        return err_errno(err, errno, "cannot watch keeper %d", (int)pid);
    return loop_child_new(entry->impl->loop, pid, entry_exited, entry, &entry->child, err);
}

/* ---- silence ---- */

static bool tell_silent(struct entry *entry)
{
    const struct impl *impl = entry->impl;
    autofree char *ns = NULL, *name = NULL;
    if (silence_pod(entry->pid, &ns, &name) < 0)
        return false;
    entry->silent = entry->told = true;
    if (impl->handler.silent)
        impl->handler.silent(impl->ctx, entry->uid, ns, name);
    no_longer_awaited(entry);
    return true;
}

/* A keeper that was found and has not been heard in time: waited for, or killed. */
static void out_of_time(struct entry *entry)
{
    bool may_wait = is_unheard(entry) && !entry->removing && !WEAKENED(KEEPER_SILENT);
    if (may_wait && (entry->silent || tell_silent(entry)) &&
        silence_awake_ns(&entry->awake_since, silence_is_blocked(entry->pid),
                         loop_now(entry->impl->loop)) < HUNG_NS) {
        loop_timer_after(entry->timer, SILENCE_LOOK_NS);
        return;
    }
    log_warn("keeper does not answer and is killed pod=%s pid=%d", entry->uid, (int)entry->pid);
    kill_keeper(entry);
}

/* ---- connecting ---- */

static void try_connect(struct entry *entry)
{
    int fd = rundir_connect(entry->run_dir);
    if (fd >= 0 && entry_attach(entry, fd, NULL) == 0) {
        loop_timer_at(entry->timer, entry->deadline);
        return;
    }
    if (fd >= 0)
        close(fd);
    if (loop_now(entry->impl->loop) >= entry->deadline)
        out_of_time(entry);
    else
        loop_timer_after(entry->timer, connect_retry_ns(entry));
}

static void entry_timer(void *ctx)
{
    struct entry *entry = ctx;
    switch (entry->state) {
    case ENTRY_CONNECTING:
        try_connect(entry);
        return;
    case ENTRY_LIVE:
        out_of_time(entry);
        return;
    case ENTRY_SWEEPING:
        sweep(entry);
        return;
    }
}

void entry_connect(struct entry *entry, int64_t patience_ns)
{
    entry->state = ENTRY_CONNECTING;
    entry->deadline = loop_now(entry->impl->loop) + patience_ns;
    try_connect(entry);
}
