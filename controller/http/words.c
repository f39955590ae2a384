#include "controller/http/words.h"

#include "common/base/str.h"

#include <string.h>
#include <strings.h>

struct words {
    words_fn *fn;
    void *ctx;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static int trim(void *ctx, const char *piece, size_t len)
{
    const struct words *words = ctx;
    for (; len > 0 && is_blank(*piece); len--)
        piece++;
    while (len > 0 && is_blank(piece[len - 1]))
        len--;
    if (len > 0)
        words->fn(words->ctx, piece, len);
    return 0;
}

static void split(void *ctx, const char *value)
{
    str_split(value, ',', trim, ctx);
}

void words_each(const struct http_request *request, const char *name, words_fn *fn, void *ctx)
{
    struct words words = {fn, ctx};
    http_each_value(request, name, split, &words);
}

struct wanted {
    const char *word;
    bool found;
};

static int match(void *ctx, const char *word, size_t len)
{
    struct wanted *wanted = ctx;
    wanted->found |= strlen(wanted->word) == len && strncasecmp(wanted->word, word, len) == 0;
    return 0;
}

bool words_have(const struct http_request *request, const char *name, const char *word)
{
    struct wanted wanted = {word, false};
    words_each(request, name, match, &wanted);
    return wanted.found;
}
