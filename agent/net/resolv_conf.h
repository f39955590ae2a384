#pragma once
/* The text of a pod's /etc/resolv.conf (resolv.conf(5)), from the node's and from the pod's
 * dnsPolicy and dnsConfig, as a kubelet makes it. Pure. There is no cluster DNS yet: ClusterFirst
 * and ClusterFirstWithHostNet are as Default. */

#include "common/base/buf.h"
#include "common/data/value.h"

#include <stdbool.h>

/* What resolvers read of such a file, and Kubernetes' limits. */
#define RESOLV_SERVERS_MAX 3
#define RESOLV_SEARCHES_MAX 32
#define RESOLV_SEARCH_MAX 253 /* of one domain: longer ones end some programs */
#define RESOLV_SEARCH_CHARS_MAX 2048

struct resolv_conf {
    const char *node_text; /* the node's resolv.conf; NULL = it has none */
    /* What systemd-resolved found out, which stands in a file of its own while the node's names
     * resolved itself (127.0.0.53). NULL = none. */
    const char *resolved_text;
    bool host_network;
    const char *policy;         /* spec.dnsPolicy; NULL = the default */
    const struct value *config; /* spec.dnsConfig; may be NULL */
};

/* Appends the text. ret has no cap. In a network of its own a pod reaches no server of the node's
 * loopback or of its links alone (fe80::): if no other is left, resolved's file takes the place of
 * the node's, and without one such servers are left out. */
void resolv_conf_compose(const struct resolv_conf *conf, struct buf *ret);
/* The text depends on the node's. */
bool resolv_conf_follows_node(const struct resolv_conf *conf);
