#pragma once
/* What the gateway and its registry's process say to each other, over two pairs of SEQPACKET
 * sockets: on one the gateway hands over connections, on the other the registry asks who may. */

#include "common/data/value.h"
#include "controller/http/http.h"

#define TALK_MAX ((size_t)64 * 1024) /* bytes of a message */

/* A JSON document and a descriptor (-1: none). -EAGAIN: the other side is behind. */
nodiscard int talk_send(int sock, const struct value *message, int fd);
/* *ret is NULL at the end of the conversation. ret_fd may be NULL. -EAGAIN, -EBADMSG. */
nodiscard int talk_receive(int sock, struct value **ret, int *ret_fd);

/* Who is at the other end of a connection, as a map and back. */
struct value *talk_peer(const struct http_peer *peer);
struct talk_peer {
    struct http_peer peer; /* borrowed from the message and from here */
    const char **groups;
};
void talk_peer_read(const struct value *message, struct talk_peer *ret);
void talk_peer_done(struct talk_peer *peer);
CLEANUP_DEFINE_VALUE(struct talk_peer, talk_peer_done);
