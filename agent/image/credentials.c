#include "agent/image/credentials.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#define CONFIG_MAX (1024 * 1024)

static void forget(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

static void credential_done(struct credential *c)
{
    free(c->key);
    free(c->username);
    forget(c->password);
}

void credentials_done(struct credentials *credentials)
{
    for (size_t i = 0; i < credentials->count; i++)
        credential_done(&credentials->items[i]);
    free(credentials->items);
    *credentials = (struct credentials){0};
}

int credentials_decode_auth(const char *auth, char **ret_username, char **ret_password)
{
    static const char *const padding[] = {"", "===", "==", "="}; /* some leave it out */
    uint8_t *bytes = NULL;
    size_t len = 0;
    char *padded = xasprintf("%s%s", auth, padding[strlen(auth) % 4]);
    int rc = base64_decode(padded, strlen(padded), &bytes, &len);
    forget(padded);
    if (rc < 0)
        return -EINVAL;
    autofree char *text = xstrndup((const char *)bytes, len); /* ends at a NUL: Docker pads so */
    explicit_bzero(bytes, len);
    free(bytes);
    char *colon = strchr(text, ':');
    if (!colon) {
        explicit_bzero(text, strlen(text));
        return -EINVAL;
    }
    *ret_username = xstrndup(text, (size_t)(colon - text));
    *ret_password = xstrdup(colon + 1);
    explicit_bzero(text, strlen(text));
    return 0;
}

/* "https://index.docker.io/v1/" is what docker login writes: a host, and a path that is none. */
static char *normal_key(const char *key)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (strncasecmp(key, schemes[i], strlen(schemes[i])) == 0)
            key += strlen(schemes[i]);
    size_t host = strcspn(key, "/");
    const char *path = key + host;
    if (str_has_prefix(path, "/v1/") || str_has_prefix(path, "/v2/"))
        path += 3;
    if (str_eq(path, "/"))
        path = "";
    bool hub = host == strlen("index.docker.io") && strncasecmp(key, "index.docker.io", host) == 0;
    return xasprintf("%.*s%s", hub ? (int)strlen("docker.io") : (int)host, hub ? "docker.io" : key,
                     path);
}

/* Takes c. The longer of two keys that fit the same image is the greater text; those of one key
 * stay in the order in which they came. */
static void insert(struct credentials *credentials, struct credential c)
{
    size_t at = credentials->count;
    credentials->items =
        xreallocarray(credentials->items, credentials->count + 1, sizeof(*credentials->items));
    for (; at > 0 && strcmp(credentials->items[at - 1].key, c.key) < 0; at--)
        credentials->items[at] = credentials->items[at - 1];
    credentials->items[at] = c;
    credentials->count++;
}

static int add_entry(struct credentials *credentials, const char *key, const struct value *entry,
                     struct err *err)
{
    const char *username = value_get_str(entry, "username");
    const char *password = value_get_str(entry, "password");
    const char *auth = value_get_str(entry, "auth");
    struct credential c = {0};
    if (value_type(entry) != VALUE_MAP)
        return err_set(err, -EINVAL, "an entry is not a map");
    if (credentials->count >= CREDENTIALS_MAX)
        return err_set(err, -EINVAL, "more than %d registries", CREDENTIALS_MAX);
    if (!str_empty(auth)) {
        if (credentials_decode_auth(auth, &c.username, &c.password) < 0)
            return err_set(err, -EINVAL, "an \"auth\" is not the base64 of user:password");
    } else {
        c.username = xstrdup(username ? username : "");
        c.password = xstrdup(password ? password : "");
    }
    bool fits = strlen(c.username) <= CREDENTIAL_TEXT_MAX &&
                strlen(c.password) <= CREDENTIAL_TEXT_MAX && !strchr(c.username, ':');
    if (!fits || str_empty(c.username)) {
        credential_done(&c);
        return fits ? 0 : err_set(err, -EINVAL, "a user or password is not one");
    }
    c.key = normal_key(key);
    insert(credentials, c);
    return 0;
}

static int add_config(struct credentials *credentials, const char *text, size_t len, bool legacy,
                      struct err *err)
{
    cleanup(value_free) struct value *doc = NULL;
    if (len > CONFIG_MAX || json_parse(text, len, &doc, NULL) < 0 || value_type(doc) != VALUE_MAP)
        return err_set(err, -EINVAL, "it is not JSON"); /* the parser's words would quote it */
    const struct value *auths = legacy ? doc : value_get(doc, "auths");
    for (size_t i = 0; i < value_len(auths); i++) {
        const char *key = value_key_at(auths, i);
        int rc = add_entry(credentials, key, value_get(auths, key), err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int credentials_add_secret(struct credentials *credentials, const struct value *secret,
                           struct err *err)
{
    static const struct {
        const char *type, *key;
        bool legacy;
    } types[] = {
        {"kubernetes.io/dockerconfigjson", ".dockerconfigjson", false},
        {"kubernetes.io/dockercfg", ".dockercfg", true},
    };
    const char *name = value_get_str(value_get(secret, "metadata"), "name");
    const char *type = value_get_str(secret, "type");
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (!str_eq(types[i].type, type))
            continue;
        const char *data = value_get_str(value_get(secret, "data"), types[i].key);
        const char *plain = value_get_str(value_get(secret, "stringData"), types[i].key);
        uint8_t *bytes = NULL;
        size_t len = 0;
        int rc = 0;
        if (plain)
            rc = add_config(credentials, plain, strlen(plain), types[i].legacy, err);
        else if (!data || base64_decode(data, strlen(data), &bytes, &len) < 0)
            rc = err_set(err, -EINVAL, "it has no %s", types[i].key);
        else
            rc = add_config(credentials, (const char *)bytes, len, types[i].legacy, err);
        if (bytes)
            explicit_bzero(bytes, len);
        free(bytes);
        return rc < 0 ? err_wrap(err, "pull secret %.100s", name) : 0;
    }
    return err_set(err, -EINVAL, "pull secret %.100s: its type is %.60s, not %s", name,
                   type ? type : "Opaque", types[0].type);
}

/* Host and port of "host[:port]": no port is another one than any port. */
static const char *port_of(const char *host, size_t len, size_t *ret_name)
{
    const char *colon = memrchr(host, ':', len);
    if (!colon || memchr(colon, ']', len - (size_t)(colon - host))) {
        *ret_name = len;
        return "";
    }
    *ret_name = (size_t)(colon - host);
    return colon;
}

/* Of one part: * and ?. It goes back to the last star only, so that it takes no more steps than the
 * product of the lengths. */
static bool part_fits(const char *glob, size_t glob_len, const char *part, size_t len)
{
    size_t g = 0, p = 0, star = SIZE_MAX, from = 0;
    while (p < len) {
        if (g < glob_len && glob[g] == '*') {
            star = g++;
            from = p;
        } else if (g < glob_len && (glob[g] == '?' || tolower((unsigned char)glob[g]) ==
                                                          tolower((unsigned char)part[p]))) {
            g++;
            p++;
        } else if (star != SIZE_MAX) {
            g = star + 1;
            p = ++from;
        } else {
            return false;
        }
    }
    while (g < glob_len && glob[g] == '*')
        g++;
    return g == glob_len;
}

/* Part by part between the dots, so that a * stands for one part only. */
static bool host_fits(const char *glob, size_t glob_len, const char *host)
{
    for (;;) {
        const char *dot = memchr(glob, '.', glob_len);
        size_t len = dot ? (size_t)(dot - glob) : glob_len, host_len = strcspn(host, ".");
        if (!part_fits(glob, len, host, host_len) && !WEAKENED(PULL_SECRET_HOST))
            return false;
        if (!dot || !host[host_len])
            return !dot && !host[host_len];
        glob += len + 1;
        glob_len -= len + 1;
        host += host_len + 1;
    }
}

static bool fits(const char *key, const char *registry, const char *repository)
{
    size_t len = strcspn(key, "/"), key_name = 0, name = 0;
    char target[300], host[256];
    const char *key_port = port_of(key, len, &key_name);
    const char *port = port_of(registry, strlen(registry), &name);
    if (strlen(port) != (size_t)(*key_port ? key + len - key_port : 0) ||
        memcmp(port, key_port, strlen(port)) != 0)
        return false;
    snprintf(host, sizeof(host), "%.*s", (int)name, registry);
    snprintf(target, sizeof(target), "/%s", repository);
    return host_fits(key, key_name, host) && str_has_prefix(target, key + len);
}

size_t credentials_match(const struct credentials *credentials, const char *registry,
                         const char *repository,
                         const struct credential *ret[CREDENTIALS_TRIED_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < credentials->count && count < CREDENTIALS_TRIED_MAX; i++)
        if (fits(credentials->items[i].key, registry, repository))
            ret[count++] = &credentials->items[i];
    return count;
}

void credentials_copy(const struct credentials *from, struct credentials *to)
{
    *to = (struct credentials){0};
    if (!from || from->count == 0)
        return;
    to->items = xcalloc(from->count, sizeof(*to->items));
    for (; to->count < from->count; to->count++) {
        const struct credential *c = &from->items[to->count];
        to->items[to->count] =
            (struct credential){xstrdup(c->key), xstrdup(c->username), xstrdup(c->password)};
    }
}

bool credentials_equal(const struct credentials *a, const struct credentials *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!str_eq(a->items[i].key, b->items[i].key) ||
            !str_eq(a->items[i].username, b->items[i].username) ||
            !str_eq(a->items[i].password, b->items[i].password))
            return false;
    return true;
}
