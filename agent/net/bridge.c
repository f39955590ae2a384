/* The network type of a plain node: a Linux bridge, veth pairs, NAT by nftables. */

#include "agent/net/addresses.h"
#include "agent/net/firewall.h"
#include "agent/net/net.h"
#include "agent/net/netlink.h"
#include "agent/net/ruleset.h"

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#define POD_INTERFACE "eth0"
#define FORWARDING "/proc/sys/net/ipv4/ip_forward"

struct bridge {
    struct net net;
    struct loop *loop;
    struct disk *disk;
    struct addresses *addresses;
    char *name, *cidr, *run_dir;
    int mtu;
    struct ruleset *ruleset;   /* our own */
    struct firewall *firewall; /* somebody else's */
};

static struct bridge *bridge_of(struct net *net)
{
    return (struct bridge *)(void *)((char *)net - offsetof(struct bridge, net));
}

/* The leases: one small file a pod on tmpfs, so that a restarted agent knows who has what. */

static char *lease_path(const struct bridge *b, const char *uid)
{
    return xasprintf("%s/net/%s", b->run_dir, uid);
}

static int write_lease(struct bridge *b, const char *uid, uint32_t address, struct err *err)
{
    char text[ADDRESS_TEXT];
    address_format(address, text);
    autofree char *path = lease_path(b, uid);
    return b->disk->replace(b->disk, path, text, strlen(text), 0600, err);
}

struct lease_walk {
    struct bridge *b;
    const char *const *uids;
    struct map *stale;
};

static int see_lease(void *ctx, const char *uid, enum disk_type type)
{
    struct lease_walk *walk = ctx;
    struct bridge *b = walk->b;
    bool wanted = false;
    for (size_t i = 0; walk->uids[i]; i++)
        wanted |= str_eq(walk->uids[i], uid);
    autofree char *path = lease_path(b, uid);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    struct err err = {0};
    uint32_t address = 0;
    if (type != DISK_FILE || !wanted ||
        b->disk->read(b->disk, path, ADDRESS_TEXT, &text, &err) < 0 ||
        address_parse(buf_str(&text), &address) < 0 ||
        addresses_claim(b->addresses, uid, address) < 0)
        (void)map_put(walk->stale, uid, b);
    return 0;
}

static int load_leases(struct bridge *b, const char *const *uids, struct err *err)
{
    autofree char *dir = xasprintf("%s/net", b->run_dir);
    int rc = b->disk->mkdirs(b->disk, dir, 0700, err);
    if (rc < 0)
        return rc;
    struct lease_walk walk = {b, uids, map_new()};
    rc = b->disk->list(b->disk, dir, see_lease, &walk, err);
    const char *uid;
    for (size_t i = 0; map_next(walk.stale, &i, &uid, NULL);) {
        autofree char *path = lease_path(b, uid);
        struct err ignored = {0};
        (void)b->disk->remove(b->disk, path, &ignored);
    }
    map_free(walk.stale, NULL);
    return rc;
}

static bool set_forwarding(const char *text)
{
    FILE *f = fopen(FORWARDING, "we");
    bool done = f && fputs(text, f) >= 0;
    return f && fclose(f) == 0 && done; /* the kernel says no at the close */
}

/* Pods' packets are routed; what was set before is kept for teardown. */
static void enable_forwarding(struct bridge *b)
{
    struct err err = {0};
    cleanup(buf_done) struct buf before;
    buf_init(&before, 0);
    if (b->disk->read(b->disk, FORWARDING, 16, &before, &err) < 0 || buf_str(&before)[0] != '0')
        return;
    autofree char *marker = xasprintf("%s/ip_forward_was_off", b->run_dir);
    (void)b->disk->replace(b->disk, marker, "0\n", 2, 0600, &err);
    if (!set_forwarding("1\n"))
        log_error("cannot switch on %s: pods cannot reach the outside", FORWARDING);
}

static int make_bridge(struct bridge *b, struct err *err)
{
    cleanup(netlink_close) struct netlink *nl = NULL;
    int rc = netlink_open(-1, &nl, err);
    if (rc < 0)
        return rc;
    struct err ignored = {0};
    if (b->mtu == 0 && netlink_default_mtu(nl, &b->mtu, &ignored) < 0)
        b->mtu = 1500;
    int made = netlink_add_bridge(nl, b->name, b->mtu, err);
    if (made < 0 && made != -EEXIST)
        return made;
    int index = netlink_index(nl, b->name, err);
    if (index < 0)
        return index;
    if (made == -EEXIST) /* the way out may be another one by now */
        rc = netlink_set_mtu(nl, index, b->mtu, err);
    if (rc < 0)
        return rc;
    rc = netlink_add_address(nl, index, htonl(addresses_gateway(b->addresses)),
                             addresses_prefix_len(b->addresses), err);
    return rc < 0 ? rc : netlink_set_up(nl, index, err);
}

static uint64_t name_hash(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a: a name, not a defence */
    for (const char *p = text; *p; p++)
        hash = (hash ^ (uint8_t)*p) * UINT64_C(1099511628211);
    return hash;
}

/* The name of the host's end: from the pod and its namespace, so that a pod that is started anew
 * does not meet its own old interface while the kernel still takes that away. */
static void veth_name(const char *uid, int netns_fd, char ret[16])
{
    char text[160];
    snprintf(text, sizeof(text), "/proc/self/fd/%d", netns_fd);
    char ns[64] = "";
    ssize_t len = readlink(text, ns, sizeof(ns) - 1);
    snprintf(text, sizeof(text), "%s %.*s", uid, len > 0 ? (int)len : 0, ns);
    snprintf(ret, 16, "lp%012llx",
             (unsigned long long)(name_hash(text) & UINT64_C(0xffffffffffff)));
}

static int wire_inside(const struct bridge *b, int netns_fd, uint32_t address, struct err *err)
{
    cleanup(netlink_close) struct netlink *nl = NULL;
    int rc = netlink_open(netns_fd, &nl, err);
    if (rc < 0)
        return rc;
    int index = netlink_index(nl, POD_INTERFACE, err);
    if (index < 0)
        return index;
    rc = netlink_add_address(nl, index, htonl(address), addresses_prefix_len(b->addresses), err);
    if (rc == 0)
        rc = netlink_set_up(nl, index, err);
    if (rc == 0)
        rc = netlink_add_default_route(nl, index, htonl(addresses_gateway(b->addresses)), err);
    return rc;
}

static int wire(struct bridge *b, const char *uid, int netns_fd, uint32_t address, struct err *err)
{
    cleanup(netlink_close) struct netlink *nl = NULL;
    int rc = netlink_open(-1, &nl, err);
    if (rc < 0)
        return rc;
    int master = netlink_index(nl, b->name, err);
    if (master == -ENODEV) { /* somebody took the bridge away */
        rc = make_bridge(b, err);
        master = rc < 0 ? rc : netlink_index(nl, b->name, err);
    }
    if (master < 0)
        return master;
    char name[16];
    veth_name(uid, netns_fd, name);
    rc = netlink_add_veth(nl, name, master, POD_INTERFACE, netns_fd, b->mtu, err);
    if (rc < 0 && rc != -EEXIST)
        return rc;
    return wire_inside(b, netns_fd, address, err);
}

/* What a pod sends to a port of the node that leads back to it leaves the bridge where it came in,
 * if the kernel translates on bridges (br_netfilter). */
static int let_back(const char *uid, int netns_fd, struct err *err)
{
    cleanup(netlink_close) struct netlink *nl = NULL;
    char name[16];
    veth_name(uid, netns_fd, name);
    int rc = netlink_open(-1, &nl, err);
    if (rc == 0)
        rc = netlink_index(nl, name, err);
    return rc < 0 ? rc : netlink_set_hairpin(nl, rc, err);
}

static void fill_answer(const struct bridge *b, uint32_t address, struct net_pod *ret)
{
    address_format(address, ret->address);
    address_format(addresses_gateway(b->addresses), ret->gateway);
    ret->prefix_len = addresses_prefix_len(b->addresses);
}

/* The pod's address, with its lease: one that has an address has a lease as well. */
static int take_lease(struct bridge *b, const char *uid, uint32_t *ret, struct err *err)
{
    if (addresses_find(b->addresses, uid, ret))
        return 0;
    int rc = addresses_take(b->addresses, uid, ret, err);
    if (rc < 0)
        return rc;
    rc = write_lease(b, uid, *ret, err);
    if (rc < 0)
        addresses_drop(b->addresses, uid);
    return rc;
}

static int bridge_reserve(struct net *net, const char *uid, struct net_pod *ret, struct err *err)
{
    struct bridge *b = bridge_of(net);
    uint32_t address = 0;
    int rc = take_lease(b, uid, &address, err);
    if (rc < 0) {
        (void)err_wrap(err, "pod network");
        return rc;
    }
    fill_answer(b, address, ret);
    return 0;
}

static int bridge_attach(struct net *net, const char *uid, int netns_fd, struct net_pod *ret,
                         struct err *err)
{
    struct bridge *b = bridge_of(net);
    uint32_t address = 0;
    int rc = take_lease(b, uid, &address, err);
    if (rc == 0)
        rc = wire(b, uid, netns_fd, address, err);
    if (rc < 0) {
        (void)err_wrap(err, "pod network");
        return rc;
    }
    fill_answer(b, address, ret);
    return 0;
}

static int bridge_expose(struct net *net, const char *uid, int netns_fd,
                         const struct host_ports *ports, struct err *err)
{
    struct bridge *b = bridge_of(net);
    uint32_t address = 0;
    if (!addresses_find(b->addresses, uid, &address))
        return err_set(err, -ENOENT, "pod network: it has no address");
    int rc = ports->count > 0 ? let_back(uid, netns_fd, err) : 0;
    if (rc == 0)
        rc = ruleset_set_ports(b->ruleset, uid, address, ports, err);
    if (rc < 0)
        (void)err_wrap(err, "pod network");
    return rc;
}

/* The interface that what a pod sends is slowed down on; without a uid what all of the bridge's
 * begin with. */
static void ifb_name(const struct bridge *b, const char *uid, char ret[16])
{
    snprintf(ret, 16, "li%04x%08x", (unsigned)(name_hash(b->name) & 0xffff),
             uid ? (unsigned)name_hash(uid) : 0);
    if (!uid)
        ret[6] = '\0';
}

static void drop_ifb(struct netlink *nl, const char *name)
{
    struct err err = {0};
    if (netlink_index(nl, name, &err) >= 0 && netlink_del_link(nl, name, &err) < 0)
        log_warn("interface not removed: error=%s", log_quote(err.msg));
}

/* Those of pods that have no lease any more. */
static void sweep_ifbs(struct bridge *b, const char *const *uids)
{
    cleanup(netlink_close) struct netlink *nl = NULL;
    struct err err = {0};
    char prefix[16], name[16];
    ifb_name(b, NULL, prefix);
    struct if_nameindex *all = if_nameindex();
    if (netlink_open(-1, &nl, &err) < 0)
        all = NULL;
    for (size_t i = 0; all && all[i].if_index; i++) {
        bool wanted = !str_has_prefix(all[i].if_name, prefix);
        uint32_t ignored;
        for (size_t u = 0; uids[u] && !wanted; u++) {
            ifb_name(b, uids[u], name);
            wanted =
                str_eq(name, all[i].if_name) && addresses_find(b->addresses, uids[u], &ignored);
        }
        if (!wanted)
            drop_ifb(nl, all[i].if_name);
    }
    if (all)
        if_freenameindex(all);
}

static int limit_egress(struct bridge *b, struct netlink *nl, const char *uid, int veth,
                        uint64_t rate, struct err *err)
{
    char name[16];
    ifb_name(b, uid, name);
    if (rate == 0) {
        drop_ifb(nl, name);
        return 0;
    }
    int rc = netlink_add_ifb(nl, name, b->mtu, err);
    int ifb = rc == 0 || rc == -EEXIST ? netlink_index(nl, name, err) : rc;
    if (ifb < 0)
        return ifb;
    rc = netlink_limit(nl, ifb, rate, err);
    return rc < 0 ? rc : netlink_redirect(nl, veth, ifb, err);
}

static int bridge_shape(struct net *net, const char *uid, int netns_fd,
                        const struct net_rates *rates, struct err *err)
{
    struct bridge *b = bridge_of(net);
    cleanup(netlink_close) struct netlink *nl = NULL;
    char name[16];
    veth_name(uid, netns_fd, name);
    int rc = netlink_open(-1, &nl, err);
    int veth = rc < 0 ? rc : netlink_index(nl, name, err);
    if (veth < 0)
        return veth;
    if (rates->ingress)
        rc = netlink_limit(nl, veth, rates->ingress, err);
    if (rc == 0)
        rc = limit_egress(b, nl, uid, veth, rates->egress, err);
    if (rc < 0)
        (void)err_wrap(err, "pod network");
    return rc;
}

static int bridge_get(struct net *net, const char *uid, struct net_pod *ret)
{
    struct bridge *b = bridge_of(net);
    uint32_t address = 0;
    if (!addresses_find(b->addresses, uid, &address))
        return -ENOENT;
    fill_answer(b, address, ret);
    return 0;
}

/* Only a pod that may send no faster has one: deleting it takes the kernel a while. */
static void drop_limits(const struct bridge *b, const char *uid)
{
    cleanup(netlink_close) struct netlink *nl = NULL;
    struct err err = {0};
    char name[16];
    ifb_name(b, uid, name);
    if (netlink_open(-1, &nl, &err) == 0)
        drop_ifb(nl, name);
}

static void bridge_detach(struct net *net, const char *uid)
{
    struct bridge *b = bridge_of(net);
    uint32_t address = 0;
    ruleset_drop_ports(b->ruleset, uid);
    drop_limits(b, uid);
    if (!addresses_find(b->addresses, uid, &address))
        return;
    addresses_drop(b->addresses, uid);
    autofree char *path = lease_path(b, uid);
    struct err err = {0};
    if (b->disk->remove(b->disk, path, &err) < 0)
        log_warn("lease of an address not removed: error=%s", log_quote(err.msg));
}

static bool has_lease(void *ctx, const char *uid, uint32_t *ret_address)
{
    return addresses_find(ctx, uid, ret_address);
}

static int bridge_start(struct net *net, const char *const *uids, struct err *err)
{
    struct bridge *b = bridge_of(net);
    int rc = load_leases(b, uids, err);
    if (rc == 0)
        rc = ruleset_recall(b->ruleset, has_lease, b->addresses, err);
    if (rc == 0)
        rc = make_bridge(b, err);
    if (rc < 0)
        return rc;
    sweep_ifbs(b, uids);
    enable_forwarding(b);
    ruleset_load(b->ruleset);
    firewall_open(b->firewall);
    return 0;
}

static int bridge_teardown(struct net *net, struct err *err)
{
    struct bridge *b = bridge_of(net);
    cleanup(netlink_close) struct netlink *nl = NULL;
    int rc = netlink_open(-1, &nl, err);
    if (rc == 0)
        rc = netlink_del_link(nl, b->name, err);
    static const char *const nobody[] = {NULL};
    sweep_ifbs(b, nobody);
    ruleset_close(b->ruleset);
    firewall_close(b->firewall);
    autofree char *marker = xasprintf("%s/ip_forward_was_off", b->run_dir);
    struct disk_stat st;
    struct err ignored = {0};
    if (b->disk->stat(b->disk, marker, &st, &ignored) == 0) {
        (void)set_forwarding("0\n");
        (void)b->disk->remove(b->disk, marker, &ignored);
    }
    return rc;
}

static void bridge_free(struct net *net)
{
    struct bridge *b = bridge_of(net);
    ruleset_free(b->ruleset);
    firewall_free(b->firewall);
    addresses_free(b->addresses);
    free(b->name);
    free(b->cidr);
    free(b->run_dir);
    free(b);
}

/* It becomes part of nft's rules: narrower than what the kernel takes. */
static bool bridge_name_valid(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t len = name ? strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789-_.")
                      : 0;
    return len > 0 && len <= 15 && name[len] == '\0' && strchr(letters, name[0]);
}

int net_new(struct loop *loop, const struct net_spec *spec, struct net **ret, struct err *err)
{
    if (!bridge_name_valid(spec->bridge))
        return err_set(
            err, -EINVAL,
            "bridge \"%s\": want 1-15 letters, digits, '-', '_' or '.' and a letter first",
            spec->bridge ? spec->bridge : "");
    struct addresses *addresses = NULL;
    int rc = addresses_new(spec->pod_cidr, &addresses, err);
    if (rc < 0)
        return rc;
    struct bridge *b = xcalloc(1, sizeof(*b));
    b->net = (struct net){
        .start = bridge_start,
        .reserve = bridge_reserve,
        .attach = bridge_attach,
        .expose = bridge_expose,
        .shape = bridge_shape,
        .get = bridge_get,
        .detach = bridge_detach,
        .teardown = bridge_teardown,
        .free = bridge_free,
    };
    b->loop = loop;
    b->disk = disk_posix();
    b->addresses = addresses;
    b->name = xstrdup(spec->bridge);
    b->cidr = xstrdup(spec->pod_cidr);
    b->run_dir = xstrdup(spec->run_dir);
    b->mtu = spec->mtu;
    b->ruleset = ruleset_new(loop, spec->bridge, spec->pod_cidr, spec->run_dir);
    b->firewall = firewall_new(loop, spec->bridge, spec->pod_cidr);
    *ret = &b->net;
    return 0;
}
