#pragma once
/* A TCP connection to a host, made without blocking: every address of the name in turn. */

#include "common/base/err.h"
#include "common/loop/loop.h"

struct dial;
/* Called once, never from inside dial_new. fd: connected, non-blocking, the callee's; or -1 and
 * err. */
typedef void dial_fn(void *ctx, int fd, const struct err *err);
/* timeout_ns bounds the look-up and each address on its own. */
nodiscard int dial_new(struct loop *loop, const char *host, int port, int64_t timeout_ns,
                       dial_fn *fn, void *ctx, struct dial **ret, struct err *err);
void dial_free(struct dial *dial); /* cancels; after fn too */
