#pragma once
/* Whether a request may be made: every one passes here before its body is read, and again before it
 * is handled. What it does to objects is asked once more where it is done (api/access.h), by
 * whatever way it came. */

#include "controller/api/api.h"
#include "controller/server/route.h"

/* NULL, or the Status (403) that says why not; the caller's. */
struct value *permit_refusal(const struct api *api, const struct api_user *user, const char *method,
                             const struct url *url, const struct route *route);
