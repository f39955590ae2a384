#include "tools/cli/text.h"

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/base/utf8.h"

#include <stdlib.h>

void text_clean(struct buf *text, size_t from)
{
    for (size_t i = from; i < text->len;) {
        size_t seq = utf8_seq(text->data + i, text->len - i);
        unsigned char c = (unsigned char)text->data[i];
        /* C1 controls are U+0080..U+009F: C2 80..C2 9F. */
        bool c1 = seq == 2 && c == 0xc2 && (unsigned char)text->data[i + 1] < 0xa0;
        if (c == '\t' || c == '\r')
            text->data[i] = ' ';
        else if (seq == 0 || (c < ' ' && c != '\n' && !WEAKENED(CLI_TEXT_CONTROL)) || c == 0x7f)
            text->data[i] = '?';
        else if (c1)
            text->data[i] = text->data[i + 1] = '?';
        i += seq ? seq : 1;
    }
}

size_t text_width(const char *s)
{
    size_t width = 0;
    for (; *s; s++)
        width += ((unsigned char)*s & 0xc0) != 0x80;
    return width;
}

bool text_colours(FILE *to)
{
    const char *term = getenv("TERM");
    return isatty(fileno(to)) && str_empty(getenv("NO_COLOR")) && !str_empty(term) &&
           !str_eq(term, "dumb");
}

const char *text_colour(enum text_colour colour)
{
    static const char *const sequences[] = {
        [TEXT_PLAIN] = "\033[0m", [TEXT_GOOD] = "\033[32m", [TEXT_WAITING] = "\033[33m",
        [TEXT_BAD] = "\033[31m",  [TEXT_DIM] = "\033[2m",
    };
    return sequences[colour];
}

enum text_colour text_colour_of(const char *status)
{
    static const struct {
        const char *word;
        enum text_colour colour;
    } words[] = {
        {"Running", TEXT_GOOD},
        {"Ready", TEXT_GOOD},
        {"Active", TEXT_GOOD},
        {"Bound", TEXT_GOOD},
        {"Succeeded", TEXT_DIM},
        {"Completed", TEXT_DIM},
        {"Pending", TEXT_WAITING},
        {"ContainerCreating", TEXT_WAITING},
        {"PodInitializing", TEXT_WAITING},
        {"Pulling", TEXT_WAITING},
        {"Terminating", TEXT_WAITING},
        {"Unknown", TEXT_WAITING},
        {"Ready,SchedulingDisabled", TEXT_WAITING},
    };
    size_t len = status ? strcspn(status, ":") : 0; /* "Pulling:25%" */
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strlen(words[i].word) == len && strncmp(words[i].word, status, len) == 0)
            return words[i].colour;
    return str_empty(status) || *status == '<' ? TEXT_PLAIN : TEXT_BAD;
}
