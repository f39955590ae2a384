#include "controller/registry/talk.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/data/json.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

int talk_send(int sock, const struct value *message, int fd)
{
    union control control = {0};
    cleanup(buf_done) struct buf text;
    buf_init(&text, TALK_MAX);
    if (json_write(message, &text) != 0)
        return -E2BIG;
    struct iovec part = {text.data, text.len};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int talk_receive(int sock, struct value **ret, int *ret_fd)
{
    union control control = {0};
    struct err err = {0};
    autofree char *text = xmalloc(TALK_MAX);
    struct iovec part = {text, TALK_MAX};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    if (n < 0)
        return -errno;
    autoclose int fd = -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    if (c && c->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    *ret = NULL;
    if (n > 0 && (msg.msg_flags & MSG_TRUNC || json_parse(text, (size_t)n, ret, &err) != 0))
        return -EBADMSG;
    if (ret_fd)
        *ret_fd = steal_fd(&fd);
    return 0;
}

struct value *talk_peer(const struct http_peer *peer)
{
    struct value *message = value_new_map();
    value_set_str(message, "user", peer->user);
    value_set_str(message, "refused", peer->refused);
    value_set_str(message, "address", peer->address);
    struct value *groups = value_set(message, "groups", value_new_list());
    for (const char *const *group = peer->groups; group && *group; group++)
        value_append(groups, value_new_str(*group));
    return message;
}

void talk_peer_read(const struct value *message, struct talk_peer *ret)
{
    const struct value *groups = value_get(message, "groups");
    size_t count = value_len(groups);
    ret->groups = xcalloc(count + 1, sizeof(*ret->groups));
    for (size_t i = 0; i < count; i++)
        ret->groups[i] = value_str(value_at(groups, i));
    ret->peer = (struct http_peer){.user = value_get_str(message, "user"),
                                   .groups = ret->groups,
                                   .refused = value_get_str(message, "refused"),
                                   .address = value_get_str(message, "address")};
}

void talk_peer_done(struct talk_peer *peer)
{
    free(peer->groups);
}
