#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/loop/loop.h"
#include "common/loop/loop_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct loop_child {
    struct source source;
    struct loop *loop;
    struct list link;
    pid_t pid;
    int pidfd; /* -1 once the child has ended */
    bool abandoned;
    loop_child_fn *fn;
    void *ctx;
};

static void child_ready(struct source *source, uint32_t events)
{
    (void)events;
    struct loop_child *child = container_of(source, struct loop_child, source);
    int status = -1;
    pid_t r = waitpid(child->pid, &status, WNOHANG | __WALL);
    if (r == 0)
        return; /* a tracer is still looking at it */
    if (r < 0)
        status = -1; /* not ours to reap, but it has ended */
    loop_unwatch(child->loop, child->pidfd, &child->source);
    close(steal_fd(&child->pidfd));
    if (child->abandoned)
        loop_child_free(child);
    else
        child->fn(child->ctx, child->pid, status);
}

int loop_child_new(struct loop *loop, pid_t pid, loop_child_fn *fn, void *ctx,
                   struct loop_child **ret, struct err *err)
{
    autoclose int pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
    if (pidfd < 0)
        return err_errno(err, errno, "cannot wait for process %d", (int)pid);
    struct loop_child *child = xcalloc(1, sizeof(*child));
    *child = (struct loop_child){
        .source.ready = child_ready, .loop = loop, .pid = pid, .fn = fn, .ctx = ctx};
    int r = loop_watch(loop, pidfd, EPOLLIN, &child->source);
    if (r < 0) {
        free(child);
        return err_errno(err, -r, "cannot wait for process %d", (int)pid);
    }
    child->pidfd = steal_fd(&pidfd);
    list_append(&loop->children, &child->link);
    *ret = child;
    return 0;
}

void loop_child_abandon(struct loop_child *child)
{
    if (child->pidfd < 0)
        loop_child_free(child);
    else
        child->abandoned = true;
}

void loop_child_free(struct loop_child *child)
{
    if (!child)
        return;
    if (child->pidfd >= 0) {
        loop_unwatch(child->loop, child->pidfd, &child->source);
        close(child->pidfd);
    }
    list_remove(&child->link);
    free(child);
}

void loop_children_done(struct loop *loop)
{
    struct list *it, *tmp;
    list_each(it, tmp, &loop->children) loop_child_free(container_of(it, struct loop_child, link));
}
