#include "agent/net/nft.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct nft {
    int fd;
    uint32_t seq;
};

/* Messages one after the other; attributes go to the last. */
struct batch {
    struct buf bytes;
    size_t message; /* where the last begins */
    uint32_t seq;
};

static void pad(struct batch *batch)
{
    static const char zeros[NLMSG_ALIGNTO] = {0};
    (void)buf_add(&batch->bytes, zeros, NLMSG_ALIGN(batch->bytes.len) - batch->bytes.len);
}

static void end_message(struct batch *batch)
{
    uint32_t len = (uint32_t)(batch->bytes.len - batch->message);
    memcpy(batch->bytes.data + batch->message + offsetof(struct nlmsghdr, nlmsg_len), &len,
           sizeof(len));
}

static void begin_message(struct batch *batch, uint16_t type, uint16_t flags, uint8_t family,
                          uint16_t resource)
{
    const struct nlmsghdr head = {.nlmsg_type = type,
                                  .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
                                  .nlmsg_seq = ++batch->seq};
    const struct nfgenmsg body = {
        .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
    batch->message = batch->bytes.len;
    (void)buf_add(&batch->bytes, &head, sizeof(head));
    (void)buf_add(&batch->bytes, &body, sizeof(body));
}

static size_t open_attr(struct batch *batch, uint16_t type)
{
    const struct nlattr attr = {.nla_type = type};
    size_t at = batch->bytes.len;
    (void)buf_add(&batch->bytes, &attr, sizeof(attr));
    return at;
}

static void close_attr(struct batch *batch, size_t at)
{
    uint16_t len = (uint16_t)(batch->bytes.len - at);
    memcpy(batch->bytes.data + at + offsetof(struct nlattr, nla_len), &len, sizeof(len));
    pad(batch);
}

static size_t open_nest(struct batch *batch, uint16_t type)
{
    return open_attr(batch, (uint16_t)(type | NLA_F_NESTED));
}

static void add_attr(struct batch *batch, uint16_t type, const void *data, size_t len)
{
    size_t at = open_attr(batch, type);
    (void)buf_add(&batch->bytes, data, len);
    close_attr(batch, at);
}

static void add_data(struct batch *batch, uint16_t type, const uint32_t *words, size_t count)
{
    size_t at = open_nest(batch, type);
    add_attr(batch, NFTA_DATA_VALUE, words, count * sizeof(*words));
    close_attr(batch, at);
}

/* A part of a concatenation is a register of 32 bits, the value in its first bytes. */
static uint32_t part(const void *value, size_t len)
{
    uint32_t word = 0;
    memcpy(&word, value, len);
    return word;
}

static uint32_t port_part(uint16_t port)
{
    const uint16_t wire = htons(port);
    return part(&wire, sizeof(wire));
}

static void add_element(struct batch *batch, const char *table, const struct port_rule *rule,
                        bool comes)
{
    const uint32_t key[] = {htonl(rule->host_ip), part(&rule->protocol, 1), port_part(rule->port)};
    const uint32_t data[] = {htonl(rule->pod_ip), port_part(rule->pod_port)};
    const char *set = rule->host_ip ? PORT_MAP_ONE : PORT_MAP_ALL;
    size_t skip = rule->host_ip ? 0 : 1; /* of all addresses: a key without one */
    uint16_t operation = comes ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM;
    begin_message(batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | operation),
                  (uint16_t)(NLM_F_ACK | (comes ? NLM_F_CREATE | NLM_F_EXCL : 0)), NFPROTO_IPV4, 0);
    add_attr(batch, NFTA_SET_ELEM_LIST_TABLE, table, strlen(table) + 1);
    add_attr(batch, NFTA_SET_ELEM_LIST_SET, set, strlen(set) + 1);
    size_t list = open_nest(batch, NFTA_SET_ELEM_LIST_ELEMENTS);
    size_t element = open_nest(batch, NFTA_LIST_ELEM);
    add_data(batch, NFTA_SET_ELEM_KEY, key + skip, 3 - skip);
    if (comes)
        add_data(batch, NFTA_SET_ELEM_DATA, data, 2);
    close_attr(batch, element);
    close_attr(batch, list);
    end_message(batch);
}

/* Up to the answer to the last element: the first that is an error, or 0. What comes late of an
 * earlier batch is passed over. */
static int read_answers(int fd, uint32_t first, uint32_t last)
{
    for (;;) {
        union {
            struct nlmsghdr head;
            char bytes[8192];
        } answer;
        ssize_t got = recv(fd, &answer, sizeof(answer), 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        for (size_t at = 0; at + sizeof(struct nlmsghdr) <= (size_t)got;) {
            const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)(answer.bytes + at);
            if (h->nlmsg_len < sizeof(*h) || at + h->nlmsg_len > (size_t)got)
                break;
            at += NLMSG_ALIGN(h->nlmsg_len);
            if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_seq - first > last - first ||
                h->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr)))
                continue;
            int rc = ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
            if (rc < 0 || h->nlmsg_seq == last)
                return rc < 0 ? rc : 0;
        }
    }
}

/* In the namespace of who asks first. */
static int open_socket(struct nft *nft)
{
    /* The kernel answers at once; a limit all the same, since this is the agent's loop. */
    const struct timeval limit = {.tv_sec = 2};
    if (nft->fd >= 0)
        return 0;
    autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
        return -errno;
    nft->fd = steal_fd(&fd);
    return 0;
}

static int transact(struct nft *nft, const struct batch *batch, uint32_t first, uint32_t last,
                    struct err *err)
{
    int rc = open_socket(nft);
    if (rc == 0)
        rc = send(nft->fd, batch->bytes.data, batch->bytes.len, 0) < 0
                 ? -errno
                 : read_answers(nft->fd, first, last);
    nft->seq = batch->seq;
    return rc < 0 ? err_errno(err, -rc, "ports of the node") : 0;
}

struct nft *nft_new(void)
{
    struct nft *nft = xcalloc(1, sizeof(*nft));
    nft->fd = -1;
    return nft;
}

void nft_free(struct nft *nft)
{
    if (!nft)
        return;
    if (nft->fd >= 0)
        close(nft->fd);
    free(nft);
}

int nft_change_ports(struct nft *nft, const char *table, const struct port_rules *gone,
                     const struct port_rules *come, struct err *err)
{
    if (gone->count + come->count > NFT_CHANGES_MAX)
        return err_set(err, -E2BIG, "ports of the node: too many at once");
    if (gone->count + come->count == 0)
        return 0;
    struct batch batch = {.seq = nft->seq};
    buf_init(&batch.bytes, 0);
    uint32_t first = batch.seq + 1;
    begin_message(&batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    end_message(&batch);
    for (size_t i = 0; i < gone->count; i++)
        add_element(&batch, table, &gone->items[i], false);
    for (size_t i = 0; i < come->count; i++)
        add_element(&batch, table, &come->items[i], true);
    uint32_t last = batch.seq;
    begin_message(&batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    end_message(&batch);
    int rc = transact(nft, &batch, first, last, err);
    buf_done(&batch.bytes);
    return rc;
}
