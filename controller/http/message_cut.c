#include "controller/http/message_cut.h"

#include "common/base/str.h"

#include <string.h>

#define SWITCHES "HTTP/1.1 101 "
#define WEBSOCKET "\r\nUpgrade: websocket\r\n"

/* libmicrohttpd writes the head of an answer at once. */
static size_t upgrade_head(const uint8_t *data, size_t len)
{
    static const char end[] = "\r\n\r\n";
    if (len < strlen(SWITCHES) || memcmp(data, SWITCHES, strlen(SWITCHES)) != 0)
        return 0;
    const uint8_t *at = memmem(data, len, end, strlen(end));
    size_t head = at ? (size_t)(at - data) + strlen(end) : 0;
    return head > 0 && memmem(data, head, WEBSOCKET, strlen(WEBSOCKET)) ? head : 0;
}

/* RFC 6455 section 5.2: a server masks nothing, so a head has 2, 4 or 10 bytes. */
static void take_head(struct message_cut *cut, uint8_t byte)
{
    if (cut->skip > 0) {
        cut->left = cut->left << 8 | byte;
        cut->skip--;
        return;
    }
    cut->head[cut->head_len++] = byte;
    if (cut->head_len < 2)
        return;
    unsigned size = cut->head[1] & 0x7f;
    if (cut->head_len == 2 && size < 126) {
        cut->left = size;
    } else if (cut->head_len == 2) {
        cut->left = 0;
        cut->skip = size == 126 ? 2 : 8;
    }
}

static bool head_is_whole(const struct message_cut *cut)
{
    return cut->head_len == 2 && cut->skip == 0;
}

static size_t frame_end(struct message_cut *cut, const uint8_t *data, size_t len)
{
    size_t at = 0;
    while (at < len && !head_is_whole(cut))
        take_head(cut, data[at++]);
    if (!head_is_whole(cut))
        return at;
    size_t body = cut->left < len - at ? (size_t)cut->left : len - at;
    cut->left -= body;
    if (cut->left == 0)
        cut->head_len = 0;
    return at + body;
}

size_t message_cut(struct message_cut *cut, const uint8_t *data, size_t len)
{
    if (cut->messages)
        return frame_end(cut, data, len);
    size_t head = upgrade_head(data, len);
    cut->messages = head > 0;
    return head > 0 ? head : len;
}
