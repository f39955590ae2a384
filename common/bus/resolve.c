#include "common/bus/resolve.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct resolve {
    struct loop *loop;
    resolve_fn *fn;
    void *ctx;
    char *host;
    int port;
    pid_t pid; /* of the child that was not reaped yet, or 0 */
    int fd;
    struct loop_io *io;
    struct loop_timer *timer;
    union resolve_addr addrs[RESOLVE_MAX];
    size_t len; /* bytes of addrs that came */
};

static bool numeric(const char *host, int port, union resolve_addr *ret)
{
    *ret = (union resolve_addr){0};
    if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons((uint16_t)port);
        return true;
    }
    if (inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons((uint16_t)port);
        return true;
    }
    return false;
}

/* In the child: nothing of the parent's but the pipe's end, here 3. */
static _Noreturn void look_up(const char *host, int port, int fd)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    union resolve_addr addrs[RESOLVE_MAX] = {0};
    size_t count = 0;
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (fd != 3 && dup2(fd, 3) < 0)
        _exit(1);
    syscall(SYS_close_range, 4U, ~0U, 0U); /* kernels before 5.9: the exit closes them */
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        _exit(2);
    for (const struct addrinfo *a = list; a && count < RESOLVE_MAX; a = a->ai_next) {
        if (a->ai_family == AF_INET) {
            memcpy(&addrs[count].v4, a->ai_addr, sizeof(addrs[count].v4));
            addrs[count++].v4.sin_port = htons((uint16_t)port);
        } else if (a->ai_family == AF_INET6) {
            memcpy(&addrs[count].v6, a->ai_addr, sizeof(addrs[count].v6));
            addrs[count++].v6.sin6_port = htons((uint16_t)port);
        }
    }
    _exit(write(3, addrs, count * sizeof(addrs[0])) >= 0 ? 0 : 3);
}

static void end_child(struct resolve *r)
{
    loop_io_free(r->io);
    r->io = NULL;
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    if (r->pid > 0) { /* SIGKILL: it is gone within moments */
        kill(r->pid, SIGKILL);
        while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    r->pid = 0;
}

static void answer(struct resolve *r, const char *why)
{
    struct err err = {0};
    size_t count = r->len / sizeof(r->addrs[0]);

    end_child(r);
    loop_timer_stop(r->timer);
    if (count == 0)
        err_set(&err, -EHOSTUNREACH, "%s: %s", r->host, why);
    r->fn(r->ctx, r->addrs, count, &err);
}

static void on_timer(void *ctx)
{
    answer(ctx, "looking up the name took too long");
}

static void on_pipe(void *ctx, int fd, uint32_t events)
{
    struct resolve *r = ctx;
    ssize_t n = read(fd, (char *)r->addrs + r->len, sizeof(r->addrs) - r->len);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        r->len += (size_t)n;
    else
        answer(r, "the name has no address");
}

static int start_child(struct resolve *r, struct err *err)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_errno(err, errno, "pipe");
    r->fd = fds[0];
    r->pid = fork();
    if (r->pid == 0)
        look_up(r->host, r->port, fds[1]);
    close(fds[1]);
    if (r->pid < 0) {
        r->pid = 0;
        return err_errno(err, errno, "fork");
    }
    fcntl(r->fd, F_SETFL, O_NONBLOCK);
    return loop_io_new(r->loop, r->fd, EPOLLIN, on_pipe, r, &r->io, err);
}

int resolve_new(struct loop *loop, const char *host, int port, int64_t timeout_ns, resolve_fn *fn,
                void *ctx, struct resolve **ret, struct err *err)
{
    struct resolve *r = xcalloc(1, sizeof(*r));
    int rc = 0;

    *r = (struct resolve){
        .loop = loop, .fn = fn, .ctx = ctx, .host = xstrdup(host), .port = port, .fd = -1};
    r->timer = loop_timer_new(loop, on_timer, r);
    loop_timer_after(r->timer, timeout_ns);
    if (numeric(host, port, &r->addrs[0])) {
        r->len = sizeof(r->addrs[0]);
        loop_timer_after(r->timer, 0);
    } else {
        rc = start_child(r, err);
    }
    if (rc < 0) {
        resolve_free(r);
        return rc;
    }
    *ret = r;
    return 0;
}

void resolve_free(struct resolve *r)
{
    if (!r)
        return;
    end_child(r);
    loop_timer_free(r->timer);
    free(r->host);
    free(r);
}
