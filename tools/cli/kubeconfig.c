#include "tools/cli/kubeconfig.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/data/yaml.h"

#include <errno.h>

static void free_secret(char *s)
{
    if (s)
        crypto_wipe(s, strlen(s));
    free(s);
}

void kubeconfig_free(struct kubeconfig *config)
{
    if (!config)
        return;
    free(config->file);
    free(config->server);
    free(config->tls_server_name);
    free(config->ns);
    free(config->ca_pem);
    free(config->ca_file);
    free(config->cert_pem);
    free(config->cert_file);
    free_secret(config->key_pem);
    free(config->key_file);
    free_secret(config->token);
    free(config->token_file);
    free(config->username);
    free_secret(config->password);
    free(config);
}

/* The map `what` of the entry called `name` in the list `lists`: clusters: [{name, cluster: {}}].
 */
static const struct value *entry(const struct value *doc, const char *lists, const char *what,
                                 const char *name, struct err *err)
{
    const struct value *list = value_get(doc, lists);
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *found = value_get(value_at(list, i), what);
        if (found && str_eq(value_get_str(value_at(list, i), "name"), name))
            return found;
    }
    err_set(err, -EINVAL, "%s: there is none called '%s'", lists, name);
    return NULL;
}

static char *copy(const struct value *map, const char *key)
{
    const char *s = value_get_str(map, key);
    return str_empty(s) ? NULL : xstrdup(s);
}

static char *beside(const struct value *map, const char *key, const char *file)
{
    const char *s = value_get_str(map, key), *slash = strrchr(file, '/');
    if (str_empty(s))
        return NULL;
    if (*s == '/' || !slash)
        return xstrdup(s);
    return xasprintf("%.*s/%s", (int)(slash - file), file, s);
}

/* base64 of text. Absent gives NULL. */
static int decode(const struct value *map, const char *key, char **ret, struct err *err)
{
    const char *s = value_get_str(map, key);
    uint8_t *data;
    size_t len;
    if (str_empty(s))
        return 0;
    if (base64_decode(s, strlen(s), &data, &len) < 0 || strlen((char *)data) != len)
        return err_set(err, -EINVAL, "%s: not base64 of PEM", key);
    *ret = (char *)data;
    return 0;
}

static int read_cluster(const struct value *cluster, const char *file, struct kubeconfig *config,
                        struct err *err)
{
    const char *server = value_get_str(cluster, "server");
    if (!str_has_prefix(server ? server : "", "https://"))
        return err_set(err, -EINVAL, "cluster: server: '%s': must be https://HOST:PORT",
                       server ? server : "");
    config->server = xstrdup(server);
    for (size_t len = strlen(config->server); config->server[len - 1] == '/'; len--)
        config->server[len - 1] = '\0';
    config->insecure = value_get_bool(cluster, "insecure-skip-tls-verify", false);
    config->tls_server_name = copy(cluster, "tls-server-name");
    config->ca_file = beside(cluster, "certificate-authority", file);
    return decode(cluster, "certificate-authority-data", &config->ca_pem, err);
}

static int read_user(const struct value *user, const char *file, struct kubeconfig *config,
                     struct err *err)
{
    static const char *const foreign[] = {"exec", "auth-provider"};
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        if (value_get(user, foreign[i]))
            return err_set(err, -EINVAL, "user: %s: only certificates, tokens and passwords serve",
                           foreign[i]);
    config->token = copy(user, "token");
    config->token_file = beside(user, "tokenFile", file);
    config->username = copy(user, "username");
    config->password = copy(user, "password");
    config->cert_file = beside(user, "client-certificate", file);
    config->key_file = beside(user, "client-key", file);
    int rc = decode(user, "client-certificate-data", &config->cert_pem, err);
    return rc < 0 ? rc : decode(user, "client-key-data", &config->key_pem, err);
}

static int read_context(const struct value *doc, const char *name, struct kubeconfig *config,
                        struct err *err)
{
    if (!name)
        name = value_get_str(doc, "current-context");
    if (str_empty(name))
        return err_set(err, -EINVAL, "current-context: missing");
    const struct value *context = entry(doc, "contexts", "context", name, err);
    if (!context)
        return -EINVAL;
    const char *ns = value_get_str(context, "namespace");
    const char *cluster_name = value_get_str(context, "cluster");
    const char *user_name = value_get_str(context, "user");
    config->ns = xstrdup(str_empty(ns) ? "default" : ns);
    const struct value *cluster =
        entry(doc, "clusters", "cluster", cluster_name ? cluster_name : "", err);
    if (!cluster)
        return -EINVAL;
    int rc = read_cluster(cluster, config->file, config, err);
    if (rc < 0 || str_empty(user_name))
        return rc;
    const struct value *user = entry(doc, "users", "user", user_name, err);
    return user ? read_user(user, config->file, config, err) : -EINVAL;
}

int kubeconfig_parse(const char *text, size_t len, const char *file, const char *context,
                     struct kubeconfig **ret, struct err *err)
{
    cleanup(value_free) struct value *doc = NULL;
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    if (yaml_parse(text, len, &doc, &diags) < 0) {
        cleanup(buf_done) struct buf lines;
        buf_init(&lines, 0);
        diags_print(&diags, file, &lines);
        return err_set(err, -EINVAL, "%.*s", (int)strcspn(buf_str(&lines), "\n"), buf_str(&lines));
    }
    cleanup(kubeconfig_free) struct kubeconfig *config = xcalloc(1, sizeof(*config));
    config->file = xstrdup(file);
    if (read_context(doc, context, config, err) < 0)
        return err_wrap(err, "%s", file);
    *ret = steal(config);
    return 0;
}
