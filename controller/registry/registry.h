#pragma once
/* The gateway's side of its registry of images: hands the connections that are for it to a process
 * of its own (worker.h), which is started when one comes, and says who may. Permissions are those
 * of the resource images of the group limpet.io, at the cluster scope, whose names are those of
 * repositories; verbs get, list, create, delete. */

#include "common/loop/loop.h"
#include "controller/http/http.h"

#define REGISTRY_PATH "/v2"
#define REGISTRY_MAX_BODY (UINT64_C(16) << 30) /* of a request: a blob */

struct api;
struct authn;
struct registry;
struct registry_spec {
    struct loop *loop;
    struct api *api;
    struct authn *authn;
    const char *ca_pem;  /* of nodes' certificates; borrowed */
    const char *dir;     /* where the images are; copied */
    int64_t max_bytes;   /* that they may take; 0: half of what the disk has left */
    const char *program; /* limpet-controller; NULL: this one. Copied */
};
struct registry *registry_new(const struct registry_spec *spec);
void registry_free(struct registry *registry); /* NULL is fine; ends the process */
/* A front_guest_fn (ctx: the registry). */
void registry_take(void *ctx, int fd, const struct http_peer *peer);
/* The process; 0: it does not run. */
pid_t registry_pid(const struct registry *registry);
