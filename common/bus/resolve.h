#pragma once
/* The addresses of a host name, without ever blocking the loop: names are looked up in a child
 * process, numeric addresses are answered at once (still from the loop). */

#include "common/base/err.h"
#include "common/loop/loop.h"

#include <netinet/in.h>
#include <stddef.h>

#define RESOLVE_MAX 8 /* addresses of one name */

union resolve_addr {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct resolve;
/* Called once, never from inside resolve_new. count 0: it failed and err says why. Borrowed. */
typedef void resolve_fn(void *ctx, const union resolve_addr *addrs, size_t count,
                        const struct err *err);
nodiscard int resolve_new(struct loop *loop, const char *host, int port, int64_t timeout_ns,
                          resolve_fn *fn, void *ctx, struct resolve **ret, struct err *err);
void resolve_free(struct resolve *resolve); /* cancels; after fn too (it frees nothing by itself) */
