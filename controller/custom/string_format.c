#include "controller/custom/string_format.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/schema/format.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_date_time(const char *s)
{
    int64_t ns;
    return clock_parse(s, &ns) == 0;
}

static bool is_date(const char *s)
{
    char whole[40];
    if (strlen(s) != 10)
        return false;
    memcpy(whole, s, 10);
    memcpy(whole + 10, "T00:00:00Z", 11);
    return is_date_time(whole);
}

static bool is_ipv4(const char *s)
{
    struct in_addr in;
    return inet_pton(AF_INET, s, &in) == 1;
}

static bool is_ipv6(const char *s)
{
    struct in6_addr in;
    return inet_pton(AF_INET6, s, &in) == 1;
}

static bool is_cidr(const char *s)
{
    return format_cidr(s) == NULL;
}

static bool is_byte(const char *s)
{
    uint8_t *bytes = NULL;
    size_t len;
    bool right = base64_decode(s, strlen(s), &bytes, &len) == 0;
    free(bytes);
    return right;
}

static bool is_hostname(const char *s)
{
    for (const char *c = s; *c; c++)
        if (isupper((unsigned char)*c))
            return strlen(s) <= 253 && !strpbrk(s, " /:@_");
    return format_dns1123_subdomain(s) == NULL;
}

static bool is_uuid(const char *s)
{
    size_t digits = 0;
    for (; *s; s++) {
        if (*s == '-' && (digits == 8 || digits == 12 || digits == 16 || digits == 20))
            continue;
        if (!isxdigit((unsigned char)*s))
            return false;
        digits++;
    }
    return digits == 32;
}

static bool is_mac(const char *s)
{
    size_t len = strlen(s), step = len == 14 ? 5 : 3;
    if (len != 17 && len != 23 && len != 14)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool gap = (i + 1) % step == 0;
        if (gap ? s[i] != (step == 5 ? '.' : s[2]) || !strchr(":-.", s[i])
                : !isxdigit((unsigned char)s[i]))
            return false;
    }
    return true;
}

/* A scheme and something, or a path. */
static bool is_uri(const char *s)
{
    for (const char *c = s; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return false;
    if (*s == '/')
        return true;
    size_t scheme = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    return scheme > 0 && isalpha((unsigned char)*s) && s[scheme] == ':' && s[scheme + 1];
}

static bool is_email(const char *s)
{
    const char *at = strrchr(s, '@');
    return at && at > s && at[1] && !strpbrk(s, " \t\r\n");
}

/* Go's: "1h30m", "-1.5s", "0". */
static bool is_duration(const char *s)
{
    static const char *const units[] = {"ns", "us", "\302\265s", "\316\274s", "ms", "s", "m", "h"};
    s += *s == '-' || *s == '+';
    if (str_eq(s, "0"))
        return true;
    bool any = *s;
    while (*s) {
        size_t digits = strspn(s, "0123456789"), i = 0;
        size_t rest = s[digits] == '.' ? strspn(s + digits + 1, "0123456789") + 1 : 0;
        if (digits + rest < (rest ? 2u : 1u))
            return false;
        s += digits + rest;
        for (; i < ARRAY_LEN(units) && !str_has_prefix(s, units[i]);)
            i++;
        if (i == ARRAY_LEN(units))
            return false;
        s += strlen(units[i]);
    }
    return any;
}

static const struct {
    const char *name;
    bool (*fits)(const char *text);
} formats[] = {
    {"date-time", is_date_time},
    {"datetime", is_date_time},
    {"date", is_date},
    {"ipv4", is_ipv4},
    {"ipv6", is_ipv6},
    {"cidr", is_cidr},
    {"byte", is_byte},
    {"hostname", is_hostname},
    {"uuid", is_uuid},
    {"mac", is_mac},
    {"uri", is_uri},
    {"email", is_email},
    {"duration", is_duration},
};

bool string_format_is_known(const char *format)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (str_eq(format, formats[i].name))
            return true;
    return false;
}

bool string_format_fits(const char *format, const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (str_eq(format, formats[i].name))
            return formats[i].fits(text);
    return true;
}
