#include "tools/cli/credentials.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/fs/disk.h"

#include <stdio.h>
#include <stdlib.h>

static void wipe(char *text)
{
    if (text)
        crypto_wipe(text, strlen(text));
    free(text);
}

void credentials_done(struct credentials *c)
{
    wipe(c->cert_pem);
    wipe(c->key_pem);
    wipe(c->token);
    *c = (struct credentials){0};
}

static void add_coded(struct buf *to, const char *key, const char *text)
{
    if (!text)
        return;
    char *coded = base64_encode(text, strlen(text));
    (void)buf_addf(to, "    %s: %s\n", key, coded);
    wipe(coded);
}

/* JSON's way of quoting is YAML's too. */
static void add_quoted(struct buf *to, const char *key, const char *text)
{
    (void)buf_addf(to, "%s: \"", key);
    for (const char *p = text; *p; p++)
        (void)buf_addf(to, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
    (void)buf_addstr(to, "\"\n");
}

void credentials_write(const struct credentials *c, struct buf *ret)
{
    (void)buf_addstr(ret, "apiVersion: v1\nkind: Config\nclusters:\n- name: limpet\n  cluster:\n");
    add_quoted(ret, "    server", c->server);
    add_coded(ret, "certificate-authority-data", c->ca_pem);
    (void)buf_addstr(ret, "users:\n");
    add_quoted(ret, "- name", c->user);
    (void)buf_addstr(ret, "  user:\n");
    add_coded(ret, "client-certificate-data", c->cert_pem);
    add_coded(ret, "client-key-data", c->key_pem);
    if (c->token)
        add_quoted(ret, "    token", c->token);
    (void)buf_addstr(ret, "contexts:\n- name: limpet\n  context:\n    cluster: limpet\n");
    add_quoted(ret, "    user", c->user);
    (void)buf_addstr(ret, "    namespace: default\ncurrent-context: limpet\n");
}

int credentials_print(const struct credentials *c)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    credentials_write(c, &text);
    fputs(buf_str(&text), stdout);
    crypto_wipe(text.data, text.len);
    return 0;
}

int credentials_save(const struct credentials *c, const char *dir, struct err *err)
{
    struct disk *disk = disk_posix();
    cleanup(buf_done) struct buf config;
    buf_init(&config, 0);
    credentials_write(c, &config);
    const struct {
        const char *name, *text;
    } files[] = {{"ca.crt", c->ca_pem},
                 {"client.crt", c->cert_pem},
                 {"client.key", c->key_pem},
                 {"kubeconfig", buf_str(&config)}};
    int rc = disk->mkdirs(disk, dir, 0700, err);
    for (size_t i = 0; i < ARRAY_LEN(files) && rc == 0; i++) {
        autofree char *path = xasprintf("%s/%s", dir, files[i].name);
        if (files[i].text)
            rc = disk->replace(disk, path, files[i].text, strlen(files[i].text), 0600, err);
    }
    crypto_wipe(config.data, config.len);
    return rc;
}
