/* A program in a container, or its first one, at this terminal: asked of the pod's keeper, with
 * everything else dead. */

#include "agent/limpetd/verbs.h"

#include "agent/keeper/exec_client.h"
#include "agent/limpetd/local_pods.h"
#include "agent/pod/containers.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* What a terminal still holds is passed on by the kernel a little after its last program ended. */
#define TERMINAL_LINGER_NS (200 * NS_PER_MS)

struct local_exec {
    struct loop *loop;
    struct exec_client *client;
    struct exec_lone lone;
    bool tty, typing, attach;
    struct output {
        struct local_exec *exec;
        int fd, to;
        struct loop_io *io;
    } outputs[2];
    int in;       /* what is typed goes here; -1 */
    int terminal; /* for its size; -1 */
    pid_t typist; /* copies what is typed, so that files and terminals are read alike; 0 */
    struct loop_signal *winch;
    struct loop_timer *linger;
    bool raw;
    struct termios before;
    bool over;
    int code;
};

/* ---- what it shows ---- */

static void close_output(struct output *output)
{
    loop_io_free(output->io);
    output->io = NULL;
    if (output->fd >= 0)
        close(output->fd);
    output->fd = -1;
}

static void stop_if_through(struct local_exec *exec)
{
    if (exec->over && exec->outputs[0].fd < 0 && exec->outputs[1].fd < 0)
        loop_stop(exec->loop, exec->code);
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        if (n < 0 && errno == EAGAIN)
            (void)poll(&room, 1, -1);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* One read; false at the end, or if there is nothing now. */
static bool show(struct output *output)
{
    char data[16384];
    ssize_t n = read(output->fd, data, sizeof(data));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n > 0 && write_all(output->to, data, (size_t)n))
        return true;
    close_output(output);
    stop_if_through(output->exec);
    return false;
}

static void output_ready(void *ctx, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    (void)show(ctx);
}

static int watch_output(struct local_exec *exec, int i, int fd, struct err *err)
{
    struct output *output = &exec->outputs[i];
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    output->fd = fd;
    return loop_io_new(exec->loop, fd, EPOLLIN, output_ready, output, &output->io, err);
}

/* What is there now is all. */
static void finish_outputs(void *ctx)
{
    struct local_exec *exec = ctx;
    for (int i = 0; i < 2; i++) {
        while (exec->outputs[i].fd >= 0 && show(&exec->outputs[i]))
            ;
        close_output(&exec->outputs[i]);
    }
    stop_if_through(exec);
}

/* ---- what is typed ---- */

_Noreturn static void copy_typed(int to)
{
    char data[4096];
    ssize_t n;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    while ((n = read(STDIN_FILENO, data, sizeof(data))) > 0 || (n < 0 && errno == EINTR))
        if (n > 0 && !write_all(to, data, (size_t)n))
            break;
    _exit(0);
}

static void typist_ended(void *ctx, pid_t pid, int status)
{
    struct local_exec *exec = ctx;
    (void)pid;
    (void)status;
    if (exec->attach)
        exec_client_eof(exec->client);
}

static int begin_typing(struct local_exec *exec, struct err *err)
{
    if (!exec->typing || exec->in < 0)
        return 0;
    exec->typist = fork();
    if (exec->typist == 0) /* whether it blocks is not ours to say: the keeper has the same end */
        copy_typed(exec->in);
    if (exec->typist < 0)
        return err_errno(err, errno, "cannot start a process");
    close(exec->in);
    exec->in = -1;
    struct loop_child *child;
    return loop_child_new(exec->loop, exec->typist, typist_ended, exec, &child, err);
}

static void set_size(void *ctx, int signo)
{
    const struct local_exec *exec = ctx;
    struct winsize size;
    (void)signo;
    if (exec->terminal >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
        (void)ioctl(exec->terminal, TIOCSWINSZ, &size);
}

static void make_raw(struct local_exec *exec)
{
    if (!exec->tty || !exec->typing || tcgetattr(STDIN_FILENO, &exec->before) < 0)
        return;
    struct termios raw = exec->before;
    cfmakeraw(&raw);
    exec->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/* ---- its course ---- */

/* The keeper has only a few places for who asks. */
static void close_lone(struct local_exec *exec)
{
    if (exec->lone.socket >= 0)
        close(exec->lone.socket);
    exec->lone.socket = -1;
}

static void begun(void *ctx, int fd, bool open)
{
    struct local_exec *exec = ctx;
    close_lone(exec);
    struct err err = {0};
    int r = 0;
    if (fd >= 0 && (exec->attach ? open : exec->tty))
        exec->in = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (exec->tty)
        exec->terminal = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (fd >= 0 && exec->tty && !exec->attach)
        r = watch_output(exec, 0, fd, &err);
    else if (fd >= 0)
        close(fd);
    set_size(exec, SIGWINCH);
    make_raw(exec);
    if (r == 0)
        r = begin_typing(exec, &err);
    if (r < 0) {
        fprintf(stderr, "limpetd: %s\n", err.msg);
        loop_stop(exec->loop, 1);
    }
}

static void ended(void *ctx, const struct exec_client_end *end)
{
    struct local_exec *exec = ctx;
    if (*end->message)
        fprintf(stderr, "limpetd: %s\n", end->message);
    exec->over = true;
    exec->code = end->refused && end->code == 0 ? 1 : *end->message && !end->code ? 1 : end->code;
    if (end->refused || !exec->tty || exec->attach)
        finish_outputs(exec);
    else if (exec->outputs[0].fd >= 0)
        loop_timer_after(exec->linger, TERMINAL_LINGER_NS);
    stop_if_through(exec);
}

static int make_pipes(struct local_exec *exec, unsigned streams, int theirs[3], struct err *err)
{
    for (unsigned s = 0; s < 3; s++) {
        int fds[2], r = 0;
        if (!(streams & 1U << s))
            continue;
        if (pipe2(fds, O_CLOEXEC) < 0)
            return err_errno(err, errno, "cannot make a pipe");
        theirs[s] = fds[s > 0];
        if (s == 0)
            exec->in = fds[1];
        else
            r = watch_output(exec, (int)s - 1, fds[0], err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int start(struct local_exec *exec, const struct exec_request *request, struct err *err)
{
    static const struct exec_client_handler handler = {begun, ended};
    struct exec_client_spec spec = {.loop = exec->loop,
                                    .request = request,
                                    .ends = {-1, -1, -1},
                                    .ask = exec_client_ask_alone,
                                    .ask_ctx = &exec->lone,
                                    .handler = &handler,
                                    .ctx = exec};
    unsigned piped = request->streams;
    if (request->attach)
        piped &= ~(unsigned)EXEC_IN;
    else if (request->tty)
        piped = 0;
    int r = loop_signal_new(exec->loop, SIGWINCH, set_size, exec, &exec->winch, err);
    if (r == 0)
        r = make_pipes(exec, piped, spec.ends, err);
    if (r == 0)
        r = exec_client_new(&spec, &exec->client, err);
    for (int s = 0; s < 3; s++)
        if (spec.ends[s] >= 0)
            close(spec.ends[s]);
    return r;
}

static void done(struct local_exec *exec)
{
    exec_client_free(exec->client);
    close_lone(exec);
    if (exec->typist > 0)
        kill(exec->typist, SIGKILL);
    for (int i = 0; i < 2; i++)
        close_output(&exec->outputs[i]);
    if (exec->in >= 0)
        close(exec->in);
    if (exec->terminal >= 0)
        close(exec->terminal);
    if (exec->raw)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &exec->before);
}

static int run_in(const struct config *config, const struct value *pod,
                  struct exec_request *request)
{
    struct err err = {0};
    struct local_exec exec = {.tty = request->tty,
                              .typing = request->streams & EXEC_IN,
                              .attach = request->attach,
                              .in = -1,
                              .terminal = -1};

    const char *uid = value_str(value_path(pod, "metadata", "uid", NULL));
    autofree char *run_dir = xasprintf("%s/pods/%s", config->run_dir, uid);
    exec.lone = (struct exec_lone){run_dir, -1};
    for (int i = 0; i < 2; i++)
        exec.outputs[i] = (struct output){&exec, -1, i + 1, NULL};
    signal(SIGPIPE, SIG_IGN);
    int r = loop_new(clock_system(), &exec.loop, &err);
    if (r == 0) {
        exec.linger = loop_timer_new(exec.loop, finish_outputs, &exec);
        r = start(&exec, request, &err);
    }
    int code = r < 0 ? 1 : loop_run(exec.loop);
    done(&exec);
    if (r < 0)
        fprintf(stderr, "limpetd: %s\n", err.msg);
    loop_free(exec.loop);
    return code;
}

/* ---- the verbs ---- */

struct exec_options {
    const char *container;
    bool in, tty;
};

static int run_exec(const struct verb_args *args)
{
    const struct exec_options *o = args->options;
    struct err err = {0};
    cleanup(value_free) struct value *pod = NULL;
    struct exec_request request = {.tty = o->tty,
                                   .streams = EXEC_OUT | EXEC_ERR | (o->in ? EXEC_IN : 0)};
    if (args->argc < 2)
        return 2;
    if (local_pod_find(args->config, args->argv[0], &pod, &err) < 0 ||
        local_pod_container(pod, o->container, &request.container, &err) < 0) {
        fprintf(stderr, "limpetd: %s\n", err.msg);
        return 1;
    }
    autofree const char **argv = xcalloc((size_t)args->argc, sizeof(*argv));
    for (int i = 1; i < args->argc; i++)
        argv[i - 1] = args->argv[i];
    request.argv = argv;
    return run_in(args->config, pod, &request);
}

/* Whether the container has it: its terminal, its stdin. */
static bool container_has(const struct value *pod, const char *name, const char *what)
{
    const struct value *spec = value_get(pod, "spec"), *container;
    for (size_t i = 0; (container = containers_at(spec, i, NULL)); i++)
        if (str_eq(value_get_str(container, "name"), name))
            return value_get_bool(container, what, false);
    return false;
}

static int run_attach(const struct verb_args *args)
{
    const struct exec_options *o = args->options;
    struct err err = {0};
    cleanup(value_free) struct value *pod = NULL;
    struct exec_request request = {.attach = true, .streams = EXEC_OUT | (o->in ? EXEC_IN : 0)};
    if (args->argc != 1)
        return 2;
    if (local_pod_find(args->config, args->argv[0], &pod, &err) < 0 ||
        local_pod_container(pod, o->container, &request.container, &err) < 0) {
        fprintf(stderr, "limpetd: %s\n", err.msg);
        return 1;
    }
    request.tty = o->tty || container_has(pod, request.container, "tty");
    if (!request.tty)
        request.streams |= EXEC_ERR;
    return run_in(args->config, pod, &request);
}

static const struct arg_option options[] = {
    {"container", 'c', ARG_STRING, offsetof(struct exec_options, container), "NAME",
     "this container of the pod", NULL},
    {"stdin", 'i', ARG_FLAG, offsetof(struct exec_options, in), NULL, "it reads what is typed",
     NULL},
    {"tty", 't', ARG_FLAG, offsetof(struct exec_options, tty), NULL, "it has a terminal", NULL},
    {0},
};

const struct verb verb_exec = {
    .name = "exec",
    .usage = "[-it] [-c NAME] [NAMESPACE/]POD -- WORD...",
    .help = "run a program in a container",
    .options = options,
    .size = sizeof(struct exec_options),
    .run = run_exec,
};

const struct verb verb_attach = {
    .name = "attach",
    .usage = "[-it] [-c NAME] [NAMESPACE/]POD",
    .help = "see what a container writes, and type into it",
    .options = options,
    .size = sizeof(struct exec_options),
    .run = run_attach,
};
