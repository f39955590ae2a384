#include "tools/cli/image_name.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <stdio.h>

/* The registry in front, with its '/'; 0: there is none (as Docker tells them apart). */
static size_t registry_len(const char *text)
{
    size_t len = strcspn(text, "/");
    autofree char *first = xstrndup(text, len);
    if (text[len] != '/')
        return 0;
    return strpbrk(first, ".:") || str_eq(first, "localhost") ? len + 1 : 0;
}

static int split(const char *text, struct image_name *ret, struct err *err)
{
    const char *slash = strrchr(text, '/');
    const char *mark = strchr(text, '@');
    if (!mark)
        mark = strchr(slash ? slash : text, ':');
    size_t len = mark ? (size_t)(mark - text) : strlen(text);
    if (len == 0 || len >= sizeof(ret->repository) ||
        (mark && (!mark[1] || strlen(mark + 1) >= sizeof(ret->tag))))
        return err_set(err, -EINVAL, "\"%.64s\" is no name of an image", text);
    for (const char *at = text; *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789._-/", *at) && at < text + len)
            return err_set(err, -EINVAL,
                           "\"%.64s\" is no name of an image: lower case letters, digits and ._-/ "
                           "are",
                           text);
    if (mark && strspn(mark + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789._-:") != strlen(mark + 1))
        return err_set(err, -EINVAL, "\"%.64s\" is no tag", mark + 1);
    snprintf(ret->repository, sizeof(ret->repository), "%.*s", (int)len, text);
    snprintf(ret->tag, sizeof(ret->tag), "%s", mark ? mark + 1 : "");
    return 0;
}

int image_name_parse(const char *text, const char *server, struct image_name *ret, struct err *err)
{
    size_t len = registry_len(text);
    const char *host = server ? strstr(server, "://") : NULL;
    host = host ? host + strlen("://") : "";
    if (len == 0)
        return split(text, ret, err);
    autofree char *registry = xstrndup(text, len - 1);
    bool same = strlen(registry) == strcspn(host, "/") && str_has_prefix(host, registry);
    if (!same && !str_eq(registry, IMAGE_HERE))
        return err_set(err, -EINVAL,
                       "%s is not this gateway, which is called " IMAGE_HERE " (or needs no name)",
                       registry);
    return split(text + len, ret, err);
}

int image_name_of_archive(const char *text, struct image_name *ret, struct err *err)
{
    static const char docker[] = "docker.io/library/";
    size_t len = registry_len(text);
    return split(text + (str_has_prefix(text, docker) ? strlen(docker) : len), ret, err);
}
