#pragma once
/* Objects as Kubernetes' clients send them in protobuf, written from the same tables that
 * proto_decode reads: for round trips. */

#include "common/schema/schema.h"

/* The message of a value that schema_check passed. zeros: as Go's encoders do it, strings and what
 * is flagged SCHEMA_OMIT_ZERO are written where they are absent too. */
void encode_message(const struct schema_type *type, const struct value *object, bool zeros,
                    struct buf *ret);
/* In its envelope: what is a body. */
void encode_object(const struct schema_kind *kind, const struct value *object, bool zeros,
                   struct buf *ret);
