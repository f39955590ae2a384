/* Bodies in protobuf: whatever comes, it is read within the caps or refused with a Status, and what
 * was read can be checked and defaulted like any other object. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/limits.h"
#include "controller/server/body.h"
#include "controller/api/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(value_free) struct value *object = NULL;
    cleanup(diags_done) struct diags diags = {0};
    int depth;
    struct value *status =
        body_parse(NULL, "application/vnd.kubernetes.protobuf", (const char *)data, size, &object);
    if (status) {
        int code = status_code(status);
        check(!object && (code == 400 || code == 413 || code == 415));
        value_free(status);
        return 0;
    }
    check(value_size(object, &depth) <= 2 * DATA_MAX_NODES && depth <= DATA_MAX_DEPTH);
    const struct schema_kind *kind = kinds_of(NULL, object, NULL);
    if (kind && schema_check(kind, object, SCHEMA_CHECK_STATUS, &diags) == 0)
        schema_default(kind, object);
    return 0;
}
