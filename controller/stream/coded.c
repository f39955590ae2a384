#include "controller/stream/coded.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <string.h>

/* Decodes the whole groups of `text` and hands them on: how many digits of it are done with. */
static size_t pass_on(struct coded *coded, const char *text, size_t len, bool last, coded_fn *fn,
                      void *ctx, bool *ret_wrong)
{
    autofree uint8_t *bytes = NULL;
    size_t digits = len / 4 * 4, count;
    if (digits == 0)
        return 0;
    if (coded->padded || base64_decode(text, digits, &bytes, &count) < 0) {
        *ret_wrong = true;
        return digits;
    }
    bool whole = last && digits == len;
    size_t end = coded->skip + fn(ctx, bytes + coded->skip, count - coded->skip, false, whole);
    if (end < count) {
        coded->skip = end % 3;
        return end / 3 * 4;
    }
    coded->skip = 0;
    coded->padded = text[digits - 1] == '=';
    return digits;
}

/* What is left of a group waits for the rest of it. */
static void keep(struct coded *coded, const char *text, size_t len)
{
    memcpy(coded->digits, text, len);
    coded->digits_len = len;
}

size_t coded_read(struct coded *coded, const uint8_t *data, size_t len, bool first, bool last,
                  coded_fn *fn, void *ctx, bool *ret_wrong)
{
    size_t head = 0;
    if (first)
        *coded = (struct coded){.channel_next = true};
    if (coded->channel_next && len > 0) {
        const uint8_t channel = (uint8_t)(data[0] - '0');
        coded->channel_next = false;
        head = 1;
        (void)fn(ctx, &channel, 1, true, last && len == 1);
    }
    size_t old = coded->digits_len, all = old + len - head;
    autofree char *text = xmalloc(all + 1);
    memcpy(text, coded->digits, old);
    memcpy(text + old, data + head, len - head);
    size_t done = pass_on(coded, text, all, last, fn, ctx, ret_wrong);
    if (done < all / 4 * 4 && !*ret_wrong) { /* what is left comes again */
        coded->digits_len = done ? 0 : old;
        return done ? head + done - old : head;
    }
    keep(coded, text + done, all - done);
    *ret_wrong |= last && all > done;
    return len;
}

void coded_write(unsigned channel, const void *data, size_t len, struct buf *ret)
{
    autofree char *text = base64_encode(data, len);
    (void)buf_addc(ret, (char)('0' + channel));
    (void)buf_addstr(ret, text);
}
