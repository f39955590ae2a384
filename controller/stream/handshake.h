#pragma once
/* How a client wants to speak: which upgrade, and which of Kubernetes' protocols inside it. */

#include "common/data/value.h"
#include "controller/http/http.h"
#include "controller/stream/transport.h"
#include "controller/stream/websocket.h"

enum framing { FRAMING_SPDY, FRAMING_WEBSOCKET };

/* What the versions differ in. */
struct protocol {
    const char *name; /* "" = the client names none */
    enum framing framing;
    bool forward; /* of a port-forward; else of exec and attach */
    bool tunnel;  /* SPDY in messages of WebSocket */
    bool status;  /* the end is told as a Status, success too; else as text, if something failed */
    bool halves;  /* the client can end its input alone, by FF 00 */
    bool coded;   /* messages are text: base64 behind the channel's digit */
};
/* How the transport of an upgraded connection is to be used. */
enum transport_form protocol_form(const struct protocol *protocol);

struct handshake {
    const struct protocol *protocol;
    char accept[WS_ACCEPT];
};

/* NULL, or the Status to answer. Reads the request's headers. */
struct value *handshake_read(const struct http_request *request, bool forward,
                             struct handshake *ret);
/* The headers of the 101. */
void handshake_answer(struct http_request *request, const struct handshake *handshake);
