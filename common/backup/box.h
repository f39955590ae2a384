#pragma once
/* The outside of a backup: a header, then the content in pieces that are each encrypted and
 * authenticated, bound to the header, to their place and to whether they are the last, so that
 * nothing can be altered, left out, doubled, exchanged, appended or cut off unnoticed (decision
 * record 0008 of controller). Pure.
 *
 *   header: 8 bytes "LIMPETBK", u16 version, u32 rounds, 16 bytes salt (big-endian), 8 bytes 0
 *   piece:  u32 length of what follows with its highest bit set in the last piece; AES-256-GCM */

#include "common/crypto/crypto.h"

#include <stdbool.h>

#define BOX_VERSION 1
#define BOX_SALT_LEN 16
#define BOX_HEADER_LEN 38
#define BOX_ROUNDS 600000 /* PBKDF2-HMAC-SHA512; what a box that is written gets */
#define BOX_ROUNDS_MIN 100000
#define BOX_ROUNDS_MAX 20000000 /* a header from outside must not keep us for hours */
#define BOX_PIECE (64 * 1024)   /* content of a piece; only the last may have less */
#define BOX_PASSPHRASE_MIN 8    /* bytes */
#define BOX_PASSPHRASE_MAX 1024

struct box_header {
    uint32_t rounds;
    uint8_t salt[BOX_SALT_LEN];
};
void box_header_write(const struct box_header *header, uint8_t ret[BOX_HEADER_LEN]);
/* -EBADMSG (no backup), -ENOTSUP (of a newer version), with the reason. */
nodiscard int box_header_read(const void *data, size_t len, struct box_header *ret,
                              struct err *err);
/* Blocks for a second or so. */
nodiscard int box_key(const struct box_header *header, const void *passphrase, size_t len,
                      uint8_t ret[SECRET_KEY_LEN], struct err *err);

/* Writes. Wiped and freed by box_writer_free (NULL is fine). */
struct box_writer;
struct box_writer *box_writer_new(const struct box_header *header,
                                  const uint8_t key[SECRET_KEY_LEN]);
void box_writer_free(struct box_writer *writer);
/* Appends to ret what is ready to be written: at first the header, then each piece that is full. */
nodiscard int box_write(struct box_writer *writer, const void *data, size_t len, struct buf *ret,
                        struct err *err);
nodiscard int box_end(struct box_writer *writer, struct buf *ret, struct err *err);

/* Reads what comes, in whatever parts, behind the header. */
struct box_reader;
struct box_reader *box_reader_new(const struct box_header *header,
                                  const uint8_t key[SECRET_KEY_LEN]);
void box_reader_free(struct box_reader *reader);
/* Appends to ret (may be NULL: it is only checked) the content of the pieces that are complete.
 * -EKEYREJECTED: the first piece does not open: another passphrase, or altered; -EBADMSG: altered
 * or out of place, or bytes behind the end. */
nodiscard int box_read(struct box_reader *reader, const void *data, size_t len, struct buf *ret,
                       struct err *err);
/* There is no more: -EBADMSG if it was cut off. */
nodiscard int box_read_end(const struct box_reader *reader, struct err *err);

#include "common/base/cleanup.h"
CLEANUP_DEFINE(struct box_writer, box_writer_free);
CLEANUP_DEFINE(struct box_reader, box_reader_free);
