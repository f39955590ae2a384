#pragma once
/* Kubernetes' protobuf, read by the field numbers of the tables (k8s.io/api's generated.proto;
 * proto2). For the gateway: clients send it, we answer JSON. */

#include "common/base/err.h"
#include "common/schema/schema.h"

/* What an object is wrapped in: four bytes of magic and a runtime.Unknown. */
struct proto_envelope {
    char api_version[128], kind[64];
    const void *raw; /* borrowed from the body */
    size_t len;
};
/* -EINVAL: it is no such thing. */
nodiscard int proto_open(const void *body, size_t len, struct proto_envelope *ret, struct err *err);

/* The message as its JSON would be: a map without apiVersion and kind. Kubernetes' encoders write
 * the zero values of all fields that are no pointers; what JSON leaves out for being zero (strings,
 * and fields flagged SCHEMA_OMIT_ZERO) is left out here too, unless the field is required. Numbers
 * that the type does not know are ignored, as Kubernetes does. The message may be hostile. -EINVAL;
 * -E2BIG beyond the caps of limits.h. */
nodiscard int proto_decode(const struct schema_type *type, const void *raw, size_t len,
                           struct value **ret, struct err *err);
