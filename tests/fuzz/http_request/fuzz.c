/* What clients send: what the screen passes on is itself good and plain, whole or in pieces, and a
 * bounded amount of what came is held back. */

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "controller/http/screen.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* Which of the requests is refused, counted from 1; 0: none. */
static uint64_t refused_of(const struct screen *screen, size_t size)
{
    const char *why = NULL;
    uint64_t found = 0;
    for (uint64_t n = 0; n <= size; n++)
        if (screen_refusal(screen, n, &why)) {
            check(!found && why && *why);
            found = n + 1;
        }
    return found;
}

static uint64_t run(const void *data, size_t size, size_t piece, struct buf *ret)
{
    struct screen *screen = screen_new();
    for (size_t at = 0; at < size; at += piece) {
        size_t n = size - at < piece ? size - at : piece;
        screen_pass(screen, (const char *)data + at, n, ret);
    }
    screen_end(screen, ret);
    uint64_t refused = refused_of(screen, size);
    screen_unref(screen);
    return refused;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(buf_done) struct buf whole = {0}, pieces = {0}, again = {0};
    uint64_t refused = run(data, size, size ? size : 1, &whole);
    check(run(data, size, 7, &pieces) == refused);
    check(whole.len <= 12 * size + 128);
    /* Plain is plain already; but HTTP/1.0 that ends early cannot be answered. */
    if (whole.len > 0 && !strstr(buf_str(&whole), "HTTP/1.0")) {
        check(run(whole.data, whole.len, whole.len, &again) == 0);
        check(again.len == whole.len && memcmp(again.data, whole.data, whole.len) == 0);
    }
    return 0;
}
