#include "common/kinds/address.h"

#include "common/base/str.h"

#include <arpa/inet.h>

const char *address_family(const char *ip)
{
    unsigned char bytes[16];
    if (inet_pton(AF_INET, ip, bytes) == 1)
        return "IPv4";
    return inet_pton(AF_INET6, ip, bytes) == 1 ? "IPv6" : NULL;
}

/* The first `bits` bits of both are equal. */
static bool is_within(const unsigned char *address, const unsigned char *net, unsigned bits)
{
    unsigned char rest = (unsigned char)(0xff << (8 - bits % 8));
    return memcmp(address, net, bits / 8) == 0 &&
           (bits % 8 == 0 || ((address[bits / 8] ^ net[bits / 8]) & rest) == 0);
}

const char *format_plain_ip(const char *ip)
{
    static const char unspecified[] = "may not be unspecified (0.0.0.0 or ::)";
    static const char loopback[] = "may not be in the loopback range (127.0.0.0/8, ::1/128)";
    static const char local[] = "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
    static const char multicast[] =
        "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)";
    static const struct {
        int family;
        unsigned char net[16];
        unsigned bits;
        const char *reason;
    } special[] = {
        {AF_INET, {0}, 32, unspecified},     {AF_INET, {127}, 8, loopback},
        {AF_INET, {169, 254}, 16, local},    {AF_INET, {224}, 24, multicast},
        {AF_INET6, {0}, 128, unspecified},   {AF_INET6, {[15] = 1}, 128, loopback},
        {AF_INET6, {0xfe, 0x80}, 10, local}, {AF_INET6, {0xff, 0x02}, 16, multicast},
    };
    unsigned char bytes[16];
    int family = inet_pton(AF_INET, ip, bytes) == 1 ? AF_INET : AF_INET6;
    if (family == AF_INET6 && inet_pton(AF_INET6, ip, bytes) != 1)
        return "must be an IP address";
    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if (special[i].family == family && is_within(bytes, special[i].net, special[i].bits))
            return special[i].reason;
    return NULL;
}
