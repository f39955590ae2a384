/* A pattern in the first line, what it is matched against in the rest. */

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/schema/pattern.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT 1000000

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree char *text = xstrndup((const char *)data, size);
    cleanup(pattern_free) struct pattern *pattern = NULL;
    struct err err = {0};
    char *subject = strchr(text, '\n');
    if (subject)
        *subject++ = '\0';
    int r = pattern_new(text, &pattern, &err);
    if (r != 0) {
        check((r == -EINVAL || r == -ENOTSUP || r == -E2BIG) && !pattern && *err.msg);
        return 0;
    }
    uint64_t cost = 0, again = 0;
    int found = pattern_match(pattern, subject ? subject : "", LIMIT, &cost);
    check(found == 0 || found == 1 || (found == -E2BIG && cost > LIMIT));
    check(cost < LIMIT + 4 * PATTERN_MAX_STEPS);
    check(pattern_match(pattern, subject ? subject : "", LIMIT, &again) == found && again == cost);
    return 0;
}
