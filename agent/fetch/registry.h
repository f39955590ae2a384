#pragma once
/* A registry (OCI distribution-spec 1.0, "pull"), or a mirror of one. Runs in the confined child.
 */

#include "agent/fetch/job.h"
#include "agent/fetch/source.h"
#include "agent/image/reference.h"
#include "common/base/buf.h"

struct registry_spec {
    const struct reference *ref;
    const struct job_endpoint *endpoint;
    int64_t rate;                      /* bytes a second at most; 0: as many as come */
    bool insecure;                     /* plain http is allowed, of one without a URL */
    const struct buf *ca, *cert, *key; /* PEM; cert and key may be empty */
};
struct registry;
struct registry *registry_new(const struct registry_spec *spec); /* borrows the spec's parts */
void registry_free(struct registry *registry);
/* As source_get_fn. The users of the endpoint are tried one after the other where it denies what is
 * asked for; the one that is let in stays. */
int registry_get(struct registry *registry, const struct source_request *request, int fd,
                 struct source_peer *peer, struct source_reply *reply, struct err *err);

const char *registry_host(const struct registry *registry);

/* What a caller may trust: Debian's bundle (or another system's) and each file of dir (NULL). */
nodiscard int registry_read_ca(const char *dir, struct buf *ret, struct err *err);
/* Adds a file of PEM. */
nodiscard int registry_read_pem(const char *file, struct buf *ret, struct err *err);
