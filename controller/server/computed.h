#pragma once
/* Answers for the kinds that are never stored (schema_kind.computed): one table, a function a kind.
 * Adding one: its table with COMPUTED(verbs) in common/kinds, and a line in computed.c. */

#include "controller/api/api.h"
#include "controller/server/hooks.h"

struct authn;
struct sa_tokens;

/* All borrowed for the call. */
struct computed_ask {
    struct api *api;
    const struct server_hooks *hooks; /* may be NULL */
    struct authn *authn;
    struct sa_tokens *tokens; /* may be NULL */
    const struct api_user *user;
    struct api_ref ref;         /* name "": a collection, or a creation */
    const struct value *object; /* of a creation: to the function it comes checked, with defaults
                                   and without a status. NULL: it is read (get, list) */
    unsigned flags;             /* of a creation: API_DROP_UNKNOWN, API_WARN_UNKNOWN... */
    const char *label_selector, *field_selector; /* of a list; may be NULL */
};
/* Ends in one call of done, within the call or later (then it holds copies): 201 and the object
 * with its status, 200 and what is read, or a Status. */
typedef void computed_fn(const struct computed_ask *ask, api_done_fn *done, void *ctx);

/* Sees to it that a creation is what its kind's table says, then calls the kind's function. Whether
 * the user may is decided before (permit.h). The answer as api_done_fn describes. */
void computed_answer(const struct computed_ask *ask, api_done_fn *done, void *ctx);
