#include "agent/keeper/container.h"

#include "agent/keeper/attaches.h"
#include "agent/keeper/fork.h"
#include "agent/keeper/lastwords.h"
#include "agent/keeper/logfile.h"
#include "agent/runtime/child.h"
#include "agent/runtime/sys.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#define READ_BYTES ((size_t)8192)
/* Of one stream, before the others have their turn. */
#define READS_A_TURN 8
/* Of one stream after the end: the pipe holds 64 KiB. */
#define READS_AT_END 32

enum { STREAM_OUT, STREAM_ERR, STREAMS };

struct stream {
    struct container *container;
    struct logstream log;
    unsigned number; /* 1, 2 */
    int fd;
    struct loop_io *io;
};

struct container {
    struct loop *loop;
    const struct sandbox *sandbox;
    size_t i;
    const struct container_handler *handler;
    void *ctx;

    unsigned attempt;
    pid_t pid;
    bool killed;   /* this attempt was sent SIGKILL */
    bool told;     /* the handler knows that it started */
    uint64_t ooms; /* of earlier attempts */

    int report; /* the child's socket; -1 once it has said all */
    struct loop_io *report_io;
    struct child_message failure; /* stage < 0: none */
    struct loop_defer *refusal;   /* a start that failed before there was a child */
    struct err refused;
    bool retry; /* what it failed for may pass */

    int stdin_end; /* kept open when stdin is asked for and nobody is attached */
    struct stream streams[STREAMS];
    struct attaches *attaches;
    struct logfile *log;
};

static const struct attaches_handler attaches_handler;

/* Asked each time: the plan may have moved when it grew. */
static const struct launch_container *plan_of(const struct container *container)
{
    return &container->sandbox->plan->containers[container->i];
}

/* Others than its own processes are in its PID namespace: when its first one ends, nothing else
 * ends what it leaves behind. */
static bool shares_pids(const struct container *container)
{
    const struct launch_plan *plan = container->sandbox->plan;
    return plan->host_pid || plan->share_pids || plan_of(container)->target;
}

struct container *container_new(struct loop *loop, const struct sandbox *sandbox, size_t i,
                                const struct container_handler *handler, void *ctx)
{
    static const char *const names[STREAMS] = {"stdout", "stderr"};
    struct container *container = xcalloc(1, sizeof(*container));
    container->loop = loop;
    container->sandbox = sandbox;
    container->i = i;
    container->handler = handler;
    container->ctx = ctx;
    container->report = container->stdin_end = -1;
    for (int s = 0; s < STREAMS; s++)
        container->streams[s] = (struct stream){
            .container = container, .log = {.name = names[s]}, .number = (unsigned)s + 1, .fd = -1};
    bool patient = plan_of(container)->tty || plan_of(container)->stdin_open;
    container->attaches = attaches_new(loop, patient, &attaches_handler, container);
    if (!str_empty(plan_of(container)->log_path))
        container->log =
            logfile_new(plan_of(container)->log_path, plan_of(container)->log_max_bytes,
                        plan_of(container)->log_max_files);
    return container;
}

static void drop_fd(int *fd, struct loop_io **io)
{
    if (io) {
        loop_io_free(*io);
        *io = NULL;
    }
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void container_free(struct container *container)
{
    if (!container)
        return;
    for (int s = 0; s < STREAMS; s++)
        drop_fd(&container->streams[s].fd, &container->streams[s].io);
    drop_fd(&container->report, &container->report_io);
    drop_fd(&container->stdin_end, NULL);
    loop_defer_free(container->refusal);
    attaches_free(container->attaches);
    logfile_free(container->log);
    free(container);
}

pid_t container_pid(const struct container *container)
{
    return container->pid;
}

/* ---- output ---- */

enum got { GOT_END, GOT_NOTHING, GOT_MORE };

/* One read. */
static enum got read_stream(struct stream *stream)
{
    char data[READ_BYTES];
    struct logfile *log = stream->container->log;
    ssize_t n;
    do
        n = read(stream->fd, data, sizeof(data));
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return GOT_NOTHING;
    if (n <= 0) /* EIO: the last holder of the terminal is gone */
        return GOT_END;
    if (log)
        logfile_write(log, &stream->log, data, (size_t)n,
                      clock_wall(loop_clock(stream->container->loop)));
    attaches_write(stream->container->attaches, stream->number, data, (size_t)n);
    return GOT_MORE;
}

/* Reads until there is nothing, at most `reads` times. */
static enum got drain_stream(struct stream *stream, int reads)
{
    enum got got = GOT_MORE;
    while (got == GOT_MORE && reads-- > 0 && !attaches_waits(stream->container->attaches))
        got = read_stream(stream);
    return got;
}

static void close_stream(struct stream *stream)
{
    struct container *container = stream->container;
    if (container->log)
        logfile_end(container->log, &stream->log, clock_wall(loop_clock(container->loop)));
    drop_fd(&stream->fd, &stream->io);
}

/* Whoever is attached is waited for, or not any more. */
static void watch_output(struct container *container, bool on)
{
    for (int s = 0; s < STREAMS; s++)
        if (container->streams[s].io)
            loop_io_events(container->streams[s].io, on ? EPOLLIN : 0);
}

static void attached_drained(void *ctx)
{
    struct container *container = ctx;
    watch_output(container, !attaches_waits(container->attaches));
}

static void attached_stdin_left(void *ctx)
{
    struct container *container = ctx;
    if (plan_of(container)->stdin_once)
        drop_fd(&container->stdin_end, NULL);
}

static const struct attaches_handler attaches_handler = {.drained = attached_drained,
                                                         .stdin_left = attached_stdin_left};

void container_attach(struct container *container, const struct exec_request *request,
                      const int *fds)
{
    const struct launch_container *plan = plan_of(container);
    /* A terminal is for sizes, too: it goes out even where nothing may be typed into it. */
    int fd = plan->tty ? container->streams[STREAM_OUT].fd : container->stdin_end;
    attaches_add(container->attaches, request, fds, fd, plan->stdin_open);
}

static void stream_ready(void *ctx, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    struct stream *stream = ctx;
    if (drain_stream(stream, READS_A_TURN) == GOT_END)
        close_stream(stream);
    else if (attaches_waits(stream->container->attaches))
        watch_output(stream->container, false);
}

static int watch_stream(struct stream *stream, int fd, struct err *err)
{
    struct loop_io *io;
    int r = loop_io_new(stream->container->loop, fd, EPOLLIN, stream_ready, stream, &io, err);
    if (r < 0)
        return r;
    stream->fd = fd;
    stream->io = io;
    return 0;
}

/* What the pipes still hold. Whoever has the other end open after that is not of this container.
 * Who is attached and does not read has lost the last of it. */
static void finish_streams(struct container *container)
{
    for (int s = 0; s < STREAMS; s++)
        if (container->streams[s].fd >= 0)
            (void)drain_stream(&container->streams[s], READS_AT_END);
}

/* ---- what the child says ---- */

static void take_terminal(struct container *container, int fd)
{
    struct stream *stream = &container->streams[STREAM_OUT];
    if (stream->fd >= 0 || fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0 ||
        watch_stream(stream, fd, NULL) < 0)
        close(fd);
}

/* Who was to be killed is the container, whichever process it is. */
static void move(struct container *container, pid_t pid)
{
    container->pid = pid;
    if (container->killed)
        kill(pid, SIGKILL);
}

static enum got take_message(struct container *container)
{
    struct child_message message;
    struct iovec part = {&message, sizeof(message)};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.room,
                         .msg_controllen = sizeof(control.room)};
    ssize_t n;
    do
        n = recvmsg(container->report, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return GOT_NOTHING;
    int fd = -1;
    const struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (head && head->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(head), sizeof(fd));
    if (fd >= 0)
        take_terminal(container, fd);
    if (n != (ssize_t)sizeof(message))
        return GOT_END;
    message.text[sizeof(message.text) - 1] = '\0';
    if (message.stage == CHILD_MOVED)
        move(container, message.error);
    else if (message.stage != CHILD_TERMINAL)
        container->failure = message;
    return GOT_MORE;
}

/* The socket's end without a failure: the program runs. */
static void say_started(struct container *container)
{
    drop_fd(&container->report, &container->report_io);
    if (container->failure.stage >= 0 || container->told)
        return;
    container->told = true;
    container->handler->started(container->ctx, container->i, container->pid);
}

static void report_ready(void *ctx, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    struct container *container = ctx;
    if (take_message(container) == GOT_END)
        say_started(container);
}

/* ---- starting ---- */

struct ends { /* of one attempt, until the child has its own */
    int in, out, err, report;
};

static void close_ends(struct ends *ends)
{
    int *const all[] = {&ends->in, &ends->out, &ends->err, &ends->report};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        drop_fd(all[i], NULL);
}
CLEANUP_DEFINE_VALUE(struct ends, close_ends);

static int make_pipe(struct container *container, int s, int *ret_write, struct err *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_errno(err, errno, "cannot make a pipe");
    *ret_write = fds[1];
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    int r = watch_stream(&container->streams[s], fds[0], err);
    if (r < 0)
        close(fds[0]);
    return r;
}

static int make_stdin(struct container *container, struct ends *ends, struct err *err)
{
    int fds[2];
    if (plan_of(container)->stdin_open && !plan_of(container)->tty) {
        if (pipe2(fds, O_CLOEXEC) < 0)
            return err_errno(err, errno, "cannot make a pipe");
        ends->in = fds[0];
        container->stdin_end = fds[1];
        return 0;
    }
    ends->in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return ends->in < 0 ? err_errno(err, errno, "cannot open /dev/null") : 0;
}

static int make_ends(struct container *container, struct ends *ends, struct err *err)
{
    int pair[2];
    int r = make_stdin(container, ends, err);
    if (r == 0 && !plan_of(container)->tty) {
        r = make_pipe(container, STREAM_OUT, &ends->out, err);
        if (r == 0)
            r = make_pipe(container, STREAM_ERR, &ends->err, err);
    }
    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, errno, "cannot make a socket");
    ends->report = pair[1];
    container->report = pair[0];
    return loop_io_new(container->loop, pair[0], EPOLLIN, report_ready, container,
                       &container->report_io, err);
}

/* An earlier attempt's writable layer, in the background. */
static void remove_attempt(const struct container *container, unsigned n)
{
    autofree char *path = sandbox_attempt_dir(container->sandbox, container->i, n);
    char *slash = strrchr(path, '/');
    if (sys_fork(0, -1) != 0)
        return;
    sys_close_range(3, ~0U, 0); /* nobody waits for us */
    *slash = '\0';
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = dir < 0 ? -errno : path_remove_tree(dir, slash + 1);
    _exit(r < 0);
}

/* A child in the PID namespace that is its. */
static int fork_child(const struct container *container, pid_t target, int unified)
{
    if (target > 0)
        return fork_into(target, CLONE_NEWNS, unified);
    bool own = !container->sandbox->plan->host_pid && !sandbox_userns(container->sandbox);
    return sys_fork(CLONE_NEWNS | (own ? (uint64_t)CLONE_NEWPID : 0), unified);
}

static int launch(struct container *container, const struct ends *ends, pid_t target,
                  struct err *err)
{
    const struct sandbox *sandbox = container->sandbox;
    autofree char *group = sandbox_container_cgroup(sandbox, container->i);
    autofree char *dir = sandbox_attempt_dir(sandbox, container->i, container->attempt);
    struct child_spec spec = {.plan = sandbox->plan,
                              .container = plan_of(container),
                              .cgroups = &sandbox->cgroups,
                              .cgroup = group,
                              .dir = dir,
                              .shm = sandbox->shm,
                              .userns = sandbox_userns(sandbox),
                              .own_pids = target == 0,
                              .report = ends->report,
                              .in = ends->in,
                              .out = ends->out,
                              .err = ends->err};
    autoclose int unified = cgroup_open_unified(&sandbox->cgroups, group);
    int pid = fork_child(container, target, unified);
    if (pid == -ENOSYS && unified >= 0) {
        spec.join_unified = true;
        pid = fork_child(container, target, -1);
    }
    if (pid == 0)
        child_run(&spec);
    if (pid < 0)
        return err_errno(err, -pid, "cannot start a process");
    container->pid = pid;
    return 0;
}

static int try_start(struct container *container, pid_t target, struct err *err)
{
    cleanup(close_ends) struct ends ends = {-1, -1, -1, -1};
    container->retry = target < 0;
    if (target < 0)
        return err_set(err, -ESRCH, "target container \"%s\" is not running",
                       str_empty(plan_of(container)->target) ? "" : plan_of(container)->target);
    int r = sandbox_restore_container(container->sandbox, container->i, err);
    if (r < 0)
        return r;
    if (r > 0)
        container->ooms = 0; /* a new group counts from there */
    r = make_ends(container, &ends, err);
    return r < 0 ? r : launch(container, &ends, target, err);
}

static void close_all(struct container *container)
{
    for (int s = 0; s < STREAMS; s++)
        if (container->streams[s].fd >= 0)
            close_stream(&container->streams[s]);
    drop_fd(&container->report, &container->report_io);
    drop_fd(&container->stdin_end, NULL);
}

static void say_refused(void *ctx)
{
    struct container *container = ctx;
    container->refusal = NULL;
    container->handler->failed(container->ctx, container->i, 128, "StartError",
                               container->refused.msg, container->retry);
}

void container_start(struct container *container, pid_t target)
{
    if (container->attempt > 0)
        remove_attempt(container, container->attempt);
    container->attempt++;
    if (container->log)
        logfile_turn(container->log);
    container->told = container->killed = false;
    container->failure.stage = -1;
    container->refused = (struct err){0};
    if (try_start(container, target, &container->refused) == 0)
        return;
    close_all(container);
    container->refusal = loop_defer(container->loop, say_refused, container);
}

/* ---- ending ---- */

void container_signal(struct container *container, int signo)
{
    if (container->pid <= 0)
        return;
    kill(container->pid, signo);
    container->killed |= signo == SIGKILL;
    if (signo == SIGKILL && shares_pids(container)) {
        autofree char *group = sandbox_container_cgroup(container->sandbox, container->i);
        cgroup_kill(&container->sandbox->cgroups, group);
    }
}

static bool was_oom(struct container *container)
{
    autofree char *group = sandbox_container_cgroup(container->sandbox, container->i);
    uint64_t before = container->ooms;
    container->ooms = cgroup_oom_kills(&container->sandbox->cgroups, group);
    return container->ooms > before;
}

static void say_failed(struct container *container)
{
    const struct child_message *failure = &container->failure;
    static const struct {
        const char *reason;
        bool retry;
    } stages[] = {[CHILD_SETUP] = {"StartError", false},
                  [CHILD_CONFIG] = {"CreateContainerConfigError", true},
                  [CHILD_EXEC] = {"ContainerCannotRun", false}};
    size_t stage = (size_t)failure->stage < ARRAY_LEN(stages) ? (size_t)failure->stage : 0;
    int code = stage != CHILD_EXEC ? 128 : failure->error == ENOENT ? 127 : 126;
    container->handler->failed(container->ctx, container->i, code, stages[stage].reason,
                               failure->text, stages[stage].retry);
}

static void say_exited(struct container *container, int status, bool oom)
{
    autofree char *dir = sandbox_attempt_dir(container->sandbox, container->i, container->attempt);
    autofree char *said =
        lastwords_read(plan_of(container), dir, status != 0,
                       LASTWORDS_POD_MAX / container->sandbox->plan->container_count);
    container->handler->exited(container->ctx, container->i, status, oom, said);
}

void container_listen(struct container *container)
{
    while (container->report >= 0 && take_message(container) == GOT_MORE)
        ;
}

void container_reaped(struct container *container, int status)
{
    const pid_t pid = container->pid;
    container_listen(container);
    if (container->pid != pid)
        return; /* that process only made the way */
    if (container->report >= 0)
        say_started(container);
    if (shares_pids(container)) {
        autofree char *group = sandbox_container_cgroup(container->sandbox, container->i);
        cgroup_kill(&container->sandbox->cgroups, group);
    }
    finish_streams(container);
    attaches_end(container->attaches);
    finish_streams(container);
    close_all(container);
    container->pid = 0;
    bool oom = was_oom(container);
    if (container->failure.stage >= 0)
        say_failed(container);
    else
        say_exited(container, status, oom);
}
