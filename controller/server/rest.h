#pragma once
/* Kubernetes' verbs over HTTP: from a request for objects to a call of the API and back. */

#include "controller/server/accept.h"
#include "controller/api/api.h"
#include "controller/server/hooks.h"
#include "controller/http/http.h"
#include "controller/server/route.h"

struct rest;
struct authn;
struct sa_tokens;
struct rest_spec {
    struct loop *loop;
    struct api *api;
    const struct clock *clock;
    struct rng *rng;
    const struct server_hooks *hooks; /* borrowed; may be NULL */
    struct authn *authn;              /* borrowed */
    struct sa_tokens *tokens;         /* borrowed; NULL: none are issued */
};
struct rest *rest_new(const struct rest_spec *spec);
/* After api_stop, before http_free. */
void rest_free(struct rest *rest);

/* A request that was authenticated and routed. All borrowed for the call, but the request. */
struct ask {
    struct rest *rest;
    struct http_request *request;
    const struct url *url;
    const struct route *route;
    const struct api_user *user;
    enum accept accept;
};
/* Ends the request, now or later. */
void rest_handle(const struct ask *ask);
