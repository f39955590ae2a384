#pragma once
/* What a request is in the words of Kubernetes' authorisers: its verb, and whether it writes.
 * Pure. */

#include "controller/server/route.h"

struct attributes {
    const char *verb;   /* "get", "list", "watch", "create", "update", "patch", "delete",
                           "deletecollection"; of paths the method: "get", "post"...; "other" */
    const char *report; /* as metrics name it: "GET", "LIST", "WATCH", "POST"... */
    bool writes;
};

/* method NULL: it was not understood. route as route_find found it; url as it was parsed. */
void attributes_find(const char *method, const struct url *url, const struct route *route,
                     struct attributes *ret);
