#pragma once
/* SPDY/3's header blocks (draft-mbelshe-httpbis-spdy-00 section 2.6.10): one deflate stream a
 * direction, begun with a dictionary that is published there. Pure; hostile input. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPDY_MAX_HEADERS (16 * 1024) /* of a block, unpacked */
#define SPDY_MAX_PAIRS 64

/* What a client's blocks are unpacked with: about 48 KiB, from the first block on. */
struct spdy_unpacker;
struct spdy_unpacker *spdy_unpacker_new(void);
void spdy_unpacker_free(struct spdy_unpacker *unpacker); /* NULL is fine */

struct spdy_headers {
    size_t count;
    /* NUL-terminated, into text; of a value that is a list the first item. */
    const char *names[SPDY_MAX_PAIRS], *values[SPDY_MAX_PAIRS];
    char text[SPDY_MAX_HEADERS + 2 * SPDY_MAX_PAIRS];
};
/* The next block. -EPROTO: it is none, has too many bytes or pairs, an empty or repeated name or
 * one that is not in lower case; then nothing more can be unpacked. */
int spdy_unpack(struct spdy_unpacker *unpacker, const void *block, size_t len,
                struct spdy_headers *ret);
/* NULL if there is none of that name. */
const char *spdy_header(const struct spdy_headers *headers, const char *name);

/* A SYN_REPLY without headers; `first` of the connection. Returns its length. */
#define SPDY_REPLY_MAX 64
size_t spdy_reply(uint32_t id, bool first, uint8_t ret[static SPDY_REPLY_MAX]);
/* The dictionary, for tests and other ends. */
const uint8_t *spdy_dictionary(size_t *ret_len);
