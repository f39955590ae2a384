#include "agent/keeper/fdpass.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    struct cmsghdr head;
    char room[CMSG_SPACE(FDPASS_MAX * sizeof(int))];
};

int fdpass_send(int socket, const void *bytes, size_t len, const int *fds, size_t count)
{
    struct iovec part = {(void *)(uintptr_t)bytes, len};
    union control control;
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > FDPASS_MAX)
        return -EINVAL;
    if (count > 0) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.room;
        msg.msg_controllen = (__typeof__(msg.msg_controllen))CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = (__typeof__(head->cmsg_len))CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(head), fds, count * sizeof(int));
    }
    if (sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return errno == ENOBUFS ? -EAGAIN : -errno;
    return 0;
}

int fdpass_recv(int socket, void *bytes, size_t size, int fds[FDPASS_MAX], size_t *ret_count)
{
    struct iovec part = {bytes, size};
    union control control;
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.room,
                         .msg_controllen = sizeof(control.room)};
    ssize_t n;
    *ret_count = 0;
    do
        n = recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    const struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
        *ret_count = ((size_t)head->cmsg_len - (size_t)CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(head), *ret_count * sizeof(int));
    }
    if (msg.msg_flags & MSG_TRUNC) {
        fdpass_close(fds, *ret_count);
        *ret_count = 0;
        return -EMSGSIZE;
    }
    return (int)n;
}

void fdpass_close(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}
