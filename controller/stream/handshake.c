#include "controller/stream/handshake.h"

#include "common/base/str.h"
#include "controller/api/status.h"
#include "controller/http/words.h"

static const struct protocol protocols[] = {
    /* name, framing, forward, tunnel, status, halves, coded */
    {"v4.channel.k8s.io", FRAMING_SPDY, false, false, true, false, false},
    {"v3.channel.k8s.io", FRAMING_SPDY, false, false, false, false, false},
    {"v2.channel.k8s.io", FRAMING_SPDY, false, false, false, false, false},
    {"channel.k8s.io", FRAMING_SPDY, false, false, false, false, false},
    {"", FRAMING_SPDY, false, false, false, false, false},
    {"v5.channel.k8s.io", FRAMING_WEBSOCKET, false, false, true, true, false},
    {"v4.channel.k8s.io", FRAMING_WEBSOCKET, false, false, true, false, false},
    {"v3.channel.k8s.io", FRAMING_WEBSOCKET, false, false, false, false, false},
    {"v2.channel.k8s.io", FRAMING_WEBSOCKET, false, false, false, false, false},
    {"channel.k8s.io", FRAMING_WEBSOCKET, false, false, false, false, false},
    {"v4.base64.channel.k8s.io", FRAMING_WEBSOCKET, false, false, true, false, true},
    {"base64.channel.k8s.io", FRAMING_WEBSOCKET, false, false, false, false, true},
    {"", FRAMING_WEBSOCKET, false, false, false, false, false},
    {"portforward.k8s.io", FRAMING_SPDY, true, false, false, false, false},
    {"", FRAMING_SPDY, true, false, false, false, false},
    {"SPDY/3.1+portforward.k8s.io", FRAMING_WEBSOCKET, true, true, false, false, false},
    {"v4.channel.k8s.io", FRAMING_WEBSOCKET, true, false, false, false, false},
    {"channel.k8s.io", FRAMING_WEBSOCKET, true, false, false, false, false},
    {"v4.base64.channel.k8s.io", FRAMING_WEBSOCKET, true, false, false, false, true},
    {"base64.channel.k8s.io", FRAMING_WEBSOCKET, true, false, false, false, true},
    {"", FRAMING_WEBSOCKET, true, false, false, false, false},
};

static const struct protocol *find(const char *name, size_t len, enum framing framing, bool forward)
{
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (protocols[i].framing == framing && protocols[i].forward == forward &&
            strlen(protocols[i].name) == len && strncmp(protocols[i].name, name, len) == 0)
            return &protocols[i];
    return NULL;
}

enum transport_form protocol_form(const struct protocol *protocol)
{
    if (protocol->framing == FRAMING_SPDY)
        return TRANSPORT_BYTES;
    return protocol->coded ? TRANSPORT_CODED : TRANSPORT_MESSAGES;
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
    words_each(request,
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
    bool websocket = words_have(request, "Upgrade", "websocket");
    if (!words_have(request, "Connection", "Upgrade") ||
        (!websocket && !words_have(request, "Upgrade", "SPDY/3.1")))
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
