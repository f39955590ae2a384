#pragma once
/* Where manifests and blobs come from (a registry, an archive), as a confined child process. It
 * writes what is asked for into a descriptor that it is given, and never learns a path. What it
 * says is hostile: the caller checks digests again where it matters. */

#include "agent/image/reference.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum source_kind { SOURCE_MANIFEST, SOURCE_BLOB };
struct source_request {
    enum source_kind kind;
    char digest[DIGEST_LEN + 1]; /* "" with a manifest: by tag, or the archive's index */
    char tag[132];
    int64_t size; /* of a blob, exactly; of a manifest, at most */
};

#define SOURCE_PROGRESS 1
struct source_reply {
    int code; /* SOURCE_PROGRESS, 0, or a negative errno */
    int64_t done;
    char type[128];  /* media type; "" */
    char reason[32]; /* as in image_done_fn */
    char msg[256];
};

/* The child's side: serves one request; progress may be told on the way. reply is zeroed. */
struct source_peer;
typedef int source_get_fn(void *ctx, const struct source_request *request, int fd,
                          struct source_peer *peer, struct source_reply *reply, struct err *err);
void source_tell(struct source_peer *peer, int64_t done);

struct source_spec {
    bool net;
    int keep_fd; /* a further descriptor of the child's; -1 */
    source_get_fn *get;
    void *ctx;
};

struct source;
typedef void source_progress_fn(void *ctx, int64_t done);
nodiscard int source_new(const struct source_spec *spec, struct source **ret, struct err *err);
/* Blocks until it is there. The content begins at offset 0 of fd; a blob may be resumed from what
 * fd holds already. */
nodiscard int source_get(struct source *source, const struct source_request *request, int fd,
                         source_progress_fn *progress, void *ctx, struct source_reply *ret,
                         struct err *err);
void source_free(struct source *source); /* ends the child */

#include "common/base/cleanup.h"
CLEANUP_DEFINE(struct source, source_free);
