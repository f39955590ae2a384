#include "controller/broker/visit.h"

#include "common/base/str.h"

#include <string.h>

/* The text in [*at, end) behind the first `mark`; false: there is none. */
static bool skip_to(const char **at, const char *end, const char *mark)
{
    const char *found = memmem(*at, (size_t)(end - *at), mark, strlen(mark));
    if (found)
        *at = found + strlen(mark);
    return found != NULL;
}

/* The last `mark` in [at, end); NULL: there is none. */
static const char *last(const char *at, const char *end, const char *mark)
{
    const char *found = NULL;
    while (skip_to(&at, end, mark))
        found = at - strlen(mark);
    return found;
}

static bool copy(const char *from, const char *end, char *ret, size_t room)
{
    size_t len = (size_t)(end - from);
    if (len == 0 || len >= room || memchr(from, 0, len))
        return false;
    memcpy(ret, from, len);
    ret[len] = '\0';
    return true;
}

/* A client id may look like the rest of a line, so what stands around it counts: the address before
 * it holds no blank, and the user's name behind it no quote. */
bool visit_read(const char *line, size_t len, struct visit *ret)
{
    static const char tail[] = "').";
    const char *at = line, *end = line + len, *name, *numbers;
    size_t stamp = len ? strspn(line, "0123456789") : 0;
    if (len < sizeof(tail) || stamp >= len ||
        strncmp(line + stamp, ": New client connected from ", 28))
        return false;
    at += stamp;
    if (!skip_to(&at, end, " as ") || memcmp(end - strlen(tail), tail, strlen(tail)) != 0)
        return false;
    name = last(at, end, ", u'");
    numbers = name ? last(at, name, " (p") : NULL;
    return numbers && copy(at, numbers, ret->client_id, sizeof(ret->client_id)) &&
           copy(name + strlen(", u'"), end - strlen(tail), ret->user, sizeof(ret->user)) &&
           topic_user_valid(ret->user);
}
