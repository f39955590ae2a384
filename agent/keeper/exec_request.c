#include "agent/keeper/exec_request.h"

#include "agent/runtime/wire.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

int exec_request_encode(const struct exec_request *request, struct buf *ret)
{
    uint32_t words = 0;
    while (request->argv && request->argv[words])
        words++;
    int r = wire_put_u32(ret, request->attach);
    if (r == 0)
        r = wire_put_str(ret, request->container);
    if (r == 0)
        r = wire_put_u32(ret, request->tty);
    if (r == 0)
        r = wire_put_u32(ret, request->streams);
    if (r == 0)
        r = wire_put_u32(ret, words);
    for (uint32_t i = 0; r == 0 && i < words; i++)
        r = wire_put_str(ret, request->argv[i]);
    /* What came with later releases: those before pass it over, and what is not said is not put. */
    if (r == 0 && (request->lasting || request->of_attempt))
        r = wire_put_u32(ret, request->lasting);
    if (r == 0 && request->of_attempt)
        r = wire_put_u32(ret, request->attempt);
    return r;
}

int exec_request_decode(const void *bytes, size_t len, struct exec_request *ret)
{
    struct wire wire;
    struct exec_request request = {0};
    wire_init(&wire, bytes, len);
    request.attach = wire_bool(&wire);
    request.container = wire_str(&wire);
    request.tty = wire_bool(&wire);
    request.streams = wire_u32(&wire);
    uint32_t words = wire_u32(&wire);
    if (wire.bad || !request.container || words > EXEC_MAX_WORDS ||
        request.streams > (EXEC_IN | EXEC_OUT | EXEC_ERR) || (words == 0) != request.attach)
        return -EINVAL;
    request.argv = xcalloc(words + 1, sizeof(*request.argv));
    for (uint32_t i = 0; i < words; i++)
        if (!(request.argv[i] = wire_str(&wire)))
            wire.bad = true;
    request.lasting = wire.left > 0 && wire_bool(&wire);
    request.of_attempt = wire.left > 0;
    request.attempt = request.of_attempt ? wire_u32(&wire) : 0;
    if (wire.bad || (words > 0 && str_empty(request.argv[0]))) {
        exec_request_done(&request);
        return -EINVAL;
    }
    *ret = request;
    return 0;
}

bool exec_request_fits(const struct exec_request *request, const struct keeper_container *container)
{
    bool meant = !request->of_attempt || request->attempt == container->restarts;
    return container->pid > 0 && (meant || WEAKENED(EXEC_ATTEMPT));
}

void exec_request_done(struct exec_request *request)
{
    free(request->argv);
    request->argv = NULL;
}

size_t exec_request_fds(const struct exec_request *request)
{
    unsigned given = request->streams;
    if (request->attach)
        given &= ~(unsigned)EXEC_IN;
    else if (request->tty)
        given = 0;
    return 1 + (size_t)__builtin_popcount(given);
}
