#pragma once
/* The sockets of downloads: what they are marked as, and how much is on its way to them at once
 * (inflow.h decides). */

#include "agent/fetch/inflow.h"

struct sock {
    int fd;
    struct inflow flow;
};

/* A socket that is not connected yet. */
void sock_prepare(int fd);
void sock_init(struct sock *sock, int fd);
/* Looks at the connection. Cheap, to be called with whatever comes. Kernels before 5.14 offer 64
 * KiB of their own at first. */
void sock_tend(struct sock *sock);
