#pragma once
/* The inside of a backup: records, one after the other; the last says how many there were. Pure. */

#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/base/err.h"

#include <stdint.h>

#define RECORD_MAX_NAME 1024
#define RECORD_MAX_VALUE (2 * 1024 * 1024)

enum record_type {
    RECORD_INFO = 'I', /* the first: JSON of what this is a backup of, see backup.h */
    RECORD_FILE = 'F', /* name: "trust/ca.key", "controller.yaml" */
    RECORD_ITEM = 'O', /* name: the key in the store */
    RECORD_END = 'E',
};

struct record {
    enum record_type type;
    const char *name;
    const void *value;
    size_t len;
    int64_t create_revision, mod_revision; /* of an item */
};

/* Appends. -EMSGSIZE. count: of records before it, the end's alone. */
nodiscard int record_write(const struct record *record, struct buf *ret);
void record_write_end(uint64_t count, struct buf *ret);

/* Reads what comes, in whatever parts. Returns what fn stopped it with, -EBADMSG (the reason in
 * err). Records are borrowed for the call; the end is not told. */
typedef int record_fn(void *ctx, const struct record *record, struct err *err);
struct record_reader;
struct record_reader *record_reader_new(record_fn *fn, void *ctx);
void record_reader_free(struct record_reader *reader); /* wipes */
CLEANUP_DEFINE(struct record_reader, record_reader_free);
nodiscard int record_read(struct record_reader *reader, const void *data, size_t len,
                          struct err *err);
/* -EBADMSG unless the end has come and the count is right. */
nodiscard int record_read_end(const struct record_reader *reader, struct err *err);
