#pragma once
/* The writer off the loop: a thread with the only connection to the database. Everything that waits
 * when it comes round becomes one transaction (group commit); what is done is announced through an
 * eventfd. Checkpoints run when there is nothing to write, or when the log has grown past a hard
 * bound. */

#include "common/base/err.h"
#include "common/base/histogram.h"
#include "controller/store/item.h"
#include "controller/store/sqlite.h"

#include <stdbool.h>
#include <stdint.h>

enum writer_kind { WRITER_PUT, WRITER_DELETE, WRITER_RESERVE };

/* Owned by the caller, lent from push to take. */
struct writer_op {
    struct writer_op *next;
    enum writer_kind kind;
    const struct item *item; /* PUT */
    int64_t number;          /* DELETE: the row; RESERVE: the revision */
    uint32_t epoch;
    int code; /* set by the writer: 0, -ENOSPC or -EIO */
};

struct writer;

/* db is lent until writer_free. */
nodiscard int writer_new(struct sqlite *db, struct writer **ret, struct err *err);
/* Writes what still waits, ends the thread. What was never taken is given back. Blocks. */
struct writer_op *writer_free(struct writer *writer);
int writer_fd(const struct writer *writer); /* readable when there is something to take */
/* Appends a chain of ops; epochs never descend. When a transaction fails, all its ops and all later
 * ones of the same epoch or an earlier one get its code; after -EIO every op does, for ever. */
void writer_push(struct writer *writer, struct writer_op *first, struct writer_op *last);
/* Its transactions so far; full: the last one found no room. */
void writer_stats(struct writer *writer, struct histogram *ret, bool *ret_full);
/* The chain of ops that are done, in the order of their pushing; NULL if none. */
struct writer_op *writer_take(struct writer *writer);
