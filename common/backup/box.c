#include "common/backup/box.h"

#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char magic[8] = "LIMPETBK";

#define LAST UINT32_C(0x80000000)
#define LENGTH_LEN 4
#define CONTEXT_LEN (BOX_HEADER_LEN + 1)

static void put(uint8_t *at, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)(value >> 8 * (len - 1 - i));
}

static uint64_t take(const uint8_t *at, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | at[i];
    return value;
}

void box_header_write(const struct box_header *header, uint8_t ret[BOX_HEADER_LEN])
{
    memset(ret, 0, BOX_HEADER_LEN);
    memcpy(ret, magic, sizeof(magic));
    put(ret + 8, BOX_VERSION, 2);
    put(ret + 10, header->rounds, 4);
    memcpy(ret + 14, header->salt, BOX_SALT_LEN);
}

int box_header_read(const void *data, size_t len, struct box_header *ret, struct err *err)
{
    const uint8_t *at = data;
    if (len < BOX_HEADER_LEN || memcmp(at, magic, sizeof(magic)) != 0)
        return err_set(err, -EBADMSG, "not a backup of Limpet");
    uint64_t version = take(at + 8, 2), rounds = take(at + 10, 4);
    if (version != BOX_VERSION)
        return err_set(err, -ENOTSUP,
                       "a backup of version %llu, written by a newer Limpet (this one knows %d)",
                       (unsigned long long)version, BOX_VERSION);
    if (rounds < BOX_ROUNDS_MIN || rounds > BOX_ROUNDS_MAX || take(at + 30, 8) != 0)
        return err_set(err, -EBADMSG, "the backup's header is damaged");
    ret->rounds = (uint32_t)rounds;
    memcpy(ret->salt, at + 14, BOX_SALT_LEN);
    return 0;
}

int box_key(const struct box_header *header, const void *passphrase, size_t len,
            uint8_t ret[SECRET_KEY_LEN], struct err *err)
{
    return secret_from_passphrase(passphrase, len, header->salt, sizeof(header->salt),
                                  header->rounds, ret, err);
}

/* What writer and reader share: how the next piece is bound to its place. */
struct place {
    uint8_t key[SECRET_KEY_LEN];
    uint8_t context[CONTEXT_LEN]; /* the header, and 1 in the last piece */
    uint64_t count;
};

static void place_init(struct place *place, const struct box_header *header,
                       const uint8_t key[SECRET_KEY_LEN])
{
    memcpy(place->key, key, SECRET_KEY_LEN);
    box_header_write(header, place->context);
    place->count = 0;
}

/* The nonce is the number of the piece; the key is of one file (its salt is random). */
static void place_next(struct place *place, bool last, uint8_t ret_nonce[SECRET_NONCE_LEN])
{
    place->context[BOX_HEADER_LEN] = last && !WEAKENED(BOX_LAST);
    memset(ret_nonce, 0, SECRET_NONCE_LEN);
    put(ret_nonce + 4, place->count++, 8);
}

struct box_writer {
    struct place place;
    struct buf piece;
    bool begun;
};

struct box_writer *box_writer_new(const struct box_header *header,
                                  const uint8_t key[SECRET_KEY_LEN])
{
    struct box_writer *writer = xcalloc(1, sizeof(*writer));
    place_init(&writer->place, header, key);
    buf_init(&writer->piece, 0);
    return writer;
}

static void wipe(struct buf *buf)
{
    if (buf->len)
        crypto_wipe(buf->data, buf->len);
    buf_done(buf);
}

void box_writer_free(struct box_writer *writer)
{
    if (!writer)
        return;
    wipe(&writer->piece);
    crypto_wipe(&writer->place, sizeof(writer->place));
    free(writer);
}

static int begin(struct box_writer *writer, struct buf *ret)
{
    if (writer->begun)
        return 0;
    writer->begun = true;
    return buf_add(ret, writer->place.context, BOX_HEADER_LEN);
}

static int write_piece(struct box_writer *writer, bool last, struct buf *ret, struct err *err)
{
    uint8_t length[LENGTH_LEN], nonce[SECRET_NONCE_LEN];
    size_t len = writer->piece.len;
    put(length, (uint32_t)(len + SECRET_TAG_LEN) | (last ? LAST : 0), LENGTH_LEN);
    place_next(&writer->place, last, nonce);
    int r = buf_add(ret, length, LENGTH_LEN);
    if (r == 0)
        r = secret_seal(writer->place.key, nonce, writer->place.context, CONTEXT_LEN,
                        buf_str(&writer->piece), len, ret, err);
    writer->piece.len = 0;
    return r;
}

int box_write(struct box_writer *writer, const void *data, size_t len, struct buf *ret,
              struct err *err)
{
    const uint8_t *from = data;
    int r = begin(writer, ret);
    while (len > 0 && r == 0) {
        if (writer->piece.len == BOX_PIECE) /* only now it is known that it is not the last */
            r = write_piece(writer, false, ret, err);
        size_t room = BOX_PIECE - writer->piece.len, some = len < room ? len : room;
        if (r == 0)
            r = buf_add(&writer->piece, from, some);
        from += some;
        len -= some;
    }
    return r;
}

int box_end(struct box_writer *writer, struct buf *ret, struct err *err)
{
    int r = begin(writer, ret);
    return r < 0 ? r : write_piece(writer, true, ret, err);
}

struct box_reader {
    struct place place;
    struct buf piece; /* with its length */
    bool ended;
};

struct box_reader *box_reader_new(const struct box_header *header,
                                  const uint8_t key[SECRET_KEY_LEN])
{
    struct box_reader *reader = xcalloc(1, sizeof(*reader));
    place_init(&reader->place, header, key);
    buf_init(&reader->piece, 0);
    return reader;
}

void box_reader_free(struct box_reader *reader)
{
    if (!reader)
        return;
    buf_done(&reader->piece);
    crypto_wipe(&reader->place, sizeof(reader->place));
    free(reader);
}

/* How many bytes the piece has with its length, once that is there. */
static int piece_len(const struct box_reader *reader, size_t *ret, bool *ret_last, struct err *err)
{
    uint32_t length = (uint32_t)take((const uint8_t *)reader->piece.data, LENGTH_LEN);
    *ret_last = (length & LAST) != 0;
    length &= ~LAST;
    if (length < SECRET_TAG_LEN || length > BOX_PIECE + SECRET_TAG_LEN ||
        (!*ret_last && length != BOX_PIECE + SECRET_TAG_LEN))
        return err_set(err, -EBADMSG, "the backup is damaged, in piece %llu",
                       (unsigned long long)reader->place.count + 1);
    *ret = LENGTH_LEN + length;
    return 0;
}

static int open_piece(struct box_reader *reader, bool last, struct buf *ret, struct err *err)
{
    uint8_t nonce[SECRET_NONCE_LEN];
    cleanup(buf_done) struct buf checked;
    buf_init(&checked, 0);
    place_next(&reader->place, last, nonce);
    struct buf *to = ret ? ret : &checked;
    int r = secret_open(reader->place.key, nonce, reader->place.context, CONTEXT_LEN,
                        reader->piece.data + LENGTH_LEN, reader->piece.len - LENGTH_LEN, to, err);
    if (checked.len)
        crypto_wipe(checked.data, checked.len);
    reader->piece.len = 0;
    reader->ended = last;
    if (r == -EBADMSG && reader->place.count == 1)
        return err_set(err, -EKEYREJECTED,
                       "the passphrase is another one, or the backup is damaged");
    if (r == -EBADMSG)
        return err_set(err, -EBADMSG, "the backup is damaged, in piece %llu",
                       (unsigned long long)reader->place.count);
    return r;
}

int box_read(struct box_reader *reader, const void *data, size_t len, struct buf *ret,
             struct err *err)
{
    const uint8_t *from = data;
    int r = 0;
    while (len > 0 && r == 0) {
        size_t want = LENGTH_LEN;
        bool last = false;
        if (reader->ended)
            return err_set(err, -EBADMSG, "there are bytes behind the backup's end");
        if (reader->piece.len >= LENGTH_LEN)
            r = piece_len(reader, &want, &last, err);
        if (r < 0)
            return r;
        size_t some = want - reader->piece.len < len ? want - reader->piece.len : len;
        r = buf_add(&reader->piece, from, some);
        from += some;
        len -= some;
        if (r == 0 && want > LENGTH_LEN && reader->piece.len == want)
            r = open_piece(reader, last, ret, err);
    }
    return r;
}

int box_read_end(const struct box_reader *reader, struct err *err)
{
    if (reader->ended || WEAKENED(BOX_END))
        return 0;
    return err_set(err, -EBADMSG, "the backup is cut off");
}
