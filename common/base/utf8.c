#include "common/base/utf8.h"

struct lead {
    unsigned char first, last; /* the range of the first byte */
    unsigned char low, high;   /* the range of the second byte */
    size_t len;
};

/* RFC 3629 section 4. */
static const struct lead leads[] = {
    {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static const struct lead *lead_of(unsigned char c)
{
    for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
        if (c >= leads[i].first && c <= leads[i].last)
            return &leads[i];
    return NULL;
}

size_t utf8_seq(const char *s, size_t len)
{
    if (len == 0)
        return 0;
    const unsigned char *u = (const unsigned char *)s;
    if (u[0] < 0x80)
        return 1;
    const struct lead *lead = lead_of(u[0]);
    if (!lead || lead->len > len || u[1] < lead->low || u[1] > lead->high)
        return 0;
    for (size_t i = 2; i < lead->len; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    return lead->len;
}

size_t utf8_cut(const char *s, size_t max)
{
    /* Look back for the first byte of the sequence that the cut may split. */
    for (size_t back = 1; back <= 3 && back <= max; back++) {
        unsigned char c = (unsigned char)s[max - back];
        if ((c & 0xc0) == 0x80)
            continue;
        const struct lead *lead = lead_of(c);
        return lead && lead->len > back ? max - back : max;
    }
    return max;
}
