#pragma once
/* Whether an object can be kept and delivered (decision record 0003): what is accepted must fit
 * into the store, onto the bus and into a node, with what the gateway and nodes add to it later.
 * Pure. */

#include "controller/api/api.h"

/* For the status of an object, whose part it is to grow; less of it than this is no reason to
 * refuse a later write of it. */
#define FIT_STATUS (64 * 1024)

/* NULL, or the Status (413) that says which limit is passed and by how much; the caller's. flags:
 * API_STATUS for a write of the status. json_len: bytes of the object as it is stored. */
struct value *fit_refusal(const struct schema_kind *kind, const struct value *object,
                          unsigned flags, size_t json_len);
