#include "agent/net/addresses.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

struct addresses {
    uint32_t network;
    int prefix_len;
    uint32_t size;    /* addresses of the range, network and broadcast included */
    uint32_t next;    /* offset to try first */
    struct map *pods; /* uid -> offset as a pointer-sized number, never 0 */
    bool *used;       /* by offset */
};

int address_parse(const char *text, uint32_t *ret)
{
    struct in_addr in;
    if (inet_pton(AF_INET, text, &in) != 1)
        return -EINVAL;
    *ret = ntohl(in.s_addr);
    return 0;
}

void address_format(uint32_t address, char ret[ADDRESS_TEXT])
{
    snprintf(ret, ADDRESS_TEXT, "%u.%u.%u.%u", address >> 24, (address >> 16) & 255,
             (address >> 8) & 255, address & 255);
}

int addresses_new(const char *cidr, struct addresses **ret, struct err *err)
{
    const char *slash = strchr(cidr, '/');
    uint64_t prefix = 0;
    uint32_t network = 0;
    autofree char *text = slash ? xstrndup(cidr, (size_t)(slash - cidr)) : xstrdup(cidr);
    if (!slash || str_to_u64(slash + 1, &prefix) < 0 || address_parse(text, &network) < 0)
        return err_set(err, -EINVAL, "pod range \"%s\": want an IPv4 network as 10.42.0.0/24",
                       cidr);
    if (prefix < 16 || prefix > 30)
        return err_set(err, -EINVAL, "pod range \"%s\": the prefix must be /16 to /30", cidr);
    uint32_t size = UINT32_C(1) << (32 - prefix);
    if (network & (size - 1))
        return err_set(err, -EINVAL, "pod range \"%s\": has host bits set", cidr);
    struct addresses *a = xcalloc(1, sizeof(*a));
    a->network = network;
    a->prefix_len = (int)prefix;
    a->size = size;
    a->next = 2;
    a->pods = map_new();
    a->used = xcalloc(size, sizeof(*a->used));
    *ret = a;
    return 0;
}

void addresses_free(struct addresses *a)
{
    if (!a)
        return;
    map_free(a->pods, NULL);
    free(a->used);
    free(a);
}

uint32_t addresses_gateway(const struct addresses *a)
{
    return a->network + 1;
}

int addresses_prefix_len(const struct addresses *a)
{
    return a->prefix_len;
}

static void give(struct addresses *a, const char *uid, uint32_t offset)
{
    a->used[offset] = true;
    (void)map_put(a->pods, uid, (void *)(uintptr_t)offset);
}

bool addresses_find(const struct addresses *a, const char *uid, uint32_t *ret)
{
    uintptr_t offset = (uintptr_t)map_get(a->pods, uid);
    if (offset == 0)
        return false;
    *ret = a->network + (uint32_t)offset;
    return true;
}

int addresses_take(struct addresses *a, const char *uid, uint32_t *ret, struct err *err)
{
    if (addresses_find(a, uid, ret))
        return 0;
    const uint32_t first = 2, last = a->size - 2; /* without network, gateway, broadcast */
    for (uint32_t tried = 0; tried <= last - first; tried++) {
        uint32_t offset = a->next;
        a->next = a->next == last ? first : a->next + 1;
        if (a->used[offset])
            continue;
        give(a, uid, offset);
        *ret = a->network + offset;
        return 0;
    }
    return err_set(err, -ENOSPC, "no address left: all %u of the node's range are in use",
                   last - first + 1);
}

int addresses_claim(struct addresses *a, const char *uid, uint32_t address)
{
    uint32_t offset = address - a->network, known = 0;
    if (address < a->network || offset < 2 || offset > a->size - 2)
        return -ERANGE;
    if (addresses_find(a, uid, &known))
        return known == address ? 0 : -EEXIST;
    if (a->used[offset])
        return -EEXIST;
    give(a, uid, offset);
    return 0;
}

void addresses_drop(struct addresses *a, const char *uid)
{
    uintptr_t offset = (uintptr_t)map_del(a->pods, uid);
    if (offset)
        a->used[offset] = false;
}
