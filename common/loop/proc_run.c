#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/loop/loop_impl.h"
#include "common/loop/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROC_READ 4096

struct proc_run {
    pid_t pid;
    bool new_session;
    bool timed_out;
    bool telling; /* inside fn */
    int fd;       /* its output */
    struct buf output;
    struct loop_io *io;
    struct loop_child *child;
    struct loop_timer *timer;
    proc_run_fn *fn;
    void *ctx;
};

static void destroy(struct proc_run *run)
{
    loop_io_free(run->io);
    loop_timer_free(run->timer);
    if (run->fd >= 0)
        close(run->fd);
    buf_done(&run->output);
    free(run);
}

/* Reads once; what is beyond the cap is read and dropped, so that the program does not hang. False
 * when there is nothing (now or for ever: then the descriptor is not watched any longer). */
static bool read_some(struct proc_run *run)
{
    char bytes[PROC_READ];
    ssize_t n = read(run->fd, bytes, sizeof(bytes));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        loop_io_free(run->io);
        run->io = NULL;
        return false;
    }
    size_t room = run->output.max - run->output.len, take = (size_t)n < room ? (size_t)n : room;
    (void)buf_add(&run->output, bytes, take); /* fits */
    return true;
}

static void on_output(void *ctx, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    read_some(ctx);
}

static void kill_program(const struct proc_run *run)
{
    kill(run->new_session ? -run->pid : run->pid, SIGKILL);
}

static void on_timeout(void *ctx)
{
    struct proc_run *run = ctx;
    run->timed_out = true;
    kill_program(run);
}

static void on_ended(void *ctx, pid_t pid, int status)
{
    struct proc_run *run = ctx;
    (void)pid;
    loop_child_free(run->child);
    run->child = NULL;
    /* What it wrote before it ended is in the pipe. Others may hold the pipe and go on writing:
     * what they add beyond the cap and a pipe's size is theirs. */
    for (size_t got = 0; got <= run->output.max / PROC_READ + 16 && run->io && read_some(run);
         got++)
        ;
    run->telling = true;
    run->fn(run->ctx, run->timed_out ? -1 : status, buf_str(&run->output), run->output.len);
    destroy(run);
}

int proc_run_new(struct loop *loop, const struct proc_spec *spec, size_t max, int64_t timeout_ns,
                 proc_run_fn *fn, void *ctx, struct proc_run **ret, struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, errno, "cannot run %s: pipe", spec->path);
    struct proc_run *run = xcalloc(1, sizeof(*run));
    *run = (struct proc_run){.new_session = spec->new_session, .fd = ends[0], .fn = fn, .ctx = ctx};
    buf_init(&run->output, max);
    autoclose int writing = ends[1];
    struct proc_spec with_output = *spec;
    with_output.fd_out = with_output.fd_err = writing;
    fcntl(run->fd, F_SETFL, O_NONBLOCK);
    int r = loop_io_new(loop, run->fd, EPOLLIN, on_output, run, &run->io, err);
    if (r >= 0)
        r = proc_spawn(&with_output, &run->pid, err);
    if (r < 0) {
        destroy(run);
        return r;
    }
    r = loop_child_new(loop, run->pid, on_ended, run, &run->child, err);
    if (r < 0) {
        kill_program(run);
        while (waitpid(run->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        destroy(run);
        return r;
    }
    if (timeout_ns > 0) {
        run->timer = loop_timer_new(loop, on_timeout, run);
        loop_timer_after(run->timer, timeout_ns);
    }
    *ret = run;
    return 0;
}

void proc_run_free(struct proc_run *run)
{
    if (!run || run->telling)
        return; /* on_ended frees it after fn */
    kill_program(run);
    loop_child_abandon(run->child);
    destroy(run);
}
