#pragma once
/* Images on disk: blobs by digest, and what each repository has of them.
 *
 *   blobs/HEX                          bytes whose SHA-256 that is; manifests too
 *   uploads/ID                         not a blob yet
 *   repositories/NAME/blobs/HEX        the repository has that blob; empty
 *   repositories/NAME/manifests/HEX    it has that manifest; its media type
 *   repositories/NAME/tags/TAG         the digest of a manifest
 *
 * ('/' in NAME is '+'). Each step is on the medium before the next begins, and the last one makes
 * it visible: a crash anywhere leaves whole blobs, and things that nothing refers to, which
 * depot_collect removes. Everything here blocks for as long as the medium takes. Names, tags and
 * digests are valid (target.h). */

#include "common/base/buf.h"
#include "common/fs/disk.h"
#include "controller/registry/content.h"

#define DEPOT_RESERVE (INT64_C(64) << 20) /* bytes of the medium that are never taken */

struct depot;
struct depot_spec {
    struct disk *disk;
    const char *dir;
    int64_t max_bytes; /* of everything in it; 0: half of what the medium has left at first */
};
/* Makes the folders; counts what is there. */
nodiscard int depot_open(const struct depot_spec *spec, struct depot **ret, struct err *err);
void depot_free(struct depot *depot); /* NULL is fine */
CLEANUP_DEFINE(struct depot, depot_free);
int64_t depot_used(const struct depot *depot);
int64_t depot_max(const struct depot *depot);
/* Counts so many bytes more; -ENOSPC with how full it is, and nothing is counted. */
nodiscard int depot_take(struct depot *depot, int64_t bytes, struct err *err);
void depot_give(struct depot *depot, int64_t bytes);

/* "<dir>/uploads/<id>". The caller's. */
char *depot_upload_path(const struct depot *depot, const char *id);
/* The upload, whose digest was found to be that, becomes a blob of the repository; its bytes are
 * counted already. fd is open on it. */
nodiscard int depot_commit(struct depot *depot, const char *id, int fd, const char *repository,
                           const char *digest, struct err *err);

/* An open descriptor (the caller's) of a blob or manifest that the repository has, or -ENOENT. */
nodiscard int depot_blob(struct depot *depot, const char *repository, const char *digest,
                         int64_t *ret_size);
/* Whether it has it; then nothing takes it away for a while: who is told so will refer to it. */
bool depot_keep(struct depot *depot, const char *repository, const char *digest);
/* A blob of one is one of the other, too; -ENOENT. */
nodiscard int depot_mount(struct depot *depot, const char *from, const char *repository,
                          const char *digest, struct err *err);
/* 0, -ENOENT. What it was made of goes at the next collection. */
nodiscard int depot_blob_remove(struct depot *depot, const char *repository, const char *digest,
                                struct err *err);

struct depot_manifest {
    char digest[DIGEST_LEN + 1];
    char type[CONTENT_TYPE_MAX + 1];
    struct buf text;
};
void depot_manifest_done(struct depot_manifest *manifest);
CLEANUP_DEFINE_VALUE(struct depot_manifest, depot_manifest_done);
/* reference: a tag or a digest. -ENOENT. */
nodiscard int depot_manifest(struct depot *depot, const char *repository, const char *reference,
                             struct depot_manifest *ret, struct err *err);
/* -ENOENT: something that it needs is not in the repository, named in ret_missing. tag NULL: none.
 */
nodiscard int depot_manifest_put(struct depot *depot, const char *repository, const char *tag,
                                 const struct buf *text, const struct content *content,
                                 char ret_digest[DIGEST_LEN + 1], char ret_missing[DIGEST_LEN + 1],
                                 struct err *err);
/* With every tag that names it. 0, -ENOENT. */
nodiscard int depot_manifest_remove(struct depot *depot, const char *repository, const char *digest,
                                    struct err *err);
nodiscard int depot_untag(struct depot *depot, const char *repository, const char *tag,
                          struct err *err);

/* Names in byte order; fn ends it by not returning 0. -ENOENT: there is no such repository. */
typedef int depot_name_fn(void *ctx, const char *name);
nodiscard int depot_tags(struct depot *depot, const char *repository, depot_name_fn *fn, void *ctx);
int depot_repositories(struct depot *depot, depot_name_fn *fn, void *ctx);

/* Removes what no tag leads to: manifests that have been so for untagged_s seconds, and blobs for
 * DEPOT_GRACE_S, so that what is being pushed stays. now_s: wall clock. */
#define DEPOT_GRACE_S 3600
#define DEPOT_UNTAGGED_S (7 * 24 * 3600)
void depot_collect(struct depot *depot, int64_t now_s, int64_t untagged_s);
