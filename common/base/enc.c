#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdlib.h>

void hex_encode(const void *data, size_t len, char *ret)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret[2 * len] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hex_decode(const char *hex, size_t hex_len, void *ret, size_t len)
{
    if (len > SIZE_MAX / 2 || hex_len != 2 * len)
        return -EINVAL;
    for (size_t i = 0; i < hex_len; i++)
        if (hex_value(hex[i]) < 0)
            return -EINVAL;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)ret)[i] = (uint8_t)(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
    return 0;
}

char *base64_encode(const void *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *bytes = data;
    char *text = xmalloc((len + 2) / 3 * 4 + 1), *out = text;
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (have > 1)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (have > 2)
            group |= bytes[i + 2];
        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 63];
        *out++ = have > 1 ? digits[group >> 6 & 63] : '=';
        *out++ = have > 2 ? digits[group & 63] : '=';
    }
    *out = '\0';
    return text;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One group of four digits, the last `pad` of them '='; the bits that padding leaves over must be
 * zero (RFC 4648 section 3.5), so that a value has one spelling. */
static int base64_group(const char *text, size_t pad, uint8_t *out)
{
    uint32_t group = 0;
    for (size_t i = 0; i < 4; i++) {
        int value = i < 4 - pad ? base64_value(text[i]) : 0;
        if (value < 0)
            return -EINVAL;
        group = group << 6 | (uint32_t)value;
    }
    if (group & ((UINT32_C(1) << (8 * pad)) - 1))
        return -EINVAL;
    for (size_t i = 0; i < 3 - pad; i++)
        out[i] = (uint8_t)(group >> (16 - 8 * i));
    return 0;
}

int base64_decode(const char *text, size_t text_len, uint8_t **ret, size_t *ret_len)
{
    if (text_len % 4)
        return -EINVAL;
    size_t pad = 0;
    if (text_len && text[text_len - 1] == '=')
        pad = text[text_len - 2] == '=' ? 2 : 1;
    size_t len = text_len / 4 * 3 - pad;
    uint8_t *data = xmalloc(len + 1);
    for (size_t i = 0; i < text_len / 4; i++) {
        int r = base64_group(text + 4 * i, i == text_len / 4 - 1 ? pad : 0, data + 3 * i);
        if (r < 0) {
            free(data);
            return r;
        }
    }
    data[len] = '\0';
    *ret = data;
    *ret_len = len;
    return 0;
}
