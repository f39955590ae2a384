#include "controller/server/accept.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <strings.h>

struct range {
    char type[64];
    char as[64], version[16], group[64];
};

static void copy_word(const char *from, size_t len, char *to, size_t size)
{
    while (len > 0 && (*from == ' ' || *from == '\t')) {
        from++;
        len--;
    }
    while (len > 0 && (from[len - 1] == ' ' || from[len - 1] == '\t'))
        len--;
    if (len >= size)
        len = 0; /* nothing that we know is that long */
    memcpy(to, from, len);
    to[len] = '\0';
}

static int see_parameter(void *ctx, const char *piece, size_t len)
{
    struct range *range = ctx;
    const char *equals = memchr(piece, '=', len);
    if (!equals) {
        if (!*range->type)
            copy_word(piece, len, range->type, sizeof(range->type));
        return 0;
    }
    char name[16];
    size_t value_len = (size_t)(piece + len - equals - 1);
    copy_word(piece, (size_t)(equals - piece), name, sizeof(name));
    if (str_eq(name, "as"))
        copy_word(equals + 1, value_len, range->as, sizeof(range->as));
    else if (str_eq(name, "v"))
        copy_word(equals + 1, value_len, range->version, sizeof(range->version));
    else if (str_eq(name, "g"))
        copy_word(equals + 1, value_len, range->group, sizeof(range->group));
    return 0;
}

static bool is_json(const char *type)
{
    static const char *const types[] = {"application/json", "application/*", "*/*"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcasecmp(type, types[i]) == 0)
            return true;
    return false;
}

/* Returns 1 + the choice, 0 to go on. */
static int see_range(void *ctx, const char *piece, size_t len)
{
    (void)ctx;
    struct range range = {0};
    autofree char *text = strndup(piece, len);
    str_split(text ? text : "", ';', see_parameter, &range);
    if (!is_json(range.type))
        return 0;
    if (!*range.as)
        return 1 + ACCEPT_JSON;
    if (!str_eq(range.as, "Table") || !str_eq(range.group, "meta.k8s.io"))
        return 0;
    if (str_eq(range.version, "v1"))
        return 1 + ACCEPT_TABLE;
    return str_eq(range.version, "v1beta1") ? 1 + ACCEPT_TABLE_BETA : 0;
}

enum accept accept_choose(const char *header)
{
    if (str_empty(header))
        return ACCEPT_JSON;
    int r = str_split(header, ',', see_range, NULL);
    return r > 0 ? (enum accept)(r - 1) : ACCEPT_NOTHING;
}
