#pragma once
/* What the server tells of itself: its health and version, discovery, OpenAPI. Each is written when
 * it is asked for; no more is kept than the hashes of some. */

#include "common/kinds/kinds.h"
#include "controller/http/http.h"
#include "controller/server/route.h"

struct documents;
/* loop and kinds are borrowed. */
struct documents *documents_new(struct loop *loop, struct kinds *kinds);
/* Before http_free. */
void documents_free(struct documents *documents);

/* Answers a GET, now or in pieces; false, without having answered, if there is no such document. */
bool documents_answer(struct documents *documents, struct http_request *request,
                      const struct url *url, const struct route *route);
