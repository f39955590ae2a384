#pragma once
/* The images in an archive or folder: an OCI layout (image-spec 1.1, image-layout.md), or what
 * `docker save` writes. Each is made a list of what is to be sent, in order. */

#include "tools/cli/archive.h"

#define BUNDLE_MAX_MANIFEST (1024 * 1024)
#define BUNDLE_MAX_STEPS 4096 /* of an image: blobs and manifests */

/* A blob, or (text) a manifest: what it needs has come before it. */
struct bundle_step {
    char digest[72];
    struct piece piece; /* of a blob */
    char *text, *type;  /* of a manifest; NULL: a blob */
    size_t len;
};
struct bundle_image {
    char *name; /* as the archive has it: "busybox:1", "1", "docker.io/library/busybox:1"; "" */
    struct bundle_step *steps; /* the last one is the image's own manifest */
    size_t count;
};
struct bundle {
    struct archive *archive;
    struct bundle_image *images;
    size_t count;
};
/* tick: as of piece_digest; layers of Docker's archives are digested first. */
nodiscard int bundle_open(const char *path, bool (*tick)(void *ctx), void *ctx, struct bundle **ret,
                          struct err *err);
void bundle_free(struct bundle *bundle); /* NULL is fine */
CLEANUP_DEFINE(struct bundle, bundle_free);
