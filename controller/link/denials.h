#pragma once
/* Users who may not any more (user_is_revoked) lose their rights at the broker, too: on connections
 * that are open as on new ones, whatever their certificates say. Nobody has to ask for it: what the
 * User objects say is set whenever it changes, and again after a while when that failed. */

#include "controller/api/api.h"

struct denials;

/* Takes the names of all that are denied, instead of those before: broker_deny_set. */
typedef int denials_set_fn(void *ctx, const char *const *names, size_t count, struct err *err);

/* Everything is borrowed. */
nodiscard int denials_new(struct loop *loop, struct api *api, denials_set_fn *set, void *ctx,
                          struct denials **ret, struct err *err);
/* In the same turn of the loop as api_stop, before it. NULL is fine. */
void denials_free(struct denials *denials);
