#pragma once
/* The node's own gateway as a registry: its name means the gateway that the node is enrolled at,
 * wherever that is, and who asks is the node itself. */

#include "agent/image/reference.h"
#include "common/base/buf.h"
#include "common/data/value.h"

#define GATEWAY_REGISTRY "gateway.limpet.local"

struct image_gateway {
    const char *url;     /* "https://NAME:PORT/v2", by the name in its certificate */
    const char *connect; /* "HOST:PORT": where it is */
    const char *ca_file; /* whom to trust */
    /* What shows who asks: for a short time, and for images alone, so that it may go where the
     * node's key may not. */
    int (*password)(void *ctx, struct buf *ret, struct err *err);
    void *ctx;
};
/* Puts that into the endpoints that name the gateway, and into the last one (the registry itself)
 * if the image is the gateway's. */
nodiscard int gateway_endpoints(const struct image_gateway *gateway, const struct reference *ref,
                                struct value *endpoints, struct err *err);
