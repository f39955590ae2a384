/* What a pod says of names: lines of its /etc/hosts and /etc/resolv.conf. */

#include "common/base/str.h"
#include "common/kinds/types.h"

enum { NAMESERVERS_MAX = 3, SEARCHES_MAX = 32, SEARCH_CHARS_MAX = 2048, DOMAIN_MAX = 253 };

const struct schema_type type_host_alias = {
    .name = "HostAlias",
    DOC("A line of the pod's /etc/hosts."),
    FIELDS(F(1, "ip", STRING, REQUIRED, RULE(ip), DOC("The address.")),
           F(2, "hostnames", LIST(STRING), RULE(dns1123_subdomain),
             DOC("The names that stand for it."))),
};

/* One label: a letter or digit at each end, '-' and '_' between; a '_' may stand before it all. */
static bool is_label(const char *s, size_t len)
{
    static const char edge[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char inner[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    if (len > 0 && s[0] == '_') {
        s++;
        len--;
    }
    return len > 0 && strspn(s, inner) >= len && strchr(edge, s[0]) && strchr(edge, s[len - 1]);
}

/* A domain, with a dot at its end or without, or the root alone. */
static const char *format_search(const char *s)
{
    static const char says[] = "must be a domain of a-z, 0-9, '-', '_' and '.'";
    if (str_eq(s, "."))
        return NULL;
    size_t len = strlen(s);
    if (len > 0 && s[len - 1] == '.')
        len--;
    if (len > DOMAIN_MAX)
        return "must be at most 253 characters";
    for (const char *end = s + len;; s++) {
        size_t label = strcspn(s, ".");
        if (s + label > end || !is_label(s, label))
            return says;
        s += label;
        if (s == end)
            return NULL;
    }
}

static void check_dns_config(const struct value *config, struct schema_walk *walk)
{
    const struct value *servers = value_get(config, "nameservers");
    const struct value *searches = value_get(config, "searches");
    size_t chars = value_len(searches) > 0 ? value_len(searches) - 1 : 0; /* blanks between */
    if (value_len(servers) > NAMESERVERS_MAX)
        schema_mistake(walk, servers, "nameservers", CAUSE_INVALID, "%zu: must be at most %d",
                       value_len(servers), NAMESERVERS_MAX);
    if (value_len(searches) > SEARCHES_MAX)
        schema_mistake(walk, searches, "searches", CAUSE_INVALID, "%zu: must be at most %d",
                       value_len(searches), SEARCHES_MAX);
    for (size_t i = 0; i < value_len(searches); i++) {
        const char *domain = value_str(value_at(searches, i));
        chars += domain ? strlen(domain) : 0;
    }
    if (chars > SEARCH_CHARS_MAX)
        schema_mistake(walk, searches, "searches", CAUSE_INVALID,
                       "%zu characters, blanks between them included: must be at most %d", chars,
                       SEARCH_CHARS_MAX);
}

static const struct schema_type type_pod_dns_config_option = {
    .name = "PodDNSConfigOption",
    DOC("An option of the resolver."),
    FIELDS(F(1, "name", STRING, REQUIRED, DOC("Its name: ndots.")),
           F(2, "value", STRING, DOC("Its value, if it has one."))),
};

const struct schema_type type_pod_dns_config = {
    .name = "PodDNSConfig",
    DOC("Lines of the pod's /etc/resolv.conf."),
    .check = check_dns_config,
    FIELDS(
        F(1, "nameservers", LIST(STRING), RULE(ip), DOC("Addresses of name servers.")),
        F(2, "searches", LIST(STRING), FORMAT(format_search),
          DOC("Domains that short names are looked up in.")),
        F(3, "options", LIST(OBJECT(type_pod_dns_config_option)), DOC("Options of the resolver."))),
};
