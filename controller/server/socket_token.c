#include "controller/server/socket_token.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/api/status.h"
#include "controller/auth/authn.h"
#include "controller/auth/jwt.h"
#include "controller/http/words.h"

#include <string.h>

static const char prefix[] = "base64url.bearer.authorization.k8s.io.";

struct search {
    size_t tokens, others;
    char *token;
    const char *wrong;
};

static void read_token(struct search *search, const char *text, size_t len)
{
    uint8_t *bytes = NULL;
    size_t count;
    if (len > AUTHN_TOKEN_MAX / 3 * 4 || base64url_decode(text, len, &bytes, &count) < 0) {
        search->wrong = "the token among the protocols is not base64url";
        return;
    }
    free(search->token);
    search->token = (char *)bytes; /* which ends with a NUL */
    if (count == 0 || !str_is_utf8(search->token, count) || strpbrk(search->token, " \t\r\n"))
        search->wrong = "the token among the protocols is not text";
}

static int look_at(void *ctx, const char *word, size_t len)
{
    struct search *search = ctx;
    if (len < sizeof(prefix) - 1 || strncmp(word, prefix, sizeof(prefix) - 1) != 0) {
        search->others++;
        return 0;
    }
    if (search->tokens++ > 0 && !WEAKENED(SOCKET_TOKENS))
        search->wrong = "more than one token among the protocols";
    else
        read_token(search, word + sizeof(prefix) - 1, len - (sizeof(prefix) - 1));
    return 0;
}

struct value *socket_token(const struct http_request *request, char **ret)
{
    struct search search = {0};
    *ret = NULL;
    if (!words_have(request, "Connection", "Upgrade") ||
        !words_have(request, "Upgrade", "websocket"))
        return NULL;
    words_each(request, "Sec-WebSocket-Protocol", look_at, &search);
    if (search.tokens > 0 && search.others == 0 && !search.wrong)
        search.wrong = "a token among the protocols needs another protocol beside it";
    if (search.token && !search.wrong)
        *ret = xasprintf("Bearer %s", search.token);
    free(search.token);
    return search.wrong ? status_failure(401, "Unauthorized: %s", search.wrong) : NULL;
}
