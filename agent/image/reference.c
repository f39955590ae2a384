#include "agent/image/reference.h"

#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdio.h>

#define DEFAULT_REGISTRY "docker.io"
#define DEFAULT_TAG "latest"
#define NAME_MAX_LEN 255 /* registry and repository together, as distribution has it */

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool is_alnum(char c)
{
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z');
}

bool digest_valid(const char *digest)
{
    if (!digest || !str_has_prefix(digest, DIGEST_PREFIX))
        return false;
    const char *hex = digest + strlen(DIGEST_PREFIX);
    if (WEAKENED(IMAGE_DIGEST_TEXT))
        return true;
    for (size_t i = 0; i < DIGEST_HEX; i++)
        if (!is_digit(hex[i]) && !(hex[i] >= 'a' && hex[i] <= 'f'))
            return false;
    return hex[DIGEST_HEX] == '\0';
}

const char *digest_hex(const char *digest)
{
    return digest + strlen(DIGEST_PREFIX);
}

/* One label of a host name, or of what looks like an IPv4 address. */
static bool host_label(const char *s, size_t len)
{
    if (len == 0 || s[0] == '-' || s[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_alnum(s[i]) && s[i] != '-')
            return false;
    return true;
}

static bool host_valid(const char *s, size_t len)
{
    size_t start = 0;
    for (size_t i = 0; i <= len; i++) {
        if (i < len && s[i] != '.')
            continue;
        if (!host_label(s + start, i - start))
            return false;
        start = i + 1;
    }
    return true;
}

/* "[::1]" */
static bool host6_valid(const char *s, size_t len)
{
    if (len < 4 || s[0] != '[' || s[len - 1] != ']')
        return false;
    for (size_t i = 1; i + 1 < len; i++)
        if (!is_digit(s[i]) && !(s[i] >= 'a' && s[i] <= 'f') && !(s[i] >= 'A' && s[i] <= 'F') &&
            s[i] != ':' && s[i] != '.')
            return false;
    return true;
}

static bool port_valid(const char *s)
{
    uint64_t port = 0;
    return strlen(s) <= 5 && str_to_u64(s, &port) == 0 && port >= 1 && port <= 65535;
}

static bool registry_valid(const char *registry)
{
    size_t len = strlen(registry);
    const char *from = registry[0] == '[' ? strchr(registry, ']') : registry;
    const char *colon = from ? strchr(from, ':') : NULL;
    if (colon) {
        if (!port_valid(colon + 1))
            return false;
        len = (size_t)(colon - registry);
    }
    return registry[0] == '[' ? host6_valid(registry, len) : host_valid(registry, len);
}

/* [a-z0-9]+ joined by one of '.', '_', '__' or any number of '-'. */
static bool path_component(const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t run = 0;
        while (i + run < len && (is_lower(s[i + run]) || is_digit(s[i + run])))
            run++;
        if (run == 0)
            return false;
        i += run;
        if (i == len)
            return true;
        size_t sep = 0;
        while (i + sep < len && s[i + sep] == s[i])
            sep++;
        bool fine = s[i] == '-' || (s[i] == '.' && sep == 1) || (s[i] == '_' && sep <= 2);
        if (!fine)
            return false;
        i += sep;
    }
    return false; /* empty, or it ends with a separator */
}

static int component_wrong(void *ctx, const char *piece, size_t len)
{
    (void)ctx;
    return !path_component(piece, len);
}

static bool tag_valid(const char *tag)
{
    size_t len = strlen(tag);
    if (len == 0 || len > 128 || (!is_alnum(tag[0]) && tag[0] != '_'))
        return false;
    for (size_t i = 1; i < len; i++)
        if (!is_alnum(tag[i]) && tag[i] != '_' && tag[i] != '.' && tag[i] != '-')
            return false;
    return true;
}

static int wrong(struct err *err, const char *text, const char *why)
{
    return err_set(err, -EINVAL, "image name \"%.120s\": %s", text, why);
}

/* Whether what stands before the first '/' is a host and not a part of the repository. */
static bool names_host(const char *s, size_t len)
{
    return memchr(s, '.', len) || memchr(s, ':', len) || s[0] == '[' ||
           (len == 9 && memcmp(s, "localhost", 9) == 0);
}

static void split_registry(char *name, struct reference *ret, const char **ret_repository)
{
    char *slash = strchr(name, '/');
    *ret_repository = name;
    snprintf(ret->registry, sizeof(ret->registry), "%s", DEFAULT_REGISTRY);
    if (slash && names_host(name, (size_t)(slash - name))) {
        *slash = '\0';
        *ret_repository = slash + 1;
        bool docker = str_eq(name, "index.docker.io") || str_eq(name, "registry-1.docker.io");
        snprintf(ret->registry, sizeof(ret->registry), "%.255s", docker ? DEFAULT_REGISTRY : name);
    }
}

int reference_parse(const char *text, struct reference *ret, struct err *err)
{
    char name[REFERENCE_MAX + 1];
    struct reference ref = {0};
    if (str_empty(text))
        return wrong(err, "", "it is empty");
    size_t len = strlen(text);
    if (len > REFERENCE_MAX)
        return wrong(err, text, "it is longer than 512 characters");
    memcpy(name, text, len + 1);
    char *at = strchr(name, '@');
    if (at) {
        *at = '\0';
        if (!digest_valid(at + 1))
            return wrong(err, text, "the digest must be sha256: and 64 hexadecimal digits");
        snprintf(ref.digest, sizeof(ref.digest), "%.71s", at + 1);
    }
    char *slash = strrchr(name, '/'), *colon = strrchr(name, ':');
    if (colon && (!slash || colon > slash)) {
        *colon = '\0';
        if (!tag_valid(colon + 1))
            return wrong(err, text, "the tag must be 1-128 of letters, digits, '_', '.', '-'");
        snprintf(ref.tag, sizeof(ref.tag), "%.128s", colon + 1);
    } else if (!at) {
        snprintf(ref.tag, sizeof(ref.tag), "%s", DEFAULT_TAG);
    }
    if (strlen(name) > NAME_MAX_LEN)
        return wrong(err, text, "host and repository are longer than 255 characters");
    const char *repository = NULL;
    split_registry(name, &ref, &repository);
    if (!registry_valid(ref.registry))
        return wrong(err, text,
                     "the registry must be a host name or address with an optional port");
    if (str_split(repository, '/', component_wrong, NULL))
        return wrong(err, text,
                     "the repository must be lower-case letters and digits, with single '.', '_', "
                     "'-' and '/' between them");
    bool bare = str_eq(ref.registry, DEFAULT_REGISTRY) && !strchr(repository, '/');
    if (strlen(repository) + 8 >= sizeof(ref.repository))
        return wrong(err, text, "host and repository are longer than 255 characters");
    snprintf(ref.repository, sizeof(ref.repository), "%s%.247s", bare ? "library/" : "",
             repository);
    *ret = ref;
    return 0;
}

void reference_format(const struct reference *ref, char ret[REFERENCE_MAX + 256])
{
    snprintf(ret, REFERENCE_MAX + 256, "%s/%s%s%s%s%s", ref->registry, ref->repository,
             ref->tag[0] ? ":" : "", ref->tag, ref->digest[0] ? "@" : "", ref->digest);
}
