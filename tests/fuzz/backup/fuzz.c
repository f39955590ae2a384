/* A backup file from anywhere. The first byte chooses: 0, the file as it is (nobody can make one
 * that opens without the key); else, what stands behind it as the content that was encrypted. What
 * is read is the same whatever parts it comes in, and bounded. */

#include "common/backup/box.h"
#include "common/backup/record.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static int see(void *ctx, const struct record *record, struct err *err)
{
    struct buf *seen = ctx;
    (void)err;
    check(strlen(record->name) <= RECORD_MAX_NAME && record->len <= RECORD_MAX_VALUE);
    check(seen->len > 0 || record->type == RECORD_INFO);
    (void)buf_addf(seen, "%c %s %zu\n", record->type, record->name, record->len);
    return 0;
}

static int read_records(const uint8_t *data, size_t size, size_t step, struct buf *seen)
{
    struct err err = {0};
    cleanup(record_reader_free) struct record_reader *reader = record_reader_new(see, seen);
    int r = 0;
    for (size_t at = 0; at < size && r == 0; at += step)
        r = record_read(reader, data + at, size - at < step ? size - at : step, &err);
    if (r == 0)
        r = record_read_end(reader, &err);
    check(r == 0 || *err.msg);
    return r;
}

static void read_box(const uint8_t *data, size_t size)
{
    static const uint8_t key[SECRET_KEY_LEN];
    struct box_header header;
    struct err err = {0};
    if (box_header_read(data, size, &header, &err) < 0)
        return;
    check(header.rounds >= BOX_ROUNDS_MIN && header.rounds <= BOX_ROUNDS_MAX);
    cleanup(box_reader_free) struct box_reader *box = box_reader_new(&header, key);
    int r = box_read(box, data + BOX_HEADER_LEN, size - BOX_HEADER_LEN, NULL, &err);
    check(r < 0 || box_read_end(box, &err) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(buf_done) struct buf whole, parts;
    buf_init(&whole, 0);
    buf_init(&parts, 0);
    if (size == 0)
        return 0;
    if (data[0] == 0) {
        read_box(data + 1, size - 1);
        return 0;
    }
    int one = read_records(data + 1, size - 1, size, &whole);
    int many = read_records(data + 1, size - 1, data[0], &parts);
    check(one == many);
    check(one < 0 || (whole.len == parts.len && memcmp(whole.data, parts.data, whole.len) == 0));
    return 0;
}
