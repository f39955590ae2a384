#include "controller/admission/rule.h"

#include "common/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct value *rule_refusal(const struct gate_request *request, const char *fmt, ...)
{
    va_list args;
    autofree char *why = NULL;
    autofree char *resource = status_resource(request->ref.kind);
    va_start(args, fmt);
    if (vasprintf(&why, fmt, args) < 0)
        abort();
    va_end(args);
    return status_of(403, request->ref.kind, request->ref.name, "%s \"%s\" is forbidden: %s",
                     resource, request->ref.name, why);
}

const struct value *rule_see(const struct gate_request *request, const struct schema_kind *kind,
                             const char *name)
{
    const struct api_ref ref = {kind, kind->namespaced ? request->ref.ns : "", name};
    return request->reader->see(request->reader->ctx, &ref);
}
