#pragma once
/* Images on the node: a content store of layers unpacked once and shared, references that point to
 * them, and pulls by limpet-fetch. Behind a struct of functions for the simulator. */

#include "common/base/err.h"
#include "common/loop/loop.h"

#include <stdbool.h>
#include <stdint.h>

/* What a container needs of an image. Owned by the images; valid until the reference is released.
 */
struct image {
    char digest[72];           /* "sha256:..." of the manifest of this platform */
    char id[72];               /* of the config */
    const char *const *layers; /* NULL-terminated host paths, lowest first */
    const char *const *env, *const *entrypoint, *const *cmd; /* NULL-terminated; may be empty */
    const char *user, *workdir;                              /* "" */
    const char *const *volumes;                              /* NULL-terminated paths */
    int stop_signal;                                         /* 0 */
    int64_t bytes;                                           /* unpacked */
};

enum image_pull_policy { IMAGE_PULL_IF_NOT_PRESENT, IMAGE_PULL_ALWAYS, IMAGE_PULL_NEVER };

/* code 0 and the image (referenced for the caller, image_release; with a reason and a message it is
 * the one that was here, since the registry does not answer), or a negative errno with a message
 * for the pod's status. reason: Kubernetes' "ErrImagePull", "ErrImageNeverPull",
 * "InvalidImageName", "RegistryUnavailable", "ImageInspectError". Retrying with backoff is the
 * caller's business. */
typedef void image_done_fn(void *ctx, int code, struct image *image, const char *reason,
                           const char *message);
/* Called from the loop once the pull has begun (total 0), then as it goes on: bytes of the layers
 * that were missing. Never for an image that is here. */
typedef void image_progress_fn(void *ctx, int64_t done_bytes, int64_t total_bytes);

struct credentials;

/* An image that somebody needs. Everything is borrowed for the call of ensure alone, but ctx. */
struct image_wish {
    const char *reference;
    enum image_pull_policy policy;
    const struct credentials *credentials; /* the pod's own; NULL: none. A pull is joined only by
                                              those who have the same */
    image_done_fn *done;
    image_progress_fn *progress; /* NULL */
    void *ctx;
};

struct image_request;
struct images {
    /* One pull a reference at a time: later callers join it. done is called once, from the loop. */
    int (*ensure)(struct images *images, const struct image_wish *wish, struct image_request **ret,
                  struct err *err);
    void (*cancel)(struct images *images,
                   struct image_request *request); /* done is not called any more */
    void (*ref)(struct images *images, struct image *image);
    void (*release)(struct images *images, struct image *image);
    void (*free)(struct images *images);
};

struct images_spec {
    const char *root;       /* /var/lib/limpet/images */
    const char *fetch_path; /* the limpet-fetch program */
    const char *const
        *insecure_registries; /* host:port served over plain http; NULL-terminated; may be NULL */
    const char *ca_dir;       /* extra CA certificates; NULL */
    unsigned pulls_max;       /* at once; 0: 2 */
    int64_t rate;             /* bytes a second that all of them take at most; 0: as many as come */
    const struct image_gateway *gateway; /* borrowed; NULL: none */
    const char *registries_file; /* registries.h; read anew for each pull; NULL, or not there */
};
nodiscard int images_new(struct loop *loop, const struct images_spec *spec, struct images **ret,
                         struct err *err);
