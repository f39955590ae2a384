#include "tools/cli/resource.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"

void resource_free(struct resource *resource)
{
    if (!resource)
        return;
    free(resource->group);
    free(resource->version);
    free(resource->plural);
    free(resource->singular);
    free(resource->kind);
    free(resource);
}

struct resource *resource_of(const struct schema_kind *kind)
{
    struct resource *r = xcalloc(1, sizeof(*r));
    r->group = xstrdup(kind->group);
    r->version = xstrdup(kind->version);
    r->plural = xstrdup(kind->plural);
    r->singular = xstrdup(kind->singular);
    r->kind = xstrdup(kind->kind);
    r->namespaced = kind->namespaced;
    r->known = kind;
    return r;
}

static bool has_short_name(const struct value *entry, const char *name)
{
    const struct value *list = value_get(entry, "shortNames");
    for (size_t i = 0; i < value_len(list); i++)
        if (str_eq(value_str(value_at(list, i)), name))
            return true;
    return false;
}

static bool same(const char *a, const char *b)
{
    return a && strcasecmp(a, b) == 0;
}

struct resource *resource_in_list(const struct value *list, const char *name)
{
    const char *where = value_get_str(list, "groupVersion");
    const char *slash = where ? strchr(where, '/') : NULL;
    autofree char *group = slash ? xstrndup(where, (size_t)(slash - where)) : xstrdup("");
    const char *dot = strchr(name, '.');
    if (!where || (dot && !str_eq(dot + 1, group)))
        return NULL;
    autofree char *plain = xstrndup(name, dot ? (size_t)(dot - name) : strlen(name));
    const struct value *entries = value_get(list, "resources");
    for (size_t i = 0; i < value_len(entries); i++) {
        const struct value *entry = value_at(entries, i);
        const char *plural = value_get_str(entry, "name"), *kind = value_get_str(entry, "kind");
        const char *singular = value_get_str(entry, "singularName");
        if (!plural || !kind || strchr(plural, '/') ||
            !(same(plural, plain) || same(singular, plain) || same(kind, plain) ||
              has_short_name(entry, plain)))
            continue;
        struct resource *r = xcalloc(1, sizeof(*r));
        r->group = xstrdup(group);
        r->version = xstrdup(slash ? slash + 1 : where);
        r->plural = xstrdup(plural);
        r->singular = xstrdup(str_empty(singular) ? plural : singular);
        r->kind = xstrdup(kind);
        r->namespaced = value_get_bool(entry, "namespaced", false);
        return r;
    }
    return NULL;
}

/* *ret stays NULL if no resource of that group and version has the name. 0 or -1. */
static int look_in(struct cli *cli, const char *path, const char *name, struct resource **ret)
{
    cleanup(value_free) struct value *list = NULL;
    if (cli_get_ok(cli, path, &list) < 0)
        return -1;
    *ret = resource_in_list(list, name);
    return 0;
}

static struct resource *ask_server(struct cli *cli, const char *name)
{
    struct resource *found = NULL;
    if (look_in(cli, "/api/v1", name, &found) < 0 || found)
        return found;
    cleanup(value_free) struct value *all = NULL;
    if (cli_get_ok(cli, "/apis", &all) < 0)
        return NULL;
    const struct value *groups = value_get(all, "groups");
    for (size_t i = 0; i < value_len(groups); i++) {
        const struct value *preferred = value_get(value_at(groups, i), "preferredVersion");
        const char *where = value_get_str(preferred, "groupVersion");
        autofree char *path = xasprintf("/apis/%s", where ? where : "");
        if (!where)
            continue;
        if (look_in(cli, path, name, &found) < 0 || found)
            return found;
    }
    (void)cli_fail("the server knows no kind '%s'", name);
    return NULL;
}

struct resource *resource_find(struct cli *cli, const char *name)
{
    const struct schema_kind *kind = kinds_find_name(NULL, name);
    return kind ? resource_of(kind) : ask_server(cli, name);
}

static void add_escaped(struct buf *buf, const char *s)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *s; s++) {
        if (strchr(plain, *s))
            (void)buf_addc(buf, *s);
        else
            (void)buf_addf(buf, "%%%02X", (unsigned char)*s);
    }
}

char *resource_path(const struct resource *resource, const char *ns, const char *name)
{
    struct buf path;
    buf_init(&path, 0);
    if (*resource->group)
        (void)buf_addf(&path, "/apis/%s/%s", resource->group, resource->version);
    else
        (void)buf_addf(&path, "/api/%s", resource->version);
    if (resource->namespaced && ns) {
        (void)buf_addstr(&path, "/namespaces/");
        add_escaped(&path, ns);
    }
    (void)buf_addf(&path, "/%s", resource->plural);
    if (name) {
        (void)buf_addc(&path, '/');
        add_escaped(&path, name);
    }
    return buf_steal(&path, NULL);
}

void resource_add_name(const struct resource *resource, const char *name, struct buf *ret)
{
    (void)buf_addf(ret, "%s%s%s/%s", resource->singular, *resource->group ? "." : "",
                   resource->group, name);
}

void query_add(struct buf *path, const char *key, const char *value)
{
    if (!value)
        return;
    (void)buf_addf(path, "%c%s=", strchr(buf_str(path), '?') ? '&' : '?', key);
    add_escaped(path, value);
}
