#include "agent/image/registries.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/diag.h"
#include "common/data/yaml.h"

#include <errno.h>
#include <stdio.h>

/* What stands at a key: one of these words, or a map of known or of free keys. */
struct shape {
    const char *key; /* NULL: any */
    enum { SHAPE_TEXT, SHAPE_PATH, SHAPE_FLAG, SHAPE_AUTH, SHAPE_URLS, SHAPE_MAP } kind;
    const struct shape *inner; /* of a map */
    size_t count;
};

#define INNER(shapes) SHAPE_MAP, shapes, ARRAY_LEN(shapes)

static const struct shape mirror[] = {{"endpoint", SHAPE_URLS, NULL, 0}};
static const struct shape mirrors[] = {{NULL, INNER(mirror)}};
static const struct shape auth[] = {
    {"username", SHAPE_TEXT, NULL, 0},
    {"password", SHAPE_TEXT, NULL, 0},
    {"auth", SHAPE_AUTH, NULL, 0},
};
static const struct shape tls[] = {
    {"ca_file", SHAPE_PATH, NULL, 0},
    {"cert_file", SHAPE_PATH, NULL, 0},
    {"key_file", SHAPE_PATH, NULL, 0},
    {"insecure_skip_verify", SHAPE_FLAG, NULL, 0},
};
static const struct shape config[] = {{"auth", INNER(auth)}, {"tls", INNER(tls)}};
static const struct shape configs[] = {{NULL, INNER(config)}};
static const struct shape top[] = {{"mirrors", INNER(mirrors)}, {"configs", INNER(configs)}};
static const struct shape document = {NULL, INNER(top)};

/* The part of a URL behind its scheme; NULL: neither http nor https. */
static const char *behind_scheme(const char *url)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (str_has_prefix(url, schemes[i]))
            return url + strlen(schemes[i]);
    return NULL;
}

static bool url_valid(const char *url)
{
    const char *host = url ? behind_scheme(url) : NULL;
    return host && strlen(url) < 512 && strcspn(host, "/") > 0 && strcspn(host, "/") < 256 &&
           !strpbrk(host, "@?#\\ \"\t\r\n");
}

static const char *wrong_urls(const struct value *value)
{
    if (value_type(value) != VALUE_LIST || value_len(value) > REGISTRIES_MAX_ENDPOINTS)
        return "must be a list of at most 8 URLs";
    for (size_t i = 0; i < value_len(value); i++)
        if (!url_valid(value_str(value_at(value, i))))
            return "must be URLs: http:// or https://, a host, maybe a port and a path";
    return NULL;
}

/* What is wrong with what is no map; NULL: nothing. Never shows what stands there. */
static const char *wrong(const struct shape *shape, const struct value *value)
{
    const char *text = value_str(value);
    cleanup(credentials_done) struct credentials decoded = {xcalloc(1, sizeof(*decoded.items)), 1};
    switch (shape->kind) {
    case SHAPE_TEXT:
        return text && strlen(text) <= CREDENTIAL_TEXT_MAX ? NULL : "must be a string";
    case SHAPE_PATH:
        return text && text[0] == '/' ? NULL : "must be an absolute path";
    case SHAPE_FLAG:
        return value_type(value) == VALUE_BOOL ? NULL : "must be true or false";
    case SHAPE_AUTH:
        return text && strlen(text) <= CREDENTIAL_TEXT_MAX &&
                       credentials_decode_auth(text, &decoded.items->username,
                                               &decoded.items->password) == 0
                   ? NULL
                   : "must be the base64 of user:password";
    case SHAPE_URLS:
        return wrong_urls(value);
    default:
        return NULL;
    }
}

static const struct shape *find(const struct shape *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++)
        if (!map->inner[i].key || str_eq(map->inner[i].key, key))
            return &map->inner[i];
    return NULL;
}

static void check(const struct shape *shape, const struct value *value, int line, const char *path,
                  struct diags *diags)
{
    if (shape->kind != SHAPE_MAP) {
        const char *reason = wrong(shape, value);
        if (reason)
            diags_add(diags, line, path, "FieldValueInvalid", "%s", reason);
        return;
    }
    if (value_type(value) != VALUE_MAP && value_type(value) != VALUE_NULL)
        diags_add(diags, line, path, "FieldValueTypeInvalid", "must be a map");
    for (size_t i = 0; value_type(value) == VALUE_MAP && i < value_len(value); i++) {
        const char *key = value_key_at(value, i);
        const struct shape *inner = find(shape, key);
        autofree char *at = xasprintf("%s%s%.100s", path, *path ? "." : "", key);
        if (str_eq(at, "configs.*.auth"))
            diags_add(diags, value_key_line_at(value, i), at, "FieldValueForbidden",
                      "a password is for one registry");
        else if (inner)
            check(inner, value_get(value, key), value_key_line_at(value, i), at, diags);
        else
            diags_add(diags, value_key_line_at(value, i), at, "FieldUnknown", "unknown key");
    }
}

int registries_parse(const char *file, const char *text, size_t len, struct value **ret,
                     struct err *err)
{
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    cleanup(value_free) struct value *doc = NULL;
    if (len > REGISTRIES_MAX_BYTES)
        diags_add(&diags, 0, "", "FieldValueInvalid", "more than %d bytes", REGISTRIES_MAX_BYTES);
    else if (text[strspn(text, " \t\r\n")] && yaml_parse(text, len, &doc, &diags) == 0)
        check(&document, doc, value_line(doc), "", &diags);
    if (diags.count == 0) {
        *ret = steal(doc);
        return 0;
    }
    cleanup(buf_done) struct buf lines;
    buf_init(&lines, 0);
    diags_print(&diags, file, &lines);
    return err_set(err, -EINVAL, "%.*s", (int)strcspn(buf_str(&lines), "\n"), buf_str(&lines));
}

/* Its own entry, or that of all. */
static const struct value *entry_of(const struct value *map, const char *host)
{
    const struct value *entry = value_get(map, host);
    if (!entry && str_eq(host, "docker.io"))
        entry = value_get(map, "registry-1.docker.io");
    return entry ? entry : value_get(map, "*");
}

static void add_auth(struct value *list, const char *username, const char *password)
{
    struct value *item = value_new_map();
    value_set_str(item, "username", username);
    value_set_str(item, "password", password);
    value_append(list, item);
}

static void add_own_auth(struct value *list, const struct value *own)
{
    const char *both = value_get_str(own, "auth");
    const char *username = value_get_str(own, "username");
    const char *password = value_get_str(own, "password");
    cleanup(credentials_done) struct credentials decoded = {xcalloc(1, sizeof(*decoded.items)), 1};
    struct credential *c = decoded.items;
    if (!str_empty(both) && credentials_decode_auth(both, &c->username, &c->password) == 0)
        add_auth(list, c->username, c->password);
    else if (!str_empty(username))
        add_auth(list, username, password ? password : "");
}

/* What is said of one host, and who we are there: what is meant for one is never shown another. */
static struct value *endpoint_of(const struct value *registries, const char *host,
                                 const struct reference *ref, const struct credentials *credentials)
{
    static const struct {
        const char *from, *to;
    } files[] = {{"ca_file", "caFile"}, {"cert_file", "certFile"}, {"key_file", "keyFile"}};
    const struct value *entry = entry_of(value_get(registries, "configs"), host);
    const struct value *said = value_get(entry, "tls");
    struct value *endpoint = value_new_map();
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        value_set_str(endpoint, files[i].to, value_get_str(said, files[i].from));
    if (value_get_bool(said, "insecure_skip_verify", false))
        value_set_bool(endpoint, "skipVerify", true);
    struct value *list = value_set(endpoint, "auth", value_new_list());
    const struct credential *fit[CREDENTIALS_TRIED_MAX];
    const char *meant = WEAKENED(PULL_SECRET_MIRROR) ? ref->registry : host;
    size_t count = credentials_match(credentials, meant, ref->repository, fit);
    for (size_t i = 0; i < count; i++)
        add_auth(list, fit[i]->username, fit[i]->password);
    add_own_auth(list, value_get(entry, "auth"));
    return endpoint;
}

struct value *registries_endpoints(const struct value *registries, const struct reference *ref,
                                   const struct credentials *credentials)
{
    struct value *list = value_new_list();
    const struct value *urls =
        value_get(entry_of(value_get(registries, "mirrors"), ref->registry), "endpoint");
    for (size_t i = 0; i < value_len(urls); i++) {
        const char *url = value_str(value_at(urls, i));
        const char *host = behind_scheme(url);
        size_t len = strcspn(host, "/");
        bool bare = !host[len] || str_eq(host + len, "/");
        autofree char *name = xstrndup(host, len);
        struct value *endpoint = endpoint_of(registries, name, ref, credentials);
        autofree char *base =
            bare ? xasprintf("%.*s/v2", (int)(host + len - url), url) : xasprintf("%s", url);
        if (str_has_suffix(base, "/"))
            base[strlen(base) - 1] = '\0';
        value_set_str(endpoint, "url", base);
        value_append(list, endpoint);
    }
    value_append(list, endpoint_of(registries, ref->registry, ref, credentials));
    return list;
}
