/* Frames of SPDY, their header blocks unpacked, in pieces and at once, with a taker that is slow:
 * the same is read, and no block becomes more than it may. The first byte says how they are cut. */

#include "common/base/buf.h"
#include "controller/stream/spdy.h"
#include "controller/stream/spdy_headers.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

struct seen {
    struct buf text;
    struct spdy_unpacker *unpacker;
    size_t most; /* bytes of data that are taken at once */
};

static bool on_headers(void *ctx, enum spdy_type type, uint32_t id, bool fin, const uint8_t *block,
                       size_t len)
{
    struct seen *seen = ctx;
    struct spdy_headers headers;
    if (spdy_unpack(seen->unpacker, block, len, &headers) != 0)
        return false;
    check(headers.count <= SPDY_MAX_PAIRS);
    buf_addf(&seen->text, "[%d %u %d", (int)type, id, fin);
    size_t all = 0;
    for (size_t i = 0; i < headers.count; i++) {
        check(*headers.names[i] && spdy_header(&headers, headers.names[i]) == headers.values[i]);
        all += strlen(headers.names[i]) + strlen(headers.values[i]);
        buf_addf(&seen->text, " %s=%s", headers.names[i], headers.values[i]);
    }
    check(all <= SPDY_MAX_HEADERS);
    return true;
}

static size_t on_data(void *ctx, uint32_t id, const uint8_t *data, size_t len, bool fin)
{
    struct seen *seen = ctx;
    size_t n = len < seen->most ? len : seen->most;
    check(id != 0 && id <= INT32_MAX);
    buf_add(&seen->text, data, n);
    if (fin && n == len)
        buf_addf(&seen->text, "|%u", id);
    return n;
}

static void on_reset(void *ctx, uint32_t id, uint32_t status)
{
    buf_addf(&((struct seen *)ctx)->text, "<reset %u %u>", id, status);
}

static void on_ping(void *ctx, uint32_t id)
{
    buf_addf(&((struct seen *)ctx)->text, "<ping %u>", id);
}

static void on_goaway(void *ctx)
{
    buf_addstr(&((struct seen *)ctx)->text, "<goaway>");
}

static int read_all(const uint8_t *data, size_t size, size_t piece, size_t most, struct seen *seen)
{
    static const struct spdy_handler handler = {on_headers, on_data, on_reset, on_ping, on_goaway};
    struct spdy_reader reader = {0};
    int r = 0;
    *seen = (struct seen){.most = most, .unpacker = spdy_unpacker_new()};
    for (size_t at = 0, used = 0; at < size && r == 0; at += used) {
        size_t n = size - at < piece ? size - at : piece;
        r = spdy_read(&reader, data + at, n, &used, &handler, seen);
        check(used <= n);
    }
    spdy_done(&reader);
    spdy_unpacker_free(seen->unpacker);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole, cut;
    if (size < 1)
        return 0;
    int r = read_all(data + 1, size - 1, size, SIZE_MAX, &whole);
    check(read_all(data + 1, size - 1, 1u + data[0] % 16, 1u + data[0] / 16, &cut) == r);
    check(whole.text.len == cut.text.len);
    check(whole.text.len == 0 || memcmp(whole.text.data, cut.text.data, whole.text.len) == 0);
    buf_done(&whole.text);
    buf_done(&cut.text);
    return 0;
}
