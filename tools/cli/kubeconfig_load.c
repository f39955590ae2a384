#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"
#include "tools/cli/kubeconfig.h"

#include <errno.h>

static const char *const usual[] = {"/etc/limpet/admin.kubeconfig",
                                    "/var/lib/limpet/controller/admin.kubeconfig"};

static char *absolute(const char *path)
{
    if (*path == '/')
        return xstrdup(path);
    autofree char *here = getcwd(NULL, 0);
    return xasprintf("%s/%s", here ? here : "", path);
}

static int read_file(const char *path, struct buf *ret, struct err *err)
{
    struct disk *disk = disk_posix();
    autofree char *whole = absolute(path);
    return disk->read(disk, whole, KUBECONFIG_MAX, ret, err);
}

/* Fills *text from the file unless it is there already. */
static int fill(char **text, const char *file, bool trim, struct err *err)
{
    if (*text || !file)
        return 0;
    struct buf content;
    buf_init(&content, 0);
    int rc = read_file(file, &content, err);
    if (rc == 0) {
        *text = buf_steal(&content, NULL);
        if (trim)
            (*text)[strcspn(*text, " \r\n")] = '\0';
    }
    buf_done(&content);
    return rc;
}

/* 1 = read and parsed, 0 = there is no such file, or a negative errno. */
static int try_file(const char *path, const char *context, struct kubeconfig **ret, struct err *err)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    int rc = read_file(path, &text, err);
    if (rc < 0)
        return rc == -ENOENT || rc == -ENOTDIR ? 0 : rc;
    cleanup(kubeconfig_free) struct kubeconfig *config = NULL;
    rc = kubeconfig_parse(buf_str(&text), text.len, path, context, &config, err);
    if (rc == 0)
        rc = fill(&config->ca_pem, config->ca_file, false, err);
    if (rc == 0)
        rc = fill(&config->cert_pem, config->cert_file, false, err);
    if (rc == 0)
        rc = fill(&config->key_pem, config->key_file, false, err);
    if (rc == 0)
        rc = fill(&config->token, config->token_file, true, err);
    if (rc < 0)
        return rc;
    *ret = steal(config);
    return 1;
}

static int load_named(const char *path, const char *from, const char *context,
                      struct kubeconfig **ret, struct err *err)
{
    int rc = try_file(path, context, ret, err);
    if (rc == 0)
        rc = err_set(err, -ENOENT, "%s (%s): no such file", path, from);
    return rc < 0 ? rc : 0;
}

/* The first that exists of a list between ':'. */
static int load_list(const char *list, const char *context, struct kubeconfig **ret,
                     struct err *err)
{
    for (const char *at = list; *at;) {
        size_t len = strcspn(at, ":");
        autofree char *path = xstrndup(at, len);
        int rc = *path ? try_file(path, context, ret, err) : 0;
        if (rc != 0)
            return rc < 0 ? rc : 0;
        at += len + (at[len] == ':');
    }
    return err_set(err, -ENOENT, "%s ($KUBECONFIG): no such file", list);
}

static int load_usual(const char *context, struct kubeconfig **ret, struct err *err)
{
    const char *home = getenv("HOME");
    autofree char *own = xasprintf("%s/.kube/config", home ? home : "/root");
    const char *const last[] = {usual[0], usual[1], own};
    int refused = 0;
    struct err why = {0};
    for (size_t i = 0; i < ARRAY_LEN(last); i++) {
        int rc = try_file(last[i], context, ret, refused ? &why : err);
        if (rc > 0)
            return 0;
        if (rc < 0 && rc != -EACCES)
            return rc;
        refused = refused ? refused : rc; /* not ours to read: perhaps a later one is */
    }
    if (refused)
        return refused;
    return err_set(err, -ENOENT,
                   "no kubeconfig: give --kubeconfig FILE or $KUBECONFIG (looked for %s, %s, %s)",
                   last[0], last[1], last[2]);
}

int kubeconfig_load(const char *given, const char *context, struct kubeconfig **ret,
                    struct err *err)
{
    const char *limpet = getenv("LIMPET_KUBECONFIG"), *kube = getenv("KUBECONFIG");
    if (given)
        return load_named(given, "--kubeconfig", context, ret, err);
    if (!str_empty(limpet))
        return load_named(limpet, "$LIMPET_KUBECONFIG", context, ret, err);
    if (!str_empty(kube))
        return load_list(kube, context, ret, err);
    return load_usual(context, ret, err);
}
