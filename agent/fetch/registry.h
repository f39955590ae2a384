#pragma once
/* A registry (OCI distribution-spec 1.0, "pull") as a source. Runs in the confined child. */

#include "agent/fetch/source.h"
#include "agent/image/reference.h"
#include "common/base/buf.h"

struct registry_spec {
    const struct reference *ref;
    bool insecure;                   /* plain http is allowed */
    const char *username, *password; /* NULL: anonymous */
    const struct buf *ca;            /* certificates to trust, PEM */
};
struct registry;
struct registry *registry_new(const struct registry_spec *spec); /* borrows the spec's parts */
void registry_free(struct registry *registry);
int registry_get(void *registry, const struct source_request *request, int fd,
                 struct source_peer *peer, struct source_reply *reply, struct err *err);

/* What a caller may trust: Debian's bundle (or another system's) and each file of dir (NULL). */
nodiscard int registry_read_ca(const char *dir, struct buf *ret, struct err *err);
