#pragma once
/* The database file: rows of (key, revisions, value, checksum) and a few numbers, through SQLite in
 * WAL mode with synchronous=FULL. Blocks for as long as the medium takes. Used by one thread at a
 * time. The file is locked for this process alone while it is open. */

#include "common/base/err.h"
#include "controller/store/item.h"

#include <stdbool.h>
#include <stdint.h>

struct sqlite;

/* Opens `path` on the medium (borrowed for the call), or creates it whole (an empty file is never
 * taken for an empty store). Checks the file's structure. Errors name the file and what to do:
 * -EBUSY (another process has it open), -EBADMSG (not ours, or damaged: nothing was changed),
 * -ENOTSUP (of a newer schema), -EACCES, -ENOSPC, -EIO... */
nodiscard int sqlite_open(const struct store_medium *medium, const char *path, struct sqlite **ret,
                          struct err *err);
/* Copies what the WAL holds into the database first. NULL is fine. */
void sqlite_close(struct sqlite *db);

/* Every row, in no order; fn owns item. A row that fails its checksum ends the walk with -EBADMSG.
 */
typedef void sqlite_row_fn(void *ctx, struct item *item);
nodiscard int sqlite_load(struct sqlite *db, sqlite_row_fn *fn, void *ctx, struct err *err);
/* No revision above this was ever given out. */
int64_t sqlite_reserved(const struct sqlite *db);

/* One transaction: begin, any number of changes, commit. After a failure the transaction is gone.
 * All give 0, -ENOSPC (nothing was changed, a later try may succeed) or -EIO (what is on the medium
 * is unknown: do not go on). */
nodiscard int sqlite_begin(struct sqlite *db);
nodiscard int sqlite_put(struct sqlite *db, const struct item *item); /* at item->row */
nodiscard int sqlite_delete(struct sqlite *db, int64_t row);
nodiscard int sqlite_reserve(struct sqlite *db, int64_t revision);
nodiscard int sqlite_commit(struct sqlite *db); /* returns when it is on the medium */
void sqlite_rollback(struct sqlite *db);

/* Pages that wait in the WAL, and copying them into the database (0, -ENOSPC, -EIO). */
int sqlite_wal_pages(const struct sqlite *db);
nodiscard int sqlite_checkpoint(struct sqlite *db);

/* Whether much of the file is free, and giving a bite of that back to the file system (with the
 * next checkpoint; 0, -ENOSPC, -EIO). */
bool sqlite_has_slack(struct sqlite *db);
nodiscard int sqlite_trim(struct sqlite *db);
