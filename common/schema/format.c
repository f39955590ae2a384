#include "common/schema/format.h"

#include "common/base/str.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

static const char label_text[] =
    "must be a-z, 0-9 and '-', beginning and ending with a letter or digit";

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

/* len characters of `inner`, the first and last of `edge`. */
static bool is_framed(const char *s, size_t len, const char *edge, const char *inner)
{
    if (len == 0 || !is_one_of(s[0], edge) || !is_one_of(s[len - 1], edge))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_one_of(s[i], inner))
            return false;
    return true;
}

const char *format_dns1123_label(const char *s)
{
    if (strlen(s) > 63)
        return "must be at most 63 characters";
    return is_framed(s, strlen(s), LOWER DIGIT, LOWER DIGIT "-") ? NULL : label_text;
}

const char *format_dns1123_subdomain(const char *s)
{
    if (strlen(s) > 253)
        return "must be at most 253 characters";
    for (;; s++) {
        size_t len = strcspn(s, ".");
        if (!is_framed(s, len, LOWER DIGIT, LOWER DIGIT "-"))
            return "must be a-z, 0-9, '-' and '.', each part beginning and ending with a letter or "
                   "digit";
        s += len;
        if (!*s)
            return NULL;
    }
}

const char *format_dns1035_label(const char *s)
{
    if (*s >= '0' && *s <= '9')
        return "must begin with a letter";
    return format_dns1123_label(s);
}

static const char *name_part(const char *s, bool may_be_empty)
{
    size_t len = strlen(s);
    if (len > 63)
        return "must be at most 63 characters";
    if ((len == 0 && may_be_empty) || is_framed(s, len, LOWER UPPER DIGIT, LOWER UPPER DIGIT "-_."))
        return NULL;
    return "must be letters, digits, '-', '_' and '.', beginning and ending with a letter or digit";
}

const char *format_qualified_name(const char *s)
{
    const char *slash = strchr(s, '/');
    if (!slash)
        return name_part(s, false);
    char prefix[254];
    if (snprintf(prefix, sizeof(prefix), "%.*s", (int)(slash - s), s) >= (int)sizeof(prefix))
        return "must have a prefix of at most 253 characters";
    if (format_dns1123_subdomain(prefix))
        return "must have a DNS name before its '/'";
    return name_part(slash + 1, false);
}

const char *format_label_value(const char *s)
{
    return name_part(s, true);
}

const char *format_env_name(const char *s)
{
    if (!*s)
        return "must not be empty";
    for (; *s; s++)
        if (*s < 0x20 || *s > 0x7e || *s == '=')
            return "must be printable ASCII without '='";
    return NULL;
}

const char *format_config_key(const char *s)
{
    size_t len = strlen(s);
    if (len == 0 || len > 253)
        return "must have 1-253 characters";
    if (str_eq(s, ".") || str_has_prefix(s, ".."))
        return "must not be '.' nor begin with '..'";
    return strspn(s, LOWER UPPER DIGIT "-_.") == len ? NULL
                                                     : "must be letters, digits, '-', '_' and '.'";
}

static bool climbs(const char *path)
{
    for (const char *s = path;; s++) {
        size_t len = strcspn(s, "/");
        if (len == 2 && s[0] == '.' && s[1] == '.')
            return true;
        s += len;
        if (!*s)
            return false;
    }
}

const char *format_path_absolute(const char *s)
{
    if (*s != '/')
        return "must be an absolute path";
    return climbs(s) ? "must not hold '..'" : NULL;
}

const char *format_path_relative(const char *s)
{
    if (*s == '/')
        return "must be a relative path";
    return climbs(s) ? "must not hold '..'" : NULL;
}

const char *format_host_path(const char *s)
{
    if (!*s)
        return "must not be empty";
    return climbs(s) ? "must not hold '..'" : NULL;
}

const char *format_mount_path(const char *s)
{
    return *s ? NULL : "must not be empty";
}

/* [a-z0-9]+ with single '.', one or two '_', or any '-' between (distribution's reference grammar).
 */
static bool is_path_component(const char *s, size_t len)
{
    if (!is_framed(s, len, LOWER DIGIT, LOWER DIGIT "._-"))
        return false;
    for (size_t i = 1; i < len; i++) {
        bool dots = s[i] == '.' && is_one_of(s[i - 1], "._-");
        bool underscores = s[i] == '_' && (is_one_of(s[i - 1], ".-") ||
                                           (s[i - 1] == '_' && i > 1 && s[i - 2] == '_'));
        if (dots || underscores || (s[i] == '-' && is_one_of(s[i - 1], "._")))
            return false;
    }
    return true;
}

/* host[:port]: what stands before the first '/' if it has a '.', a ':' or is localhost. */
static size_t registry_len(const char *s, size_t len)
{
    const char *slash = memchr(s, '/', len);
    size_t host = slash ? (size_t)(slash - s) : 0;
    bool registry = memchr(s, '.', host) || memchr(s, ':', host) ||
                    (host == 9 && memcmp(s, "localhost", 9) == 0);
    return registry ? host : 0;
}

static bool is_registry(const char *s, size_t len)
{
    if (len > 0 && *s == '[') { /* an IPv6 address */
        const char *close = memchr(s, ']', len);
        size_t inner = close ? (size_t)(close - s) - 1 : 0;
        if (inner == 0 || strspn(s + 1, "0123456789abcdefABCDEF:") < inner)
            return false;
        len -= inner + 2;
        s += inner + 2;
        return len == 0 || (*s == ':' && len > 1 && strspn(s + 1, DIGIT) >= len - 1);
    }
    const char *colon = memchr(s, ':', len);
    size_t host = colon ? (size_t)(colon - s) : len;
    if (colon && (host + 1 == len || strspn(colon + 1, DIGIT) < len - host - 1))
        return false;
    for (const char *part = s;; part++) {
        size_t part_len = 0;
        while (part + part_len < s + host && part[part_len] != '.')
            part_len++;
        if (!is_framed(part, part_len, LOWER UPPER DIGIT, LOWER UPPER DIGIT "-"))
            return false;
        part += part_len;
        if (part == s + host)
            return true;
    }
}

static const char *check_digest(const char *s)
{
    static const struct {
        const char *prefix;
        size_t digits;
    } algorithms[] = {{"sha256:", 64}, {"sha384:", 96}, {"sha512:", 128}};
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        if (!str_has_prefix(s, algorithms[i].prefix))
            continue;
        s += strlen(algorithms[i].prefix);
        bool ok =
            strlen(s) == algorithms[i].digits && strspn(s, DIGIT "abcdef") == algorithms[i].digits;
        return ok ? NULL : "has a digest of the wrong length, or not in lower-case hexadecimal";
    }
    return "has a digest that is not sha256:, sha384: or sha512:";
}

const char *format_image(const char *s)
{
    static const char says[] = "must be an image reference: [host[:port]/]path[:tag][@digest]";
    if (!*s)
        return "must not be empty";
    if (strlen(s) > 512)
        return "must be at most 512 characters";
    size_t len = strcspn(s, "@");
    const char *wrong = s[len] ? check_digest(s + len + 1) : NULL;
    if (wrong)
        return wrong;
    size_t registry = registry_len(s, len);
    if (registry && !is_registry(s, registry))
        return says;
    const char *path = registry ? s + registry + 1 : s;
    len -= (size_t)(path - s);
    const char *colon = memchr(path, ':', len);
    if (colon) {
        size_t tag = len - (size_t)(colon - path) - 1;
        if (tag == 0 || tag > 128 || is_one_of(colon[1], ".-") ||
            strspn(colon + 1, LOWER UPPER DIGIT "_.-") < tag)
            return "has a tag that is not 1-128 letters, digits, '_', '.' and '-'";
        len -= tag + 1;
    }
    for (const char *end = path + len;; path++) {
        const char *slash = memchr(path, '/', (size_t)(end - path));
        const char *stop = slash ? slash : end;
        if (!is_path_component(path, (size_t)(stop - path)))
            return says;
        if (!slash)
            return NULL;
        path = slash;
    }
}

const char *format_port_name(const char *s)
{
    size_t len = strlen(s);
    if (len > 15)
        return "must be at most 15 characters";
    if (!is_framed(s, len, LOWER DIGIT, LOWER DIGIT "-"))
        return label_text;
    if (strspn(s, DIGIT "-") == len)
        return "must hold a letter";
    return strstr(s, "--") ? "must not hold '--'" : NULL;
}

const char *format_ip(const char *s)
{
    unsigned char address[16];
    bool ok = inet_pton(AF_INET, s, address) == 1 || inet_pton(AF_INET6, s, address) == 1;
    return ok ? NULL : "must be an IP address";
}

const char *format_cidr(const char *s)
{
    static const char says[] = "must be an address and a length, such as 10.0.0.0/8";
    char address[64];
    uint64_t bits;
    const char *slash = strchr(s, '/');
    if (!slash ||
        snprintf(address, sizeof(address), "%.*s", (int)(slash - s), s) >= (int)sizeof(address))
        return says;
    if (format_ip(address) || str_to_u64(slash + 1, &bits) < 0)
        return says;
    return bits <= (strchr(address, ':') ? 128 : 32) ? NULL : says;
}

const char *format_uid(const char *s)
{
    size_t len = strlen(s);
    if (len == 0 || len > 128)
        return "must have 1-128 characters";
    return strspn(s, LOWER UPPER DIGIT "-_.:") == len
               ? NULL
               : "must be letters, digits, '-', '_', '.' and ':'";
}

const char *format_path_segment(const char *s)
{
    if (str_eq(s, ".") || str_eq(s, ".."))
        return "may not be '.' or '..'";
    return strpbrk(s, "/%") ? "may not contain '/' or '%'" : NULL;
}

const char *format_not_empty(const char *s)
{
    return *s ? NULL : "must not be empty";
}

const struct schema_rule rule_dns1123_label = {.format = format_dns1123_label};
const struct schema_rule rule_dns1123_subdomain = {.format = format_dns1123_subdomain};
const struct schema_rule rule_dns1035_label = {.format = format_dns1035_label};
const struct schema_rule rule_qualified_name = {.format = format_qualified_name};
const struct schema_rule rule_label_value = {.format = format_label_value};
const struct schema_rule rule_env_name = {.format = format_env_name};
const struct schema_rule rule_config_key = {.format = format_config_key};
const struct schema_rule rule_path_relative = {.format = format_path_relative};
const struct schema_rule rule_path_absolute = {.format = format_path_absolute};
const struct schema_rule rule_host_path = {.format = format_host_path};
const struct schema_rule rule_mount_path = {.format = format_mount_path};
const struct schema_rule rule_image = {.format = format_image};
const struct schema_rule rule_port_name = {.format = format_port_name};
const struct schema_rule rule_ip = {.format = format_ip};
const struct schema_rule rule_cidr = {.format = format_cidr};
const struct schema_rule rule_uid = {.format = format_uid};
const struct schema_rule rule_not_empty = {.format = format_not_empty};
const struct schema_rule rule_port = {.ranged = true, .min = 1, .max = 65535};
const struct schema_rule rule_not_negative = {.ranged = true, .min = 0, .max = INT64_MAX};
const struct schema_rule rule_positive = {.ranged = true, .min = 1, .max = INT64_MAX};
const struct schema_rule rule_file_mode = {.ranged = true, .min = 0, .max = 0777};
const struct schema_rule rule_id = {.ranged = true, .min = 0, .max = INT32_MAX};
