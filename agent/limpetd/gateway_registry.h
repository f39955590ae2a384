#pragma once
/* What a node needs to pull images from its own gateway (agent/image/gateway.h). */

#include "agent/image/gateway.h"
#include "agent/limpetd/config.h"
#include "agent/link/identity.h"
#include "common/base/clock.h"

struct gateway_registry {
    struct image_gateway gateway;
    char *url, *connect, *ca_file;
    struct identity *const *identity; /* as it is when it is asked for */
    const struct clock *clock;
};
/* All but ret is borrowed, identity for as long as ret is used. */
void gateway_registry_init(struct gateway_registry *ret, const struct config *config,
                           struct identity *const *identity, const struct clock *clock);
void gateway_registry_done(struct gateway_registry *registry);
