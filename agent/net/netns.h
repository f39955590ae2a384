#pragma once
/* Another network namespace, for the length of one system call. */

#include "common/base/err.h"

/* A non-blocking TCP socket of that family (AF_INET, AF_INET6) in the namespace that netns_fd is,
 * the caller's. This process is back in its own when it returns: it ends rather than go on in
 * another. */
nodiscard int netns_socket(int netns_fd, int family, int *ret_fd, struct err *err);
