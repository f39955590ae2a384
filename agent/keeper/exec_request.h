#pragma once
/* What an agent asks of a keeper about a container that runs: another program in it, or to be
 * attached to its first one (PROTO_EXEC). The descriptors beside it: the socket, then the ends that
 * the other side reads or writes, one for each of `streams` in their order; of an exec with a
 * terminal, and of the stdin of an attach, none: the keeper hands those out. */

#include "agent/keeper/report.h"
#include "common/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXEC_MAX_BYTES ((size_t)64 * 1024)
#define EXEC_MAX_WORDS 4096
#define EXEC_MAX_FDS 4

enum exec_stream { EXEC_IN = 1, EXEC_OUT = 2, EXEC_ERR = 4 };

struct exec_request {
    bool attach;
    const char *container;
    bool tty; /* of an exec: a terminal of its own */
    unsigned streams;
    const char **argv; /* of an exec: NULL-terminated, a word at least */
    /* Of an exec: a hook, which goes on when whoever asked for it is gone (KEEPER_MARK_HOOK). A
     * keeper of an older release ends it then. */
    bool lasting;
    /* Of one attempt of the container alone (keeper_container.restarts). A keeper of an older
     * release takes whichever runs. */
    bool of_attempt;
    uint32_t attempt;
};
__attribute__((warn_unused_result)) int exec_request_encode(const struct exec_request *request,
                                                            struct buf *ret);
/* Points into the bytes, but argv. -EINVAL. */
__attribute__((warn_unused_result)) int exec_request_decode(const void *bytes, size_t len,
                                                            struct exec_request *ret);
/* The container, the one of that name, runs, and in the attempt that is meant. */
bool exec_request_fits(const struct exec_request *request,
                       const struct keeper_container *container);
void exec_request_done(struct exec_request *request);
/* The descriptors that go with it, the socket included. */
size_t exec_request_fds(const struct exec_request *request);
