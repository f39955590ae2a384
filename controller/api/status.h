#pragma once
/* Kubernetes' Status objects: how the API says no (and, after some deletions, yes). Pure; the
 * caller owns what comes back. `kind` may be NULL where the request named none. */

#include "common/data/diag.h"
#include "common/data/value.h"
#include "common/schema/schema.h"

/* "NotFound" for 404...; the reason that Kubernetes gives most often with that code. */
const char *status_reason(int code);

struct value *status_failure(int code, const char *fmt, ...) printf_like(2, 3);
/* With details.group, kind (the plural, as Kubernetes has it) and name ("" = left out). */
struct value *status_of(int code, const struct schema_kind *kind, const char *name, const char *fmt,
                        ...) printf_like(4, 5);
/* Another reason than the code's usual one ("AlreadyExists" for 409). Returns status. */
struct value *status_set_reason(struct value *status, const char *reason);
int status_code(const struct value *status); /* its code; 500 if it holds none */

/* pods "web" not found */
struct value *status_not_found(const struct schema_kind *kind, const char *name);
struct value *status_already_exists(const struct schema_kind *kind, const char *name);
struct value *status_conflict(const struct schema_kind *kind, const char *name, const char *why);
/* 405: objects of a computed kind are not kept, so there is nothing to write or read. */
struct value *status_not_stored(const struct schema_kind *kind);
/* 422 with a cause for each mistake; 400 "strict decoding error" when all of them are unknown
 * fields. */
struct value *status_invalid(const struct schema_kind *kind, const char *name,
                             const struct diags *diags);
/* 200, status "Success": what a deletion answers that leaves nothing to show. */
struct value *status_success(const struct schema_kind *kind, const char *name, const char *uid);

/* "deployments.apps", "pods". Caller frees. */
char *status_resource(const struct schema_kind *kind);
