/* Names that belong to a domain: "example.com/ingress-controller". */

#include "common/base/str.h"
#include "common/kinds/types.h"

#include <stdio.h>

const char *format_domain_path(const char *s)
{
    static const char says[] = "must be a domain-prefixed path (such as \"acme.io/foo\")";
    const char *slash = strchr(s, '/');
    char domain[256];
    if (!slash || !slash[1] || slash - s >= (int)sizeof(domain))
        return says;
    snprintf(domain, sizeof(domain), "%.*s", (int)(slash - s), s);
    for (const char *c = slash; *c; c++)
        if (*c <= ' ' || *c > '~' || strchr("\"<>\\^`{|}#?", *c))
            return says;
    return format_dns1123_subdomain(domain) ? says : NULL;
}
