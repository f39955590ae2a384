#include "common/base/mem.h"
#include "common/loop/loop.h"
#include "common/loop/loop_impl.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct loop_signal {
    struct loop *loop;
    struct list link;
    int signo;
    loop_signal_fn *fn;
    void *ctx;
};

static struct loop_signal *find(const struct loop *loop, int signo)
{
    for (struct list *it = loop->signals.next; it != &loop->signals; it = it->next) {
        struct loop_signal *sig = container_of(it, struct loop_signal, link);
        if (sig->signo == signo)
            return sig;
    }
    return NULL;
}

static void signals_ready(struct source *source, uint32_t events)
{
    (void)events;
    struct loop *loop = container_of(source, struct loop, signal_source);
    struct signalfd_siginfo info;
    /* One a batch: epoll is level-triggered, and a handler may free any other. */
    if (read(loop->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    struct loop_signal *sig = find(loop, (int)info.ssi_signo);
    if (sig)
        sig->fn(sig->ctx, sig->signo);
}

/* Brings the descriptor in line with the list of handlers. */
static int update(struct loop *loop)
{
    sigset_t set;
    sigemptyset(&set);
    for (struct list *it = loop->signals.next; it != &loop->signals; it = it->next)
        sigaddset(&set, container_of(it, struct loop_signal, link)->signo);
    int fd = signalfd(loop->signal_fd, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (loop->signal_fd >= 0)
        return 0;
    loop->signal_fd = fd;
    loop->signal_source.ready = signals_ready;
    return loop_watch(loop, fd, EPOLLIN, &loop->signal_source);
}

int loop_signal_new(struct loop *loop, int signo, loop_signal_fn *fn, void *ctx,
                    struct loop_signal **ret, struct err *err)
{
    if (find(loop, signo))
        return err_set(err, -EEXIST, "signal %d has a handler already", signo);
    sigset_t set;
    sigemptyset(&set);
    if (sigaddset(&set, signo) < 0)
        return err_errno(err, errno, "cannot handle signal %d", signo);
    struct loop_signal *sig = xcalloc(1, sizeof(*sig));
    *sig = (struct loop_signal){.loop = loop, .signo = signo, .fn = fn, .ctx = ctx};
    list_append(&loop->signals, &sig->link);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int r = update(loop);
    if (r < 0) {
        loop_signal_free(sig);
        return err_errno(err, -r, "cannot handle signal %d", signo);
    }
    *ret = sig;
    return 0;
}

void loop_signal_free(struct loop_signal *sig)
{
    if (!sig)
        return;
    list_remove(&sig->link);
    if (sig->loop->signal_fd >= 0)
        (void)update(sig->loop); /* fewer signals on an open descriptor: nothing to run out of */
    free(sig);
}

void loop_signals_done(struct loop *loop)
{
    struct list *it, *tmp;
    list_each(it, tmp, &loop->signals) loop_signal_free(container_of(it, struct loop_signal, link));
    if (loop->signal_fd >= 0)
        close(loop->signal_fd);
}
