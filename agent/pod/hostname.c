#include "agent/pod/hostname.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>

#define CLUSTER_DOMAIN "cluster.local"
#define LABEL_MAX 63
#define KERNEL_MAX 64 /* __NEW_UTS_LEN */

static const struct value *field(const struct pod_spec *spec, const char *name)
{
    return value_path(spec->object, "spec", name, NULL);
}

char *hostname_short(const struct pod_spec *spec)
{
    const char *own = value_str(field(spec, "hostname"));
    char *name = xstrndup(str_empty(own) ? spec->name : own, LABEL_MAX);
    for (size_t len = strlen(name); len > 0 && (name[len - 1] == '-' || name[len - 1] == '.');
         len--)
        name[len - 1] = '\0';
    return name;
}

char *hostname_domain(const struct pod_spec *spec)
{
    const char *subdomain = value_str(field(spec, "subdomain"));
    if (str_empty(subdomain))
        return NULL;
    return xasprintf("%s.%s.svc." CLUSTER_DOMAIN, subdomain, spec->ns);
}

int hostname_kernel(const struct pod_spec *spec, const char *node, char **ret, struct err *err)
{
    if (spec->host_network) {
        *ret = xstrdup(node);
        return 0;
    }
    autofree char *name = hostname_short(spec);
    autofree char *domain = hostname_domain(spec);
    if (!domain || !value_bool(field(spec, "setHostnameAsFQDN"), false)) {
        *ret = steal(name);
        return 0;
    }
    autofree char *full = xasprintf("%s.%s", name, domain);
    if (strlen(full) > KERNEL_MAX)
        return err_set(err, -ENAMETOOLONG,
                       "setHostnameAsFQDN: %s has %zu characters, a host name has at most %d", full,
                       strlen(full), KERNEL_MAX);
    *ret = steal(full);
    return 0;
}
