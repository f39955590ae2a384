#pragma once
/* Messages with descriptors beside them, over a SOCK_SEQPACKET socket; none of it blocks. */

#include <stddef.h>

#define FDPASS_MAX 4

/* 0, -EAGAIN if the other side does not read, or another error. */
__attribute__((warn_unused_result)) int fdpass_send(int socket, const void *bytes, size_t len,
                                                    const int *fds, size_t count);
/* The length of the message, 0 at the end, -EMSGSIZE if it does not fit (it is gone), or another
 * error. The descriptors are the caller's; those beyond FDPASS_MAX are closed. */
__attribute__((warn_unused_result)) int fdpass_recv(int socket, void *bytes, size_t size,
                                                    int fds[FDPASS_MAX], size_t *ret_count);
void fdpass_close(const int *fds, size_t count); /* those that are >= 0 */
