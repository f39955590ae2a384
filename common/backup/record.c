#include "common/backup/record.h"

#include "common/base/mem.h"
#include "common/crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* u8 type, u16 length of the name, u32 length of the value, i64 and i64 revisions (big-endian);
 * then the name and a NUL, and the value. In the end, the first revision is the count. */
#define HEAD_LEN 23

struct head {
    uint8_t type;
    size_t name_len, len;
    int64_t a, b;
};

static void put(struct buf *ret, uint64_t value, int len)
{
    for (int i = len - 1; i >= 0; i--)
        (void)buf_addc(ret, (char)(value >> 8 * i));
}

static uint64_t take(const char **at, int len)
{
    uint64_t value = 0;
    for (int i = 0; i < len; i++)
        value = value << 8 | (uint8_t) * (*at)++;
    return value;
}

static int write_one(const struct head *head, const char *name, const void *value, struct buf *ret)
{
    put(ret, head->type, 1);
    put(ret, head->name_len, 2);
    put(ret, head->len, 4);
    put(ret, (uint64_t)head->a, 8);
    put(ret, (uint64_t)head->b, 8);
    (void)buf_add(ret, name, head->name_len + 1);
    return head->len ? buf_add(ret, value, head->len) : 0;
}

int record_write(const struct record *record, struct buf *ret)
{
    const struct head head = {(uint8_t)record->type, strlen(record->name), record->len,
                              record->create_revision, record->mod_revision};
    if (head.name_len > RECORD_MAX_NAME || head.len > RECORD_MAX_VALUE)
        return -EMSGSIZE;
    return write_one(&head, record->name, record->value, ret);
}

void record_write_end(uint64_t count, struct buf *ret)
{
    const struct head head = {.type = RECORD_END, .a = (int64_t)count};
    (void)write_one(&head, "", NULL, ret);
}

struct record_reader {
    record_fn *fn;
    void *ctx;
    struct buf text;
    uint64_t count;
    bool ended;
};

struct record_reader *record_reader_new(record_fn *fn, void *ctx)
{
    struct record_reader *reader = xcalloc(1, sizeof(*reader));
    reader->fn = fn;
    reader->ctx = ctx;
    buf_init(&reader->text, 0);
    return reader;
}

void record_reader_free(struct record_reader *reader)
{
    if (!reader)
        return;
    if (reader->text.data)
        crypto_wipe(reader->text.data, reader->text.len);
    buf_done(&reader->text);
    free(reader);
}

static int damaged(const struct record_reader *reader, struct err *err)
{
    return err_set(err, -EBADMSG, "what the backup holds is not valid, in record %llu",
                   (unsigned long long)reader->count + 1);
}

static int tell(struct record_reader *reader, const struct head *head, const char *body,
                struct err *err)
{
    if (reader->ended || body[head->name_len] != '\0' || strlen(body) != head->name_len)
        return damaged(reader, err);
    if (head->type == RECORD_END) {
        reader->ended = head->a >= 0 && (uint64_t)head->a == reader->count;
        return reader->ended ? 0 : damaged(reader, err);
    }
    const struct record record = {
        .type = head->type,
        .name = body,
        .value = body + head->name_len + 1,
        .len = head->len,
        .create_revision = head->a,
        .mod_revision = head->b,
    };
    /* The first says what it is all about. */
    if ((record.type == RECORD_INFO) != (reader->count == 0) || !memchr("IFO", head->type, 3) ||
        head->a < 0 || head->b < 0)
        return damaged(reader, err);
    reader->count++;
    return reader->fn(reader->ctx, &record, err);
}

/* 1: a record was read; 0: it is not all there yet. */
static int read_one(struct record_reader *reader, size_t *done, struct err *err)
{
    const char *at = reader->text.data + *done;
    size_t left = reader->text.len - *done;
    if (left < HEAD_LEN)
        return 0;
    struct head head;
    head.type = (uint8_t)take(&at, 1);
    head.name_len = (size_t)take(&at, 2);
    head.len = (size_t)take(&at, 4);
    head.a = (int64_t)take(&at, 8);
    head.b = (int64_t)take(&at, 8);
    if (head.name_len > RECORD_MAX_NAME || head.len > RECORD_MAX_VALUE)
        return damaged(reader, err);
    size_t whole = HEAD_LEN + head.name_len + 1 + head.len;
    if (left < whole)
        return 0;
    int r = tell(reader, &head, at, err);
    *done += whole;
    return r == 0 ? 1 : r;
}

int record_read(struct record_reader *reader, const void *data, size_t len, struct err *err)
{
    size_t done = 0;
    int r = buf_add(&reader->text, data, len);
    if (r < 0)
        return err_set(err, r, "out of memory");
    do {
        r = read_one(reader, &done, err);
    } while (r == 1);
    buf_drop(&reader->text, done);
    return r;
}

int record_read_end(const struct record_reader *reader, struct err *err)
{
    return reader->ended && reader->text.len == 0
               ? 0
               : err_set(err, -EBADMSG, "what the backup holds has no end");
}
