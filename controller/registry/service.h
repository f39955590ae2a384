#pragma once
/* The registry's face: OCI distribution-spec 1.1 over HTTP, pull, push, content management and
 * lists; for referrers the fallback by tags, which clients know. Everything blocks for as long as
 * the medium takes: it runs in a process of its own (worker.h). */

#include "controller/http/http.h"
#include "controller/registry/uploads.h"

#define SERVICE_CONNECTIONS 512
#define SERVICE_TRANSFERS 8 /* blobs that are sent at once; others wait for their turn */

struct service;
/* Whether that client may: 200 with who it is, or 401, 403 or another code of HTTP with why not.
 * verb: get, list, create, delete. repository "": none in particular. */
typedef int service_may_fn(void *ctx, const struct http_peer *peer, const char *authorization,
                           const char *verb, const char *repository, struct err *why);
struct service_spec {
    struct loop *loop;
    struct depot *depot;     /* borrowed */
    struct uploads *uploads; /* likewise */
    service_may_fn *may;     /* may block */
    void *ctx;
};
nodiscard int service_new(const struct service_spec *spec, struct service **ret, struct err *err);
void service_free(struct service *service); /* NULL is fine */
/* Serves fd, which is taken in any case. peer is copied. */
nodiscard int service_add(struct service *service, int fd, const struct http_peer *peer,
                          struct err *err);
size_t service_connections(const struct service *service);
