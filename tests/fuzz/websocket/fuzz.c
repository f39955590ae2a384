/* Frames of WebSocket in pieces and at once, with a taker that is slow, give the same messages;
 * none is longer than its bytes. The first byte says how they are cut. */

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "controller/stream/websocket.h"

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
    size_t most; /* bytes of data that are taken at once */
    bool in_message, closed;
};

static size_t on_data(void *ctx, const uint8_t *data, size_t len, bool first, bool last)
{
    struct seen *seen = ctx;
    size_t n = len < seen->most ? len : seen->most;
    check(!seen->closed && first == !seen->in_message);
    if (n > 0 || len == 0)
        seen->in_message = true;
    buf_add(&seen->text, data, n);
    if (last && n == len) {
        buf_addc(&seen->text, '|');
        seen->in_message = false;
    }
    return n;
}

static void on_control(void *ctx, enum ws_opcode opcode, const uint8_t *data, size_t len)
{
    struct seen *seen = ctx;
    check(len <= WS_MAX_CONTROL && !seen->closed);
    seen->closed = opcode == WS_CLOSE;
    buf_addf(&seen->text, "<%d>", (int)opcode);
    buf_add(&seen->text, data, len);
}

static int read_all(const uint8_t *data, size_t size, size_t piece, size_t most, struct seen *seen)
{
    static const struct ws_handler handler = {on_data, on_control};
    struct ws_reader reader = {0};
    *seen = (struct seen){.most = most};
    for (size_t at = 0, used = 0; at < size; at += used) {
        size_t n = size - at < piece ? size - at : piece;
        int code = ws_read(&reader, data + at, n, &used, &handler, seen);
        check(used <= n);
        if (code)
            return code;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole, cut;
    if (size < 1)
        return 0;
    int code = read_all(data + 1, size - 1, size, SIZE_MAX, &whole);
    check(read_all(data + 1, size - 1, 1u + data[0] % 16, 1u + data[0] / 16, &cut) == code);
    check(whole.text.len == cut.text.len && whole.text.len <= 4 * size);
    check(whole.text.len == 0 || memcmp(whole.text.data, cut.text.data, whole.text.len) == 0);
    buf_done(&whole.text);
    buf_done(&cut.text);
    autofree char *key = xstrndup((const char *)data, size);
    char accept[WS_ACCEPT];
    if (ws_key_valid(key))
        ws_accept(key, accept);
    return 0;
}
