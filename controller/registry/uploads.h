#pragma once
/* Blobs on their way in: bytes at the end of a file, digested as they come. What has come is there
 * after a restart, too, so that a push goes on where it broke off. Blocks like depot.h. */

#include "controller/registry/depot.h"

#include "common/base/rng.h"

#define UPLOADS_MAX 512                /* at once; the one that was left longest makes way */
#define UPLOADS_AGE_S (24 * 3600)      /* that one is kept without a byte coming */
#define UPLOAD_MAX (INT64_C(16) << 30) /* bytes of a blob */

struct uploads;
struct upload;
/* Takes up what is there. All borrowed. */
nodiscard int uploads_new(struct depot *depot, struct disk *disk, struct rng *rng,
                          struct uploads **ret, struct err *err);
void uploads_free(struct uploads *uploads); /* NULL is fine; the files stay */
CLEANUP_DEFINE(struct uploads, uploads_free);
size_t uploads_count(const struct uploads *uploads);
/* Removes those of which nothing has come for UPLOADS_AGE_S. now_s: wall clock. */
void uploads_sweep(struct uploads *uploads, int64_t now_s);

/* Borrowed; it is not busy. */
nodiscard int upload_begin(struct uploads *uploads, struct upload **ret, struct err *err);
struct upload *upload_find(struct uploads *uploads, const char *id); /* NULL: there is none */
const char *upload_id(const struct upload *upload);
int64_t upload_size(const struct upload *upload);
/* One request at a time writes to it: -EBUSY. A busy one is neither swept nor replaced. */
nodiscard int upload_open(struct upload *upload, struct err *err);
void upload_close(struct upload *upload);
/* While open. -ENOSPC, -EFBIG. */
nodiscard int upload_add(struct upload *upload, const void *data, size_t len, struct err *err);
/* While open. It becomes a blob of the repository and the upload is gone, or -EBADMSG: it is
 * something else (and stays). */
nodiscard int upload_commit(struct upload *upload, const char *repository, const char *digest,
                            struct err *err);
/* With its bytes. Not while it is open. */
void upload_cancel(struct upload *upload);
