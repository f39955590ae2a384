#pragma once
/* Where a path leads: fixed paths from a table, objects from the kinds' tables. Pure. */

#include "common/kinds/kinds.h"
#include "controller/http/url.h"

enum route_what {
    ROUTE_NOWHERE,
    ROUTE_VERSION,
    ROUTE_HEALTH, /* /healthz, /livez, /readyz, and /livez/CHECK */
    ROUTE_METRICS,
    ROUTE_API_VERSIONS, /* /api */
    ROUTE_GROUPS,       /* /apis */
    ROUTE_GROUP,        /* /apis/G */
    ROUTE_RESOURCES,    /* /api/v1, /apis/G/V */
    ROUTE_OPENAPI_V2,
    ROUTE_OPENAPI_V3,           /* which documents there are */
    ROUTE_OPENAPI_V3_RESOURCES, /* /openapi/v3/api/v1, /openapi/v3/apis/G/V */
    ROUTE_OPENID,               /* /.well-known/openid-configuration */
    ROUTE_JWKS,                 /* /openid/v1/jwks */
    ROUTE_DRY_RUN,              /* /apis/limpet.io/v1/dryrun */
    ROUTE_BACKUP,               /* /apis/limpet.io/v1/backup */
    ROUTE_RESTORE,              /* /apis/limpet.io/v1/restore */
    ROUTE_OBJECTS,
};

struct route {
    enum route_what what;
    const char *group,
        *version; /* "" = core; of GROUP, (V3_)RESOURCES, OBJECTS. Borrowed from the URL */
    const struct schema_kind *kind; /* of OBJECTS */
    const char *ns;                 /* "" = cluster scope or all namespaces */
    const char *name;               /* "" = the collection */
    const char *subresource;        /* "" = the object itself */
    size_t rest; /* of the URL's segments, the first behind a subresource that has a path */
    bool watch;  /* /api/v1/watch/...: what is read is watched */
};

/* kinds: NULL for the built-in ones alone. */
void route_find(const struct kinds *kinds, const struct url *url, struct route *ret);
