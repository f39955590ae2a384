#include "agent/fetch/source.h"

#include "agent/fetch/confine.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/loop/proc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct source {
    int fd;
    pid_t pid;
};

struct source_peer {
    int fd;
};

static void copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
}

void source_tell(struct source_peer *peer, int64_t done)
{
    const struct source_reply reply = {.code = SOURCE_PROGRESS, .done = done};
    (void)!send(peer->fd, &reply, sizeof(reply), MSG_NOSIGNAL);
}

/* A request with its descriptor; 0 when the other side is gone. */
static int receive(int sock, struct source_request *ret, int *ret_fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = ret, .iov_len = sizeof(*ret)};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (n != sizeof(*ret) || !c || c->cmsg_type != SCM_RIGHTS)
        return 0;
    memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
    return 1;
}

_Noreturn static void serve(const struct source_spec *spec, int sock)
{
    struct source_peer peer = {sock};
    struct err err = {0};
    const int keep[] = {sock, spec->keep_fd};
    confine_fds(keep, spec->keep_fd >= 0 ? 2 : 1);
    int ready = confine_source(spec->net, &err);
    struct source_request request;
    for (int fd = -1; receive(sock, &request, &fd);) {
        struct source_reply reply = {0};
        reply.code = ready < 0 ? ready : spec->get(spec->ctx, &request, fd, &peer, &reply, &err);
        if (reply.code < 0) {
            copy(reply.msg, sizeof(reply.msg), err.msg);
            if (!reply.reason[0])
                copy(reply.reason, sizeof(reply.reason), "ErrImagePull");
        }
        close(fd);
        if (send(sock, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
            break;
    }
    _exit(0);
}

int source_new(const struct source_spec *spec, struct source **ret, struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, errno, "cannot start the downloader");
    pid_t pid = fork();
    if (pid == 0)
        serve(spec, pair[1]);
    int error = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return err_errno(err, error, "cannot start the downloader");
    }
    struct source *source = xcalloc(1, sizeof(*source));
    source->fd = pair[0];
    source->pid = pid;
    *ret = source;
    return 0;
}

static int ask(struct source *source, const struct source_request *request, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct source_request copy_of = *request;
    struct iovec part = {.iov_base = &copy_of, .iov_len = sizeof(copy_of)};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    return sendmsg(source->fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int source_died(struct source *source, struct err *err)
{
    int status = -1;
    if (waitpid(source->pid, &status, 0) == source->pid)
        source->pid = -1;
    return err_set(err, -EIO, "the downloader %s", proc_status_text(status));
}

/* What comes from the child is text that ends, whatever it sent. */
static void terminate(struct source_reply *reply)
{
    reply->type[sizeof(reply->type) - 1] = '\0';
    reply->reason[sizeof(reply->reason) - 1] = '\0';
    reply->msg[sizeof(reply->msg) - 1] = '\0';
}

int source_get(struct source *source, const struct source_request *request, int fd,
               source_progress_fn *progress, void *ctx, struct source_reply *ret, struct err *err)
{
    if (source->pid < 0)
        return err_set(err, -EIO, "the downloader has ended");
    if (ask(source, request, fd) < 0)
        return source_died(source, err);
    for (;;) {
        struct source_reply reply;
        ssize_t n = recv(source->fd, &reply, sizeof(reply), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n != sizeof(reply))
            return source_died(source, err);
        terminate(&reply);
        if (reply.code == SOURCE_PROGRESS) {
            if (progress)
                progress(ctx, reply.done);
            continue;
        }
        *ret = reply;
        return reply.code < 0 ? err_set(err, reply.code, "%s", reply.msg) : 0;
    }
}

void source_free(struct source *source)
{
    if (!source)
        return;
    close(source->fd);
    if (source->pid > 0) {
        kill(source->pid, SIGKILL);
        waitpid(source->pid, NULL, 0);
    }
    free(source);
}
