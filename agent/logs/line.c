#include "agent/logs/line.h"

#include <string.h>

/* Takes the bytes up to the next space off the front; false if there is none. */
static bool take_word(const char **p, size_t *left, const char **ret, size_t *ret_len)
{
    const char *space = memchr(*p, ' ', *left);
    if (!space || space == *p)
        return false;
    *ret = *p;
    *ret_len = (size_t)(space - *p);
    *left -= *ret_len + 1;
    *p = space + 1;
    return true;
}

bool log_line_parse(const char *line, size_t len, struct log_line *ret)
{
    const char *p = line, *stream = NULL, *tag = NULL;
    size_t left = len, stream_len = 0, tag_len = 0;
    struct log_line out = {0};
    if (!take_word(&p, &left, &out.stamp, &out.stamp_len) ||
        !take_word(&p, &left, &stream, &stream_len) || !take_word(&p, &left, &tag, &tag_len))
        return false;
    if (stream_len != 6 || tag_len != 1 || (tag[0] != 'F' && tag[0] != 'P'))
        return false;
    out.is_stderr = memcmp(stream, "stderr", 6) == 0;
    if (!out.is_stderr && memcmp(stream, "stdout", 6) != 0)
        return false;
    out.partial = tag[0] == 'P';
    out.text = p;
    out.text_len = left;
    *ret = out;
    return true;
}
