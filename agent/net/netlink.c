#include "agent/net/netlink.h"

#include "common/base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

struct netlink {
    int fd;
    uint32_t seq;
};

/* One request; attributes are appended. 1 KiB holds everything that is sent here. */
struct request {
    union {
        struct nlmsghdr head;
        char bytes[1024];
    };
};

static void *request_body(struct request *req, uint16_t type, uint16_t flags, size_t body_len)
{
    memset(req, 0, sizeof(*req));
    req->head.nlmsg_type = type;
    req->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    req->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(body_len);
    return NLMSG_DATA(&req->head);
}

static struct rtattr *add_attr(struct request *req, uint16_t type, const void *data, size_t len)
{
    size_t at = NLMSG_ALIGN(req->head.nlmsg_len);
    struct rtattr *attr = (struct rtattr *)(void *)(req->bytes + at);
    attr->rta_type = type;
    attr->rta_len = (uint16_t)RTA_LENGTH(len);
    if (len)
        memcpy(RTA_DATA(attr), data, len);
    req->head.nlmsg_len = (uint32_t)(at + RTA_ALIGN(attr->rta_len));
    return attr;
}

static void add_u32(struct request *req, uint16_t type, uint32_t value)
{
    add_attr(req, type, &value, sizeof(value));
}

static void add_name(struct request *req, uint16_t type, const char *name)
{
    add_attr(req, type, name, strlen(name) + 1);
}

static struct rtattr *open_nest(struct request *req, uint16_t type)
{
    return add_attr(req, type, NULL, 0);
}

static void close_nest(struct request *req, struct rtattr *nest)
{
    nest->rta_len = (uint16_t)(req->bytes + req->head.nlmsg_len - (char *)nest);
}

/* The message at that offset; NULL where no whole one is. */
static const struct nlmsghdr *message_at(const char *bytes, size_t len, size_t at)
{
    const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)(bytes + at);
    bool whole = at + sizeof(*h) <= len && h->nlmsg_len >= sizeof(*h) && at + h->nlmsg_len <= len;
    return whole ? h : NULL;
}

/* Sends and reads up to the acknowledgement: 0 or the kernel's negative errno. */
static int transact(struct netlink *nl, struct request *req)
{
    req->head.nlmsg_seq = ++nl->seq;
    if (send(nl->fd, req, req->head.nlmsg_len, 0) < 0)
        return -errno;
    for (;;) {
        union {
            struct nlmsghdr head;
            char bytes[8192];
        } answer;
        ssize_t got = recv(nl->fd, &answer, sizeof(answer), 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        size_t at = 0;
        for (const struct nlmsghdr *h; (h = message_at(answer.bytes, (size_t)got, at));
             at += NLMSG_ALIGN(h->nlmsg_len)) {
            if (h->nlmsg_seq != nl->seq || h->nlmsg_type != NLMSG_ERROR)
                continue;
            return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
        }
    }
}

static int fail(struct err *err, int rc, const char *what, const char *name)
{
    return err_errno(err, -rc, "%s%s%s", what, name[0] ? " " : "", name);
}

static int open_socket(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    /* The kernel answers at once; a limit all the same, since this is the agent's loop. */
    struct timeval limit = {.tv_sec = 2};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return fd;
}

static int open_socket_in(int netns_fd)
{
    autoclose int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0 || setns(netns_fd, CLONE_NEWNET) < 0)
        return -errno;
    int fd = open_socket();
    if (setns(home, CLONE_NEWNET) < 0)
        abort(); /* every later socket of the agent would be in a pod */
    return fd;
}

int netlink_open(int netns_fd, struct netlink **ret, struct err *err)
{
    int fd = netns_fd < 0 ? open_socket() : open_socket_in(netns_fd);
    if (fd < 0)
        return fail(err, fd, "netlink socket", "");
    struct netlink *nl = xcalloc(1, sizeof(*nl));
    nl->fd = fd;
    *ret = nl;
    return 0;
}

void netlink_close(struct netlink *nl)
{
    if (!nl)
        return;
    close(nl->fd);
    free(nl);
}

/* The socket knows its namespace, whatever the thread's is. */
int netlink_index(struct netlink *nl, const char *name, struct err *err)
{
    struct ifreq req = {0};
    if (strlen(name) >= IFNAMSIZ)
        return fail(err, -EINVAL, "interface", name);
    strcpy(req.ifr_name, name);
    return ioctl(nl->fd, SIOCGIFINDEX, &req) < 0 ? fail(err, -errno, "interface", name)
                                                 : req.ifr_ifindex;
}

int netlink_add_bridge(struct netlink *nl, const char *name, int mtu, struct err *err)
{
    struct request req;
    struct ifinfomsg *info =
        request_body(&req, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*info));
    info->ifi_flags = info->ifi_change = IFF_UP;
    add_name(&req, IFLA_IFNAME, name);
    if (mtu)
        add_u32(&req, IFLA_MTU, (uint32_t)mtu);
    struct rtattr *link = open_nest(&req, IFLA_LINKINFO);
    add_name(&req, IFLA_INFO_KIND, "bridge");
    close_nest(&req, link);
    int rc = transact(nl, &req);
    return rc < 0 ? fail(err, rc, "bridge", name) : 0;
}

int netlink_add_veth(struct netlink *nl, const char *name, int master, const char *peer,
                     int peer_ns, int mtu, struct err *err)
{
    struct request req;
    struct ifinfomsg *info =
        request_body(&req, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*info));
    info->ifi_flags = info->ifi_change = IFF_UP;
    add_name(&req, IFLA_IFNAME, name);
    add_u32(&req, IFLA_MASTER, (uint32_t)master);
    if (mtu)
        add_u32(&req, IFLA_MTU, (uint32_t)mtu);
    struct rtattr *link = open_nest(&req, IFLA_LINKINFO);
    add_name(&req, IFLA_INFO_KIND, "veth");
    struct rtattr *data = open_nest(&req, IFLA_INFO_DATA);
    /* Not up yet: while it is made the kernel has not tied it to its other end (ENOTCONN). */
    struct ifinfomsg peer_info = {0};
    struct rtattr *other = add_attr(&req, VETH_INFO_PEER, &peer_info, sizeof(peer_info));
    add_name(&req, IFLA_IFNAME, peer);
    add_u32(&req, IFLA_NET_NS_FD, (uint32_t)peer_ns);
    if (mtu)
        add_u32(&req, IFLA_MTU, (uint32_t)mtu);
    close_nest(&req, other);
    close_nest(&req, data);
    close_nest(&req, link);
    int rc = transact(nl, &req);
    return rc < 0 ? fail(err, rc, "veth", name) : 0;
}

int netlink_set_up(struct netlink *nl, int index, struct err *err)
{
    struct request req;
    struct ifinfomsg *info = request_body(&req, RTM_NEWLINK, 0, sizeof(*info));
    info->ifi_index = index;
    info->ifi_flags = info->ifi_change = IFF_UP;
    int rc = transact(nl, &req);
    return rc < 0 ? fail(err, rc, "interface up", "") : 0;
}

int netlink_set_mtu(struct netlink *nl, int index, int mtu, struct err *err)
{
    struct request req;
    struct ifinfomsg *info = request_body(&req, RTM_NEWLINK, 0, sizeof(*info));
    info->ifi_index = index;
    add_u32(&req, IFLA_MTU, (uint32_t)mtu);
    int rc = transact(nl, &req);
    return rc < 0 ? fail(err, rc, "MTU", "") : 0;
}

int netlink_add_ifb(struct netlink *nl, const char *name, int mtu, struct err *err)
{
    struct request req;
    struct ifinfomsg *info =
        request_body(&req, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*info));
    info->ifi_flags = info->ifi_change = IFF_UP;
    add_name(&req, IFLA_IFNAME, name);
    add_u32(&req, IFLA_MTU, (uint32_t)mtu);
    struct rtattr *link = open_nest(&req, IFLA_LINKINFO);
    add_name(&req, IFLA_INFO_KIND, "ifb");
    close_nest(&req, link);
    int rc = transact(nl, &req);
    return rc < 0 ? fail(err, rc, "interface", name) : 0;
}

/* Kinds that the kernel has not are not found. */
static int traffic_fail(struct err *err, int rc)
{
    return fail(err, rc == -ENOENT ? -EOPNOTSUPP : rc, "traffic control", "");
}

static uint32_t at_most(uint64_t value, uint32_t most)
{
    return value < most ? (uint32_t)value : most;
}

/* 100 ms of it at once, no less than the greatest packet; what waits longer than 50 ms more is
 * dropped. */
int netlink_limit(struct netlink *nl, int index, uint64_t rate, struct err *err)
{
    const uint64_t bytes = rate / 8 ? rate / 8 : 1;
    const uint32_t least = 64 * 1024, most = 1 << 30;
    uint32_t burst = at_most(bytes / 10, most);
    struct request req;
    struct tcmsg *body =
        request_body(&req, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*body));
    body->tcm_ifindex = index;
    body->tcm_handle = TC_H_MAKE(1U << 16, 0);
    body->tcm_parent = TC_H_ROOT;
    if (burst < least)
        burst = least;
    struct tc_tbf_qopt options = {.limit = burst + at_most(bytes / 20, most)};
    options.rate.linklayer = TC_LINKLAYER_ETHERNET;
    options.rate.rate = at_most(bytes, UINT32_MAX);
    add_name(&req, TCA_KIND, "tbf");
    struct rtattr *nest = open_nest(&req, TCA_OPTIONS);
    add_attr(&req, TCA_TBF_PARMS, &options, sizeof(options));
    if (bytes >= UINT32_MAX)
        add_attr(&req, TCA_TBF_RATE64, &bytes, sizeof(bytes));
    add_u32(&req, TCA_TBF_BURST, burst);
    close_nest(&req, nest);
    int rc = transact(nl, &req);
    return rc < 0 ? traffic_fail(err, rc) : 0;
}

static int add_ingress(struct netlink *nl, int index)
{
    struct request req;
    struct tcmsg *body = request_body(&req, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, sizeof(*body));
    body->tcm_ifindex = index;
    body->tcm_handle = TC_H_MAKE(TC_H_INGRESS, 0);
    body->tcm_parent = TC_H_INGRESS;
    add_name(&req, TCA_KIND, "ingress");
    return transact(nl, &req);
}

/* A filter that takes everything, under a number of its own so that a second one is told. */
static int add_mirror(struct netlink *nl, int index, int to)
{
    struct request req;
    struct tcmsg *body =
        request_body(&req, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, sizeof(*body));
    /* A selector, which ends in its keys: one, all of zeros, which everything fits. */
    _Alignas(struct tc_u32_sel)
        uint8_t all[sizeof(struct tc_u32_sel) + sizeof(struct tc_u32_key)] = {0};
    struct tc_u32_sel *head = (struct tc_u32_sel *)all;
    head->flags = TC_U32_TERMINAL;
    head->nkeys = 1;
    const struct tc_mirred mirror = {
        .action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = (uint32_t)to};
    body->tcm_ifindex = index;
    body->tcm_handle = 0x80000800;
    body->tcm_parent = TC_H_MAKE(TC_H_INGRESS, 0);
    body->tcm_info = TC_H_MAKE(1U << 16, htons(ETH_P_ALL));
    add_name(&req, TCA_KIND, "u32");
    struct rtattr *options = open_nest(&req, TCA_OPTIONS);
    add_attr(&req, TCA_U32_SEL, all, sizeof(all));
    struct rtattr *actions = open_nest(&req, TCA_U32_ACT);
    struct rtattr *first = open_nest(&req, 1);
    add_name(&req, TCA_ACT_KIND, "mirred");
    struct rtattr *action = open_nest(&req, TCA_ACT_OPTIONS | NLA_F_NESTED);
    add_attr(&req, TCA_MIRRED_PARMS, &mirror, sizeof(mirror));
    close_nest(&req, action);
    close_nest(&req, first);
    close_nest(&req, actions);
    close_nest(&req, options);
    return transact(nl, &req);
}

int netlink_redirect(struct netlink *nl, int index, int to, struct err *err)
{
    int rc = add_ingress(nl, index);
    if (rc == 0 || rc == -EEXIST)
        rc = add_mirror(nl, index, to);
    return rc < 0 && rc != -EEXIST ? traffic_fail(err, rc) : 0;
}

int netlink_set_hairpin(struct netlink *nl, int index, struct err *err)
{
    struct request req;
    struct ifinfomsg *info = request_body(&req, RTM_SETLINK, 0, sizeof(*info));
    const uint8_t on = 1;
    info->ifi_family = AF_BRIDGE;
    info->ifi_index = index;
    struct rtattr *port = open_nest(&req, IFLA_PROTINFO | NLA_F_NESTED);
    add_attr(&req, IFLA_BRPORT_MODE, &on, sizeof(on));
    close_nest(&req, port);
    int rc = transact(nl, &req);
    return rc < 0 ? fail(err, rc, "port of the bridge", "") : 0;
}

int netlink_add_address(struct netlink *nl, int index, uint32_t address, int prefix_len,
                        struct err *err)
{
    struct request req;
    struct ifaddrmsg *body =
        request_body(&req, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*body));
    body->ifa_family = AF_INET;
    body->ifa_prefixlen = (uint8_t)prefix_len;
    body->ifa_index = (uint32_t)index;
    add_u32(&req, IFA_LOCAL, address);
    add_u32(&req, IFA_ADDRESS, address);
    int rc = transact(nl, &req);
    return rc < 0 && rc != -EEXIST ? fail(err, rc, "address", "") : 0;
}

int netlink_add_default_route(struct netlink *nl, int index, uint32_t gateway, struct err *err)
{
    struct request req;
    struct rtmsg *body = request_body(&req, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(*body));
    body->rtm_family = AF_INET;
    body->rtm_table = RT_TABLE_MAIN;
    body->rtm_protocol = RTPROT_STATIC;
    body->rtm_scope = RT_SCOPE_UNIVERSE;
    body->rtm_type = RTN_UNICAST;
    add_u32(&req, RTA_GATEWAY, gateway);
    add_u32(&req, RTA_OIF, (uint32_t)index);
    int rc = transact(nl, &req);
    return rc < 0 && rc != -EEXIST ? fail(err, rc, "default route", "") : 0;
}

/* RTM_GETROUTE towards an address of the documentation range (RFC 5737): which interface would be
 * used. */
static int route_interface(struct netlink *nl)
{
    struct request req;
    struct rtmsg *body = request_body(&req, RTM_GETROUTE, 0, sizeof(*body));
    req.head.nlmsg_flags = NLM_F_REQUEST;
    body->rtm_family = AF_INET;
    body->rtm_dst_len = 32;
    static const uint8_t somewhere[4] = {192, 0, 2, 1};
    add_attr(&req, RTA_DST, somewhere, sizeof(somewhere));
    req.head.nlmsg_seq = ++nl->seq;
    union {
        struct nlmsghdr head;
        char bytes[4096];
    } answer;
    if (send(nl->fd, &req, req.head.nlmsg_len, 0) < 0)
        return -errno;
    ssize_t got = recv(nl->fd, &answer, sizeof(answer), 0);
    const struct nlmsghdr *h = got < 0 ? NULL : message_at(answer.bytes, (size_t)got, 0);
    if (!h)
        return got < 0 ? -errno : -EBADMSG;
    if (h->nlmsg_type == NLMSG_ERROR)
        return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
    for (size_t at = NLMSG_LENGTH(sizeof(struct rtmsg));
         at + sizeof(struct rtattr) <= h->nlmsg_len;) {
        const struct rtattr *a = (const struct rtattr *)(const void *)(answer.bytes + at);
        if (a->rta_len < sizeof(*a) || at + a->rta_len > h->nlmsg_len)
            break;
        if (a->rta_type == RTA_OIF && RTA_PAYLOAD(a) >= sizeof(int))
            return *(const int *)RTA_DATA(a);
        at += RTA_ALIGN(a->rta_len);
    }
    return -ENETUNREACH;
}

int netlink_default_mtu(struct netlink *nl, int *ret_mtu, struct err *err)
{
    int index = route_interface(nl);
    struct ifreq req = {.ifr_ifindex = index};
    int rc = index < 0 ? index : 0;
    if (rc == 0 && (ioctl(nl->fd, SIOCGIFNAME, &req) < 0 || ioctl(nl->fd, SIOCGIFMTU, &req) < 0))
        rc = -errno;
    if (rc < 0)
        return fail(err, rc, "default route", "");
    *ret_mtu = req.ifr_mtu;
    return 0;
}

int netlink_del_link(struct netlink *nl, const char *name, struct err *err)
{
    struct request req;
    struct ifinfomsg *info = request_body(&req, RTM_DELLINK, 0, sizeof(*info));
    (void)info;
    add_name(&req, IFLA_IFNAME, name);
    int rc = transact(nl, &req);
    return rc < 0 && rc != -ENODEV ? fail(err, rc, "removing interface", name) : 0;
}
