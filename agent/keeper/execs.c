#include "agent/keeper/execs.h"

#include "agent/keeper/control.h"
#include "agent/keeper/fdpass.h"
#include "agent/keeper/fork.h"
#include "agent/runtime/child.h"
#include "agent/runtime/sys.h"
#include "common/base/cleanup.h"
#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define SESSION_PASSES 8 /* over all processes, for those that fork meanwhile */

struct exec {
    struct list link;
    struct execs *execs;
    size_t container;
    uint32_t attempt;
    bool lasting;
    pid_t pid;
    int control, report, terminal;
    struct loop_io *control_io, *report_io;
    struct child_message failure; /* stage < 0: none */
    bool begun;
};

struct execs {
    struct loop *loop;
    const struct sandbox *sandbox;
    execs_hook_fn *hook;
    void *ctx;
    struct list list;
    size_t count;
};

struct execs *execs_new(struct loop *loop, const struct sandbox *sandbox, execs_hook_fn *hook,
                        void *ctx)
{
    struct execs *execs = xcalloc(1, sizeof(*execs));
    execs->loop = loop;
    execs->sandbox = sandbox;
    execs->hook = hook;
    execs->ctx = ctx;
    list_init(&execs->list);
    return execs;
}

static void drop_fd(int *fd, struct loop_io **io)
{
    loop_io_free(*io);
    *io = NULL;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void exec_free(struct exec *exec)
{
    struct loop_io *none = NULL;
    list_remove(&exec->link);
    exec->execs->count--;
    drop_fd(&exec->control, &exec->control_io);
    drop_fd(&exec->report, &exec->report_io);
    drop_fd(&exec->terminal, &none);
    free(exec);
}

void execs_free(struct execs *execs)
{
    if (!execs)
        return;
    struct list *it, *tmp;
    list_each(it, tmp, &execs->list) exec_free(container_of(it, struct exec, link));
    free(execs);
}

/* ---- the end ---- */

/* All that is still in the session that the program began: it may have made groups of its own. */
static bool kill_session(pid_t session)
{
    DIR *dir = opendir("/proc");
    bool found = false;
    const struct dirent *item;
    while (dir && (item = readdir(dir))) {
        pid_t pid = (pid_t)strtol(item->d_name, NULL, 10);
        if (pid > 1 && getsid(pid) == session)
            found = kill(pid, SIGKILL) == 0 || found;
    }
    if (dir)
        closedir(dir);
    return found;
}

static void kill_exec(const struct exec *exec)
{
    if (exec->pid <= 0 || WEAKENED(EXEC_CLOSE))
        return;
    kill(exec->pid, SIGKILL); /* not reaped yet: the number is its own, and so is the session's */
    for (int i = 0; i < SESSION_PASSES && kill_session(exec->pid); i++)
        ;
}

void execs_kill(struct execs *execs, size_t i)
{
    struct list *it, *tmp;
    list_each(it, tmp, &execs->list)
    {
        const struct exec *exec = container_of(it, struct exec, link);
        if (exec->container == i)
            kill_exec(exec);
    }
}

/* ---- what the child says ---- */

static bool take_message(struct exec *exec)
{
    struct child_message message;
    int fds[FDPASS_MAX];
    size_t count;
    int n = fdpass_recv(exec->report, &message, sizeof(message), fds, &count);
    if (n == -EAGAIN)
        return false;
    if (count > 0 && exec->terminal < 0) {
        exec->terminal = fds[0];
        fds[0] = -1;
    }
    fdpass_close(fds, count);
    if (n != (int)sizeof(message)) { /* the end: without a failure, the program runs */
        drop_fd(&exec->report, &exec->report_io);
        return false;
    }
    message.text[sizeof(message.text) - 1] = '\0';
    if (message.stage != CHILD_TERMINAL)
        exec->failure = message;
    return true;
}

static void listen_to_child(struct exec *exec)
{
    struct loop_io *none = NULL;
    while (exec->report >= 0 && take_message(exec))
        ;
    if (exec->report >= 0 || exec->failure.stage >= 0 || exec->begun)
        return;
    exec->begun = true;
    control_say(exec->control, PROTO_BEGUN, 0, NULL, exec->terminal);
    drop_fd(&exec->terminal, &none);
}

static void report_ready(void *ctx, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    listen_to_child(ctx);
}

/* The other side says nothing; when it goes, the program does, but for a lasting one. */
static void control_ready(void *ctx, int fd, uint32_t events)
{
    struct exec *exec = ctx;
    char nothing[64];
    ssize_t n = recv(fd, nothing, sizeof(nothing), MSG_DONTWAIT);
    if (n > 0 || (n < 0 && errno == EAGAIN && !(events & EPOLLHUP)))
        return;
    drop_fd(&exec->control, &exec->control_io);
    if (!exec->lasting)
        kill_exec(exec);
}

bool execs_reaped(struct execs *execs, pid_t pid, int status)
{
    struct list *it, *tmp;
    list_each(it, tmp, &execs->list)
    {
        struct exec *exec = container_of(it, struct exec, link);
        if (exec->pid != pid)
            continue;
        listen_to_child(exec);
        int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        if (exec->failure.stage == CHILD_EXEC)
            control_say(exec->control, PROTO_REFUSED, exec->failure.error == ENOENT ? 127 : 126,
                        exec->failure.text, -1);
        else if (exec->failure.stage >= 0)
            control_say(exec->control, PROTO_REFUSED, 0, exec->failure.text, -1);
        else
            control_say(exec->control, PROTO_OVER, code, NULL, -1);
        const struct exec was = *exec;
        exec_free(exec); /* before anything comes of its end */
        if (was.lasting)
            execs->hook(execs->ctx, was.container, was.attempt, false);
        return true;
    }
    return false;
}

/* ---- the beginning ---- */

static int make_process(struct exec *exec, const struct exec_request *request, pid_t target,
                        const int stdio[3], int report, struct err *err)
{
    const struct sandbox *sandbox = exec->execs->sandbox;
    autofree char *group = sandbox_container_cgroup(sandbox, exec->container);
    struct child_spec spec = {.plan = sandbox->plan,
                              .container = &sandbox->plan->containers[exec->container],
                              .cgroups = &sandbox->cgroups,
                              .cgroup = group,
                              .userns = sandbox_userns(sandbox),
                              .report = report,
                              .in = stdio[0],
                              .out = stdio[1],
                              .err = stdio[2],
                              .target = target,
                              .argv = (const char *const *)request->argv,
                              .tty = request->tty};
    autoclose int unified = cgroup_open_unified(&sandbox->cgroups, group);
    int pid = fork_into(target, 0, unified);
    if (pid == -ENOSYS && unified >= 0) {
        spec.join_unified = true;
        pid = fork_into(target, 0, -1);
    }
    if (pid == 0)
        child_enter(&spec);
    if (pid < 0)
        return err_errno(err, -pid, "cannot start a process in the container");
    exec->pid = pid;
    return 0;
}

static int begin(struct exec *exec, const struct exec_request *request, pid_t target,
                 const int *fds, struct err *err)
{
    int pair[2];
    const int *next = fds + 1;
    struct loop *loop = exec->execs->loop;
    int stdio[3];
    autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return err_errno(err, errno, "cannot open /dev/null");
    for (unsigned s = 0; s < 3; s++)
        stdio[s] = !request->tty && (request->streams & 1U << s) ? *next++ : null;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, errno, "cannot make a socket");
    autoclose int theirs = pair[1];
    exec->report = pair[0];
    int r = loop_io_new(loop, exec->report, EPOLLIN, report_ready, exec, &exec->report_io, err);
    if (r == 0)
        r = loop_io_new(loop, exec->control, EPOLLIN, control_ready, exec, &exec->control_io, err);
    return r < 0 ? r : make_process(exec, request, target, stdio, theirs, err);
}

void execs_start(struct execs *execs, const struct exec_request *request, size_t i,
                 uint32_t attempt, pid_t target, const int *fds)
{
    struct err err = {0};
    struct exec *exec = xcalloc(1, sizeof(*exec));
    exec->execs = execs;
    exec->container = i;
    exec->attempt = attempt;
    exec->lasting = request->lasting;
    exec->control = fds[0];
    exec->report = exec->terminal = -1;
    exec->failure.stage = -1;
    list_append(&execs->list, &exec->link);
    execs->count++;
    int r = execs->count > EXECS_MAX && !WEAKENED(EXECS_MAX)
                ? err_set(&err, -EBUSY, "too many programs are being run in the pod")
                : begin(exec, request, target, fds, &err);
    fdpass_close(fds + 1, exec_request_fds(request) - 1);
    if (r == 0) {
        if (exec->lasting)
            execs->hook(execs->ctx, i, attempt, true);
        return;
    }
    control_say(exec->control, PROTO_REFUSED, 0, err.msg, -1);
    exec_free(exec);
}
