/* A message in base64 in pieces and at once, to a taker that is slow, says the same, and no more
 * than it has digits. The first byte says how it is cut. */

#include "common/base/buf.h"
#include "controller/stream/coded.h"

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
    size_t most; /* bytes that are taken at once */
    bool stopped;
};

static size_t on_data(void *ctx, const uint8_t *data, size_t len, bool first, bool last)
{
    struct seen *seen = ctx;
    size_t n = len < seen->most ? len : seen->most;
    (void)last;
    check(first == (seen->text.len == 0));
    buf_add(&seen->text, data, n);
    seen->stopped = n < len;
    return n;
}

static bool read_all(const uint8_t *data, size_t size, size_t piece, size_t most, struct seen *seen)
{
    struct coded coded = {0};
    bool wrong = false, first = true;
    *seen = (struct seen){.most = most};
    for (size_t at = 0; (at < size || seen->stopped) && !wrong; first = false) {
        size_t n = size - at < piece ? size - at : piece;
        size_t used =
            coded_read(&coded, data + at, n, first, at + n == size, on_data, seen, &wrong);
        check(used <= n);
        at += used;
    }
    return wrong;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole, cut;
    if (size < 2)
        return 0;
    bool wrong = read_all(data + 1, size - 1, size, SIZE_MAX, &whole);
    check(read_all(data + 1, size - 1, 1u + data[0] % 16, 1u + data[0] / 16, &cut) == wrong);
    check(whole.text.len <= size);
    if (!wrong) {
        check(whole.text.len == cut.text.len);
        check(memcmp(whole.text.data, cut.text.data, whole.text.len) == 0);
    }
    buf_done(&whole.text);
    buf_done(&cut.text);
    return 0;
}
