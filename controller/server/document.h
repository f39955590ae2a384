#pragma once
/* What the server tells of itself: its health and version, discovery, OpenAPI. Each is written when
 * it is asked for; nothing is kept. */

#include "common/kinds/kinds.h"
#include "controller/server/hooks.h"
#include "controller/server/http.h"
#include "controller/server/route.h"

/* Answers a GET; false, without having answered, if there is no such document. hooks may be NULL.
 */
bool document_answer(const struct kinds *kinds, const struct server_hooks *hooks,
                     struct http_request *request, const struct url *url,
                     const struct route *route);
