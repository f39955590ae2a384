#include "agent/limpetd/gateway_registry.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/node_token.h"

#include <errno.h>

static int make_password(void *ctx, struct buf *ret, struct err *err)
{
    const struct gateway_registry *registry = ctx;
    const struct identity *identity = *registry->identity;
    int64_t now_s = clock_wall(registry->clock) / NS_PER_S;
    if (!identity)
        return err_set(err, -ENOENT, GATEWAY_REGISTRY ": this node is not enrolled at a gateway");
    return node_token_write(NODE_TOKEN_IMAGES, now_s, identity->identity_key, identity->cert_pem,
                            ret, err);
}

void gateway_registry_init(struct gateway_registry *ret, const struct config *config,
                           struct identity *const *identity, const struct clock *clock)
{
    const char *host = config->gateway;
    bool v6 = strchr(host, ':') && host[0] != '[';
    *ret = (struct gateway_registry){.identity = identity, .clock = clock};
    ret->url = xasprintf("https://" ENROLL_SERVER_NAME ":%lld/v2", (long long)config->api_port);
    ret->connect =
        xasprintf("%s%s%s:%lld", v6 ? "[" : "", host, v6 ? "]" : "", (long long)config->api_port);
    ret->ca_file = xasprintf("%s/identity/ca.crt", config->state_dir);
    ret->gateway = (struct image_gateway){ret->url, ret->connect, ret->ca_file, make_password, ret};
}

void gateway_registry_done(struct gateway_registry *registry)
{
    free(registry->url);
    free(registry->connect);
    free(registry->ca_file);
}
