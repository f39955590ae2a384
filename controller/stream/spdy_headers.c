#include "controller/stream/spdy_headers.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

/* Section 2.6.10.1, 1423 bytes: words with their lengths (all below 256), then text. */
#define W(len, word) "\0\0\0" len word
static const char dictionary[] = W("\7", "options") W("\4", "head") W("\4", "post") W(
    "\3", "put") W("\6", "delete") W("\5", "trace") W("\6", "accept") W("\16", "accept-charset")
    W("\17", "accept-encoding") W("\17", "accept-language") W("\15", "accept-ranges") W(
        "\3", "age") W("\5", "allow") W("\15", "authorization") W("\15", "cache-control")
        W("\12", "connection") W("\14", "content-base") W("\20", "content-encoding") W(
            "\20", "content-language") W("\16", "content-length")
            W("\20", "content-location") W("\13", "content-md5") W("\15", "content-range") W(
                "\14", "content-type") W("\4",
                                         "date") W("\4",
                                                   "etag") W("\6",
                                                             "expect") W("\7",
                                                                         "expires") W("\4",
                                                                                      "from") W("\4",
                                                                                                "host")
                W("\10", "if-match") W("\21", "if-modified-since") W("\15", "if-none-match") W(
                    "\10", "if-range") W("\23",
                                         "if-unmodified-since") W("\15", "last-modified")
                    W("\10", "location") W("\14", "max-forwards") W("\6", "pragma") W(
                        "\22", "proxy-authenticate") W("\23", "proxy-authorization")
                        W("\5", "range") W(
                            "\7",
                            "referer") W("\13",
                                         "retry-after") W("\6", "server")
                            W("\2", "te") W("\7", "trailer") W("\21", "transfer-encoding") W(
                                "\7",
                                "upgrade") W("\12",
                                             "user-agent") W("\4", "vary")
                                W("\3", "via") W("\7", "warning") W(
                                    "\20", "www-authenticate") W("\6",
                                                                 "method") W("\3",
                                                                             "get") W("\6", "status")
                                    W("\6", "200 OK") W("\7", "version") W("\10", "HTTP/1.1") W(
                                        "\3",
                                        "url") W("\6", "public")
                                        W("\12", "set-cookie") W("\12", "keep-alive") W(
                                            "\6",
                                            "origin") "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
                                                      "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
                                                      "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
                                                      "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 "
                                                      "Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
                                                      "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
                                                      "gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

const uint8_t *spdy_dictionary(size_t *ret_len)
{
    *ret_len = sizeof(dictionary) - 1;
    return (const uint8_t *)dictionary;
}

struct spdy_unpacker {
    z_stream zlib;
    bool broken;
};

struct spdy_unpacker *spdy_unpacker_new(void)
{
    struct spdy_unpacker *unpacker = xcalloc(1, sizeof(*unpacker));
    if (inflateInit(&unpacker->zlib) != Z_OK)
        abort();
    return unpacker;
}

void spdy_unpacker_free(struct spdy_unpacker *unpacker)
{
    if (!unpacker)
        return;
    inflateEnd(&unpacker->zlib);
    free(unpacker);
}

/* At most max bytes; -EPROTO if there are more, or it is no deflate stream. */
static int inflate_block(z_stream *zlib, const void *block, size_t len, uint8_t *ret, size_t max,
                         size_t *ret_len)
{
    zlib->next_in = (Bytef *)(uintptr_t)block;
    zlib->avail_in = (uInt)len;
    zlib->next_out = ret;
    zlib->avail_out = (uInt)max;
    int r = inflate(zlib, Z_SYNC_FLUSH);
    if (r == Z_NEED_DICT) {
        size_t size;
        const uint8_t *words = spdy_dictionary(&size);
        if (inflateSetDictionary(zlib, words, (uInt)size) != Z_OK)
            return -EPROTO;
        r = inflate(zlib, Z_SYNC_FLUSH);
    }
    /* A full output may hide more; no valid block needs all of it. */
    if ((r != Z_OK && r != Z_BUF_ERROR) || zlib->avail_in > 0 || zlib->avail_out == 0)
        return -EPROTO;
    *ret_len = max - zlib->avail_out;
    return 0;
}

struct cursor {
    const uint8_t *at, *end;
};

static int take32(struct cursor *in, uint32_t *ret)
{
    if (in->end - in->at < 4)
        return -EPROTO;
    *ret = (uint32_t)in->at[0] << 24 | (uint32_t)in->at[1] << 16 | (uint32_t)in->at[2] << 8 |
           in->at[3];
    in->at += 4;
    return 0;
}

/* Copies a counted string to *text, up to its first NUL. */
static int take_string(struct cursor *in, char **text, const char **ret)
{
    uint32_t len;
    if (take32(in, &len) != 0 || len > (size_t)(in->end - in->at))
        return -EPROTO;
    *ret = *text;
    memcpy(*text, in->at, len);
    (*text)[len] = '\0';
    *text += len + 1;
    in->at += len;
    return 0;
}

static bool is_name(const char *name)
{
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || (*p >= 'A' && *p <= 'Z'))
            return false;
    return *name;
}

static int parse(const uint8_t *data, size_t len, struct spdy_headers *ret)
{
    struct cursor in = {data, data + len};
    char *text = ret->text;
    uint32_t count;
    ret->count = 0;
    if (take32(&in, &count) != 0 || count > SPDY_MAX_PAIRS)
        return -EPROTO;
    while (ret->count < count) {
        const char *name, *value;
        if (take_string(&in, &text, &name) != 0 || take_string(&in, &text, &value) != 0 ||
            !is_name(name) || spdy_header(ret, name))
            return -EPROTO;
        ret->names[ret->count] = name;
        ret->values[ret->count++] = value;
    }
    return in.at == in.end ? 0 : -EPROTO;
}

int spdy_unpack(struct spdy_unpacker *unpacker, const void *block, size_t len,
                struct spdy_headers *ret)
{
    const size_t bomb = WEAKENED(SPDY_BOMB) ? (size_t)64 * 1024 * 1024 : SPDY_MAX_HEADERS;
    autofree uint8_t *plain = xmalloc(bomb);
    size_t plain_len = 0;
    ret->count = 0;
    int r = unpacker->broken ? -EPROTO
                             : inflate_block(&unpacker->zlib, block, len, plain, bomb, &plain_len);
    if (r == 0)
        r = parse(plain, plain_len, ret);
    unpacker->broken = r != 0;
    return r;
}

const char *spdy_header(const struct spdy_headers *headers, const char *name)
{
    for (size_t i = 0; i < headers->count; i++)
        if (str_eq(headers->names[i], name))
            return headers->values[i];
    return NULL;
}

/* What zlib would write of "no pairs": the stream's head with the dictionary's sum (RFC 1950), a
 * stored block of a zero, and the empty one of a flush (RFC 1951 section 3.2.4). A packer of its
 * own would cost 256 KiB a connection. */
size_t spdy_reply(uint32_t id, bool first, uint8_t ret[static SPDY_REPLY_MAX])
{
    static const uint8_t begin[] = {0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2};
    static const uint8_t none[] = {0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    size_t len = 4 + (first ? sizeof(begin) : 0) + sizeof(none);
    const uint8_t head[] = {0x80,
                            3,
                            0,
                            2,
                            0,
                            0,
                            0,
                            (uint8_t)len,
                            (uint8_t)(id >> 24),
                            (uint8_t)(id >> 16),
                            (uint8_t)(id >> 8),
                            (uint8_t)id};
    memcpy(ret, head, sizeof(head));
    if (first)
        memcpy(ret + sizeof(head), begin, sizeof(begin));
    memcpy(ret + 8 + len - sizeof(none), none, sizeof(none));
    return 8 + len;
}
