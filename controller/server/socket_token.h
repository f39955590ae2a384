#pragma once
/* A bearer token as one of the protocols that a client of WebSocket offers, as browsers must send
 * it: base64url.bearer.authorization.k8s.io.TOKEN, in base64url without padding. */

#include "common/data/value.h"
#include "controller/http/http.h"

/* NULL with *ret, the caller's: "Bearer TOKEN", as the header Authorization would say it, or NULL:
 * there is none, or the request is no WebSocket's. Else the Status that says 401: more than one, a
 * wrong one, or one without another protocol that could be answered. */
struct value *socket_token(const struct http_request *request, char **ret);
