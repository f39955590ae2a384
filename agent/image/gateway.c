#include "agent/image/gateway.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <string.h>

static bool is_gateway(const struct value *endpoint, const struct reference *ref)
{
    static const char name[] = "https://" GATEWAY_REGISTRY;
    const char *url = value_get_str(endpoint, "url");
    if (!url)
        return str_eq(ref->registry, GATEWAY_REGISTRY);
    return str_has_prefix(url, name) && strchr("/", url[strlen(name)]);
}

static int fill(const struct image_gateway *gateway, struct value *endpoint, struct err *err)
{
    cleanup(buf_done) struct buf password = {0};
    int rc = gateway->password(gateway->ctx, &password, err);
    if (rc < 0)
        return rc;
    value_set_str(endpoint, "url", gateway->url);
    value_set_str(endpoint, "connect", gateway->connect);
    value_set_str(endpoint, "caFile", gateway->ca_file);
    value_del(endpoint, "skipVerify");
    struct value *auth = value_new_map();
    value_set_str(auth, "username", "node");
    value_set_str(auth, "password", buf_str(&password));
    value_append(value_set(endpoint, "auth", value_new_list()), auth);
    return 0;
}

int gateway_endpoints(const struct image_gateway *gateway, const struct reference *ref,
                      struct value *endpoints, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; gateway && rc == 0 && i < value_len(endpoints); i++)
        if (is_gateway(value_at(endpoints, i), ref))
            rc = fill(gateway, value_at(endpoints, i), err);
    return rc;
}
