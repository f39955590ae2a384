/* A seccomp profile of the node: a filter that the kernel could take, or a reason. */

#include "agent/pod/localhost_profile.h"

#include <stdbool.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *filter = NULL;
    size_t len = 0;
    struct err err = {0};
    int rc = localhost_profile_compile((const char *)data, size, 0xa80425fb, &filter, &len, &err);
    if (rc < 0)
        check(!filter && err.msg[0]);
    else
        check(filter && len > 0 && len % 8 == 0 && len / 8 <= 4096);
    free(filter);
    return 0;
}
