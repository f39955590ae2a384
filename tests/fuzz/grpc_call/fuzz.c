/* What a server answers to a health check by gRPC: the same however it is cut, and no more than its
 * bounds. */

#include "agent/probe/grpc_call.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct grpc_call whole, parts;
    if (size > GRPC_TOTAL_MAX) /* cut where that is seen depends on how it comes */
        return 0;
    grpc_call_init(&whole);
    grpc_call_init(&parts);
    grpc_call_take(&whole, data, size);
    for (size_t i = 0; i < size; i++)
        grpc_call_take(&parts, data + i, 1);
    check(whole.reply.len == parts.reply.len && whole.reply.len <= GRPC_TOTAL_MAX);
    grpc_call_end(&whole);
    grpc_call_end(&parts);
    check(grpc_call_is_over(&whole) && whole.state == parts.state && whole.code == parts.code);
    check(whole.state == GRPC_DONE ? whole.code >= 0 && whole.code <= 16 : whole.problem != NULL);
    check(whole.state != GRPC_DONE || whole.serving == parts.serving);
    grpc_call_done(&whole);
    grpc_call_done(&parts);
    return 0;
}
