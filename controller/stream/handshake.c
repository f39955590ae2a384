#include "controller/stream/handshake.h"

#include "common/base/str.h"
#include "controller/api/status.h"

#include <strings.h>

static const struct protocol protocols[] = {
    /* name, framing, forward, tunnel, status, halves */
    {"v4.channel.k8s.io", FRAMING_SPDY, false, false, true, false},
    {"v3.channel.k8s.io", FRAMING_SPDY, false, false, false, false},
    {"v2.channel.k8s.io", FRAMING_SPDY, false, false, false, false},
    {"channel.k8s.io", FRAMING_SPDY, false, false, false, false},
    {"", FRAMING_SPDY, false, false, false, false},
    {"v5.channel.k8s.io", FRAMING_WEBSOCKET, false, false, true, true},
    {"v4.channel.k8s.io", FRAMING_WEBSOCKET, false, false, true, false},
    {"v3.channel.k8s.io", FRAMING_WEBSOCKET, false, false, false, false},
    {"v2.channel.k8s.io", FRAMING_WEBSOCKET, false, false, false, false},
    {"channel.k8s.io", FRAMING_WEBSOCKET, false, false, false, false},
    {"", FRAMING_WEBSOCKET, false, false, false, false},
    {"portforward.k8s.io", FRAMING_SPDY, true, false, false, false},
    {"", FRAMING_SPDY, true, false, false, false},
    {"SPDY/3.1+portforward.k8s.io", FRAMING_WEBSOCKET, true, true, false, false},
    {"v4.channel.k8s.io", FRAMING_WEBSOCKET, true, false, false, false},
    {"channel.k8s.io", FRAMING_WEBSOCKET, true, false, false, false},
    {"", FRAMING_WEBSOCKET, true, false, false, false},
};

static const struct protocol *find(const char *name, size_t len, enum framing framing, bool forward)
{
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (protocols[i].framing == framing && protocols[i].forward == forward &&
            strlen(protocols[i].name) == len && strncmp(protocols[i].name, name, len) == 0)
            return &protocols[i];
    return NULL;
}

/* Words of a header that is a list, as often as it comes. */
struct words {
    int (*fn)(void *ctx, const char *word, size_t len);
    void *ctx;
};

static int trim(void *ctx, const char *piece, size_t len)
{
    const struct words *words = ctx;
    while (len > 0 && (*piece == ' ' || *piece == '\t')) {
        piece++;
        len--;
    }
    while (len > 0 && (piece[len - 1] == ' ' || piece[len - 1] == '\t'))
        len--;
    if (len > 0)
        words->fn(words->ctx, piece, len);
    return 0;
}

static void split(void *ctx, const char *value)
{
    str_split(value, ',', trim, ctx);
}

static void each_word(const struct http_request *request, const char *name,
                      int (*fn)(void *ctx, const char *word, size_t len), void *ctx)
{
    struct words words = {fn, ctx};
    http_each_value(request, name, split, &words);
}

struct wanted_word {
    const char *word;
    bool found;
};

static int match(void *ctx, const char *word, size_t len)
{
    struct wanted_word *wanted = ctx;
    wanted->found |= strlen(wanted->word) == len && strncasecmp(wanted->word, word, len) == 0;
    return 0;
}

static bool has_word(const struct http_request *request, const char *name, const char *word)
{
    struct wanted_word wanted = {word, false};
    each_word(request, name, match, &wanted);
    return wanted.found;
}

/* The first that we know of those the client names. */
struct choice {
    enum framing framing;
    bool forward, named;
    const struct protocol *protocol;
};

static int choose(void *ctx, const char *word, size_t len)
{
    struct choice *choice = ctx;
    choice->named = true;
    if (!choice->protocol)
        choice->protocol = find(word, len, choice->framing, choice->forward);
    return 0;
}

static struct value *choose_protocol(const struct http_request *request, enum framing framing,
                                     bool forward, struct handshake *ret)
{
    struct choice choice = {framing, forward, false, NULL};
    each_word(request,
              framing == FRAMING_SPDY ? "X-Stream-Protocol-Version" : "Sec-WebSocket-Protocol",
              choose, &choice);
    ret->protocol = choice.named ? choice.protocol : find("", 0, framing, forward);
    return ret->protocol ? NULL
                         : status_failure(403, "unable to upgrade: none of the protocols that the "
                                               "client offers is supported");
}

static struct value *read_websocket(const struct http_request *request, struct handshake *ret)
{
    const char *key = http_header(request, "Sec-WebSocket-Key");
    if (!str_eq(http_method(request), "GET"))
        return status_failure(400, "unable to upgrade: WebSocket begins with a GET");
    if (!str_eq(http_header(request, "Sec-WebSocket-Version"), "13"))
        return status_failure(400, "unable to upgrade: Sec-WebSocket-Version must be 13");
    if (!ws_key_valid(key))
        return status_failure(400, "unable to upgrade: no valid Sec-WebSocket-Key");
    ws_accept(key, ret->accept);
    return NULL;
}

struct value *handshake_read(const struct http_request *request, bool forward,
                             struct handshake *ret)
{
    struct value *status = NULL;
    *ret = (struct handshake){0};
    bool websocket = has_word(request, "Upgrade", "websocket");
    if (!has_word(request, "Connection", "Upgrade") ||
        (!websocket && !has_word(request, "Upgrade", "SPDY/3.1")))
        return status_failure(400, "Upgrade request required");
    if (websocket)
        status = read_websocket(request, ret);
    if (!status)
        status =
            choose_protocol(request, websocket ? FRAMING_WEBSOCKET : FRAMING_SPDY, forward, ret);
    return status;
}

void handshake_answer(struct http_request *request, const struct handshake *handshake)
{
    const struct protocol *protocol = handshake->protocol;
    bool websocket = protocol->framing == FRAMING_WEBSOCKET;
    http_answer_header(request, "Upgrade", websocket ? "websocket" : "SPDY/3.1");
    if (websocket)
        http_answer_header(request, "Sec-WebSocket-Accept", handshake->accept);
    if (*protocol->name)
        http_answer_header(request,
                           websocket ? "Sec-WebSocket-Protocol" : "X-Stream-Protocol-Version",
                           protocol->name);
}
