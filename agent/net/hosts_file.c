#include "agent/net/hosts_file.h"

#include "common/base/str.h"

/* By these lines programs tell that the file is not the image's. */
#define MANAGED "# Kubernetes-managed hosts file.\n"
#define MANAGED_HOST_NETWORK "# Kubernetes-managed hosts file (host network).\n"

static const char local_names[] = "127.0.0.1\tlocalhost\n"
                                  "::1\tlocalhost ip6-localhost ip6-loopback\n"
                                  "fe00::0\tip6-localnet\n"
                                  "ff00::0\tip6-mcastprefix\n"
                                  "ff02::1\tip6-allnodes\n"
                                  "ff02::2\tip6-allrouters\n";

static void add_aliases(const struct value *aliases, struct buf *ret)
{
    if (value_len(aliases) == 0)
        return;
    (void)buf_addstr(ret, "\n# Entries added by HostAliases.\n");
    for (size_t i = 0; i < value_len(aliases); i++) {
        const struct value *names = value_get(value_at(aliases, i), "hostnames");
        const char *ip = value_get_str(value_at(aliases, i), "ip");
        if (str_empty(ip))
            continue;
        (void)buf_addstr(ret, ip);
        for (size_t n = 0; n < value_len(names); n++)
            (void)buf_addf(ret, "\t%s", value_str(value_at(names, n)));
        (void)buf_addc(ret, '\n');
    }
}

static void add_own(const struct hosts_file *hosts, struct buf *ret)
{
    (void)buf_addstr(ret, MANAGED);
    (void)buf_addstr(ret, local_names);
    if (str_empty(hosts->address))
        return;
    (void)buf_addf(ret, "%s\t", hosts->address);
    if (!str_empty(hosts->domain))
        (void)buf_addf(ret, "%s.%s\t", hosts->hostname, hosts->domain);
    (void)buf_addf(ret, "%s\n", hosts->hostname);
}

static void add_node(const char *text, struct buf *ret)
{
    size_t len = strlen(text);
    (void)buf_addstr(ret, MANAGED_HOST_NETWORK);
    (void)buf_add(ret, text, len);
    if (len > 0 && text[len - 1] != '\n')
        (void)buf_addc(ret, '\n');
}

void hosts_file_compose(const struct hosts_file *hosts, struct buf *ret)
{
    if (hosts->node_text)
        add_node(hosts->node_text, ret);
    else
        add_own(hosts, ret);
    add_aliases(hosts->aliases, ret);
}
