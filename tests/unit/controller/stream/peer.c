#include "peer.h"

#include "controller/stream/spdy_headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

void peer_init(struct peer *peer)
{
    size_t len;
    const uint8_t *words = spdy_dictionary(&len);
    memset(peer, 0, sizeof(*peer));
    assert_int_equal(deflateInit(&peer->packer, 9), Z_OK);
    assert_int_equal(deflateSetDictionary(&peer->packer, words, (uInt)len), Z_OK);
    assert_int_equal(inflateInit(&peer->unpacker), Z_OK);
}

void peer_done(struct peer *peer)
{
    deflateEnd(&peer->packer);
    inflateEnd(&peer->unpacker);
}

static void add32(struct buf *buf, uint32_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                             (uint8_t)value};
    buf_add(buf, bytes, 4);
}

static void add_string(struct buf *buf, const char *text)
{
    add32(buf, (uint32_t)strlen(text));
    buf_addstr(buf, text);
}

void peer_control(struct buf *ret, uint16_t type, const void *body, size_t len)
{
    add32(ret, 0x80030000u | type);
    add32(ret, (uint32_t)len);
    if (len > 0)
        buf_add(ret, body, len);
}

static void syn(struct peer *peer, struct buf *ret, uint32_t id, bool fin, const void *block,
                size_t len)
{
    cleanup(buf_done) struct buf body = {0};
    add32(&body, id);
    add32(&body, 0);
    buf_add(&body, "\0\0", 2);
    size_t most = deflateBound(&peer->packer, len) + 64;
    char *room = buf_reserve(&body, most);
    peer->packer.next_in = (Bytef *)(uintptr_t)block;
    peer->packer.avail_in = (uInt)len;
    peer->packer.next_out = (Bytef *)room;
    peer->packer.avail_out = (uInt)most;
    assert_int_equal(deflate(&peer->packer, Z_SYNC_FLUSH), Z_OK);
    assert_int_equal(peer->packer.avail_in, 0);
    body.len += most - peer->packer.avail_out;
    size_t at = ret->len;
    peer_control(ret, 1, body.data, body.len);
    if (fin)
        ret->data[at + 4] = 1;
}

void peer_syn_block(struct peer *peer, struct buf *ret, uint32_t id, const void *block, size_t len)
{
    syn(peer, ret, id, false, block, len);
}

void peer_syn(struct peer *peer, struct buf *ret, uint32_t id, bool fin, const char *const *pairs)
{
    cleanup(buf_done) struct buf block = {0};
    uint32_t count = 0;
    while (pairs[2 * count])
        count++;
    add32(&block, count);
    for (size_t i = 0; i < 2 * (size_t)count; i++)
        add_string(&block, pairs[i]);
    syn(peer, ret, id, fin, block.data, block.len);
}

void peer_data(struct buf *ret, uint32_t id, const void *data, size_t len, bool fin)
{
    add32(ret, id);
    add32(ret, (uint32_t)len | (fin ? 1u << 24 : 0));
    if (len > 0)
        buf_add(ret, data, len);
}

void peer_unpack(struct peer *peer, const void *block, size_t len, struct buf *ret)
{
    size_t words_len;
    const uint8_t *words = spdy_dictionary(&words_len);
    char *room = buf_reserve(ret, 4096);
    peer->unpacker.next_in = (Bytef *)(uintptr_t)block;
    peer->unpacker.avail_in = (uInt)len;
    peer->unpacker.next_out = (Bytef *)room;
    peer->unpacker.avail_out = 4096;
    int r = inflate(&peer->unpacker, Z_SYNC_FLUSH);
    if (r == Z_NEED_DICT) {
        assert_int_equal(inflateSetDictionary(&peer->unpacker, words, (uInt)words_len), Z_OK);
        r = inflate(&peer->unpacker, Z_SYNC_FLUSH);
    }
    assert_int_equal(r, Z_OK);
    assert_int_equal(peer->unpacker.avail_in, 0);
    ret->len += 4096 - peer->unpacker.avail_out;
}

void peer_message(struct buf *ret, uint8_t opcode, const void *data, size_t len)
{
    static const uint8_t mask[4] = {0xa5, 0, 7, 0x80};
    buf_addc(ret, (char)(0x80 | opcode));
    if (len < 126) {
        buf_addc(ret, (char)(0x80 | len));
    } else if (len < 65536) {
        buf_addc(ret, (char)(0x80 | 126));
        buf_addc(ret, (char)(len >> 8));
        buf_addc(ret, (char)len);
    } else {
        buf_addc(ret, (char)(0x80 | 127));
        add32(ret, 0);
        add32(ret, (uint32_t)len);
    }
    buf_add(ret, mask, 4);
    for (size_t i = 0; i < len; i++)
        buf_addc(ret, (char)(((const uint8_t *)data)[i] ^ mask[i & 3]));
}
