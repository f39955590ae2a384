/* What launch_decode takes, launch_encode writes back so that it reads the same. */

#include "agent/runtime/launch.h"

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
    cleanup(buf_done) struct buf once, twice;
    struct launch_plan *plan, *again;
    struct err err = {0};
    buf_init(&once, 0);
    buf_init(&twice, 0);
    int r = launch_decode(data, size, &plan, &err);
    if (r < 0) {
        check(err.code == r && *err.msg);
        return 0;
    }
    check(launch_encode(plan, &once, &err) == 0);
    check(launch_decode(once.data, once.len, &again, &err) == 0);
    check(launch_encode(again, &twice, &err) == 0);
    check(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    launch_free(plan);
    launch_free(again);
    return 0;
}
