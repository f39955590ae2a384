#pragma once
/* Images on disk. A layer is unpacked once, under the digest of its uncompressed tar (diff_id), and
 * shared by every image that has it. What is committed is whole: a layer is unpacked beside, synced
 * (syncfs), renamed into place and then recorded; a reference is written last. Whatever lacks its
 * record, or differs from its digest, is not there. All calls block for as long as the medium
 * takes.
 *
 *   lock                 shared: something is being added; exclusive: something is removed; locks
 *                        on its bytes: images that are in use (hold.h)
 *   layers/<hex>/        an unpacked layer; layers/<hex>.json its record, with a sum of all of it
 *   manifests/<hex>      of this node's platform; configs/<hex>
 *   refs/<name>-<hash>   JSON: the reference and the digest of its manifest
 *   partial/<hex>        a compressed layer that is being fetched, kept for resuming
 *   loaded/<name>        JSON: an archive of this folder that is loaded already
 *   tmp/                 layers being unpacked */

#include "agent/image/image_pick.h"
#include "agent/image/manifest.h"
#include "agent/image/reference.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/map.h"

#include <stdbool.h>
#include <stdint.h>

struct image_store;
/* Makes the folders that are missing. */
nodiscard int image_store_open(const char *root, struct image_store **ret, struct err *err);
void image_store_free(struct image_store *store);
const char *image_store_root(const struct image_store *store);

/* A lock as a descriptor: closing it lets go. -EWOULDBLOCK without wait. */
nodiscard int image_store_lock(struct image_store *store, bool exclusive, bool wait,
                               struct err *err);

/* An image that is whole. */
struct stored {
    char *reference;             /* canonical */
    char digest[DIGEST_LEN + 1]; /* of the manifest */
    char id[DIGEST_LEN + 1];     /* of the config */
    struct image_config *config;
    char **layers; /* NULL-terminated host paths, lowest first, each once */
    int64_t bytes; /* unpacked */
    int64_t time;  /* when it came, seconds since 1970 */
    int64_t used;  /* when somebody last began or ceased to use it, or it came */
};
/* -ENOENT: not there, or not whole (then the message says what is wrong with it). */
nodiscard int image_store_get(struct image_store *store, const struct reference *ref,
                              struct stored **ret, struct err *err);
void stored_free(struct stored *stored);
typedef int stored_fn(void *ctx, const struct stored *stored); /* non-zero stops */
/* Every image that is whole, by the names of their files. */
nodiscard int image_store_list(struct image_store *store, stored_fn *fn, void *ctx,
                               struct err *err);

bool image_store_has_layer(struct image_store *store, const char *diff_id);
struct image_store_dir {
    char name[64]; /* in tmp/ */
    int fd;
};
/* A new folder to unpack into; the caller closes fd. */
nodiscard int image_store_dir_new(struct image_store *store, struct image_store_dir *ret,
                                  struct err *err);
/* The folder becomes the layer (one that is there without a record is replaced). */
nodiscard int image_store_add_layer(struct image_store *store, const struct image_store_dir *dir,
                                    const char *diff_id, int64_t bytes, int64_t inodes,
                                    struct err *err);
void image_store_dir_remove(struct image_store *store, const struct image_store_dir *dir);
/* Opens (makes) the file of a compressed layer for reading and writing, locked: another process
 * that fetches the same waits here. */
nodiscard int image_store_partial(struct image_store *store, const char *digest, struct err *err);
int64_t image_store_partial_bytes(struct image_store *store, const char *digest); /* 0: none */
void image_store_partial_remove(struct image_store *store, const char *digest);

struct blob {
    char digest[DIGEST_LEN + 1];
    struct buf text;
};
static inline void blob_init(struct blob *blob)
{
    *blob = (struct blob){0};
    buf_init(&blob->text, MANIFEST_MAX_BYTES);
}
static inline void blob_done(struct blob *blob)
{
    buf_done(&blob->text);
}
/* Records the image under the reference. Its layers are there. */
nodiscard int image_store_put(struct image_store *store, const struct reference *ref,
                              const struct blob *manifest, const struct blob *config,
                              struct err *err);

/* Somebody begins or ceases to use it: one write to the medium. */
void image_store_touch(struct image_store *store, const char *reference);

/* Removes the reference alone. Missing is success. */
nodiscard int image_store_forget(struct image_store *store, const struct reference *ref,
                                 struct err *err);
/* Removes what an interrupted process left. Does nothing while another one works here. */
void image_store_sweep(struct image_store *store);
/* Removes what pulls left that were interrupted before this time (seconds since 1970), parts that
 * could be resumed too. Does nothing while another process works here. */
void image_store_sweep_old(struct image_store *store, int64_t before_s);

struct image_store_wanted {
    struct map *references; /* canonical, as keys */
    /* Adds the digits of each layer that is in use, as keys; asked when nobody can begin to use one
     * any more. Negative: nothing is removed. */
    int (*in_use)(void *ctx, struct map *layers, struct err *err);
    void *ctx;
    struct image_policy policy; /* of those that nobody wants */
    struct map *bad; /* layers, digits as keys: these go, and no others, unless in use; NULL */
};
struct image_store_freed {
    struct map *images; /* the references removed, as keys; map_free it */
    size_t layers;
    int64_t bytes; /* unpacked layers, parts of pulls */
    /* Of `bad`, digits -> why it could not be removed, text that the caller frees; NULL without. */
    struct map *failed;
};
/* Removes the images that nobody wants, holds, or names by an archive of this folder that is still
 * there; then layers, manifests and configs no image has, and what interrupted pulls left. Each
 * step can be the last. -EWOULDBLOCK: something is being added or removed right now. -EBADMSG: what
 * an image consists of cannot be read, so that no bad layer goes. */
nodiscard int image_store_remove_unused(struct image_store *store,
                                        const struct image_store_wanted *wanted,
                                        struct image_store_freed *ret, struct err *err);

struct image_store_checked {
    size_t layers;    /* that were read */
    size_t unknown;   /* that could only be read: an earlier release unpacked them */
    struct map *bad;  /* digits -> what is wrong, text */
    struct map *kept; /* of those, digits -> why they are here still, text */
};
/* Reads all layers from the medium, and compares them with what was unpacked. One that is bad is
 * thrown away, so that its image is fetched again when it is wanted, but while something runs from
 * it, or while that cannot be known (an image's record cannot be read, in_use failed, something is
 * being added or removed right now), or where it cannot be removed. Blocks for as long as that
 * takes; images may come and go meanwhile.
 * A negative errno: the layers cannot be listed. */
nodiscard int image_store_check(struct image_store *store, const struct image_store_wanted *wanted,
                                struct image_store_checked *ret, struct err *err);
void image_store_checked_done(struct image_store_checked *checked);

/* Archives (<root>/<name>.tar) for images_new: is this very file loaded already; remember it. */
/* Its size and time of change as text (caller frees); NULL: there is no such file. */
char *image_store_archive_mark(struct image_store *store, const char *name);
/* Also false when an image that came with it is not whole any more. */
bool image_store_is_loaded(struct image_store *store, const char *name);
/* images: canonical references, NULL-terminated. */
nodiscard int image_store_set_loaded(struct image_store *store, const char *name,
                                     const char *const *images, struct err *err);

#include "common/base/cleanup.h"
CLEANUP_DEFINE(struct image_store, image_store_free);
CLEANUP_DEFINE(struct stored, stored_free);
CLEANUP_DEFINE_VALUE(struct blob, blob_done);
